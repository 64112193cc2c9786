"""A critic of patches: for each of many overlapping places, how real a picture looks (Isola et al. 2017)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from signtok.config import CriticConfig
from signtok.nn.maps import GROUPS, Map, fourier


def critics(model: nn.Module) -> list[nn.Parameter]:
    """Of all modules of a model that are its opponents and no part of what it does."""
    found = [module for module in model.modules() if getattr(module, "opponent", False)]
    return [parameter for module in found for parameter in module.parameters()]


class TimedNorm(nn.Module):
    """Group normalisation, scaled and shifted by the time (AdaGN); without a time plain."""

    def __init__(self, channels: int, time: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.time = nn.Linear(time, 2 * channels) if time else None

    def forward(self, x: Map, time: Float[Tensor, "b e"] | None) -> Map:
        h = self.norm(x)
        if self.time is None or time is None:
            return h
        scale, shift = self.time(time)[:, :, None, None].chunk(2, 1)
        return h * (1 + scale) + shift


class PatchCritic(nn.Module):
    """(B, inputs, H, W), and for a timed one t (B,), to logits (B, 1, H', W'): positive where it looks real.

    opponent: its gradient is clipped by itself, for it is not a part of what it stands against.
    """

    opponent = True

    def __init__(self, config: CriticConfig, inputs: int, timed: bool) -> None:
        super().__init__()
        self.config, time = config, config.time if timed else 0
        self.embed = nn.Sequential(nn.Linear(config.channels, time), nn.SiLU(), nn.Linear(time, time)) if time else None
        widths = [config.channels * min(2**level, 8) for level in range(config.layers + 1)]
        bounded = spectral_norm if config.spectral else lambda layer: layer
        self.enter = bounded(nn.Conv2d(inputs, widths[0], 4, stride=2, padding=1))
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        for level in range(1, config.layers + 1):
            stride = 2 if level < config.layers else 1
            layer = nn.Conv2d(widths[level - 1], widths[level], 4, stride=stride, padding=1, bias=False)
            self.layers.append(bounded(layer))
            self.norms.append(TimedNorm(widths[level], time))
        self.leave = bounded(nn.Conv2d(widths[-1], 1, 4, padding=1))

    def forward(self, x: Map, t: Float[Tensor, " b"] | None = None) -> Map:
        time = None
        if self.embed is not None:
            assert t is not None, "this critic is told the time"
            time = F.silu(self.embed(fourier(t, self.config.channels)))
        h = F.leaky_relu(self.enter(x.contiguous(memory_format=torch.channels_last)), 0.2)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h = F.leaky_relu(norm(layer(h), time), 0.2)
        return self.leave(h)
