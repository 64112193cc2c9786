"""The U-Net of ADM (Dhariwal and Nichol 2021), as paper 003 decodes with it: a noised picture and what it is
conditioned on, channel by channel, and a time; a picture out."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from signtok.config import UNetConfig
from signtok.nn.attention import Attention, zero
from signtok.nn.maps import GROUPS, Map, check_sides, fourier


class ResidualBlock(nn.Module):
    """skip(x) + conv(silu(norm(conv(silu(norm(x)))))), the second norm scaled and shifted by the time.

    resize: 0.5 or 2 halves or doubles height and width, between the first norm and its convolution and in the skip.
    """

    def __init__(self, before: int, after: int, time: int, resize: float = 1.0) -> None:
        super().__init__()
        self.resize = resize
        self.norm_in = nn.GroupNorm(GROUPS, before)
        self.conv_in = nn.Conv2d(before, after, 3, padding=1)
        self.time = nn.Linear(time, 2 * after)
        self.norm_out = nn.GroupNorm(GROUPS, after)
        self.conv_out = zero(nn.Conv2d(after, after, 3, padding=1))
        self.skip = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def resized(self, x: Map) -> Map:
        if self.resize == 1:
            return x
        return F.avg_pool2d(x, 2) if self.resize < 1 else F.interpolate(x, scale_factor=2.0, mode="nearest")

    def forward(self, x: Map, time: Float[Tensor, "b e"]) -> Map:
        h = self.conv_in(self.resized(F.silu(self.norm_in(x))))
        scale, shift = self.time(F.silu(time))[:, :, None, None].chunk(2, 1)
        h = self.conv_out(F.silu(self.norm_out(h) * (1 + scale) + shift))
        return self.skip(self.resized(x)) + h


class Stage(nn.Module):
    """A residual block, and attention where there is any."""

    def __init__(self, before: int, after: int, time: int, head: int | None) -> None:
        super().__init__()
        self.block = ResidualBlock(before, after, time)
        self.attention = nn.Identity() if head is None else Attention(after, head)

    def forward(self, x: Map, time: Float[Tensor, "b e"]) -> Map:
        return self.attention(self.block(x, time))


class UNet(nn.Module):
    """inputs, outputs: channels of what it is given and of what it gives, at full height and width, which have to be
    multiples of `config.stride`. In channels-last memory, which a CPU is fastest in."""

    def __init__(self, config: UNetConfig, inputs: int, outputs: int = 3) -> None:
        super().__init__()
        self.config = config
        base, area = config.channels, config.patch**2
        widths, time = [base * m for m in config.multipliers], 4 * base
        self.time = nn.Sequential(nn.Linear(base, time), nn.SiLU(), nn.Linear(time, time))
        self.enter = nn.Conv2d(inputs * area, widths[0], 3, padding=1)
        self.down, skips = self._down(widths, time)
        self.middle = nn.ModuleList(
            [Stage(widths[-1], widths[-1], time, config.head), Stage(widths[-1], widths[-1], time, None)]
        )
        self.up = self._up(widths, skips, time)
        self.norm = nn.GroupNorm(GROUPS, widths[0])
        self.leave = zero(nn.Conv2d(widths[0], outputs * area, 3, padding=1))

    def _head(self, level: int) -> int | None:
        return self.config.head if level in self.config.attention else None

    def _down(self, widths: list[int], time: int) -> tuple[nn.ModuleList, list[int]]:
        """The blocks on the way down, and the channels of what each of them leaves for the way up."""
        layers, skips, now = nn.ModuleList(), [widths[0]], widths[0]
        for level, width in enumerate(widths):
            if level:
                layers.append(ResidualBlock(now, now, time, 0.5))
                skips.append(now)
            for _ in range(self.config.blocks):
                layers.append(Stage(now, width, time, self._head(level)))
                now = width
                skips.append(now)
        return layers, skips

    def _up(self, widths: list[int], skips: list[int], time: int) -> nn.ModuleList:
        layers, now, left = nn.ModuleList(), widths[-1], [*skips]
        for level in reversed(range(len(widths))):
            for _ in range(self.config.blocks + 1):
                layers.append(Stage(now + left.pop(), widths[level], time, self._head(level)))
                now = widths[level]
            if level:
                layers.append(ResidualBlock(now, now, time, 2.0))
        return layers

    def forward(self, x: Map, t: Float[Tensor, " b"]) -> Map:
        """Raises ValueError for a height or width that is no multiple of the stride."""
        check_sides(x, self.config.stride)
        time = self.time(fourier(t, self.config.channels))
        x = self.enter(F.pixel_unshuffle(x, self.config.patch).contiguous(memory_format=torch.channels_last))
        left = [x]
        for layer in self.down:
            x = layer(x, time)
            left.append(x)
        for layer in self.middle:
            x = layer(x, time)
        for layer in self.up:
            x = layer(torch.cat([x, left.pop()], 1) if isinstance(layer, Stage) else x, time)
        return F.pixel_shuffle(self.leave(F.silu(self.norm(x))), self.config.patch)
