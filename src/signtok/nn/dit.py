"""A diffusion transformer (DiT, Peebles and Xie 2023): pictures as squares, all of which see each other."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from signtok.config import TransformerConfig
from signtok.nn.attention import attend, zero
from signtok.nn.maps import Map, check_sides, fourier

HIDDEN = 4
"""Width between the two layers of a block, as a multiple of its own."""
Squares = Float[Tensor, "b n d"]


class Modulated(nn.Module):
    """LayerNorm without weights of its own, scaled and shifted by the time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Squares, scale: Tensor, shift: Tensor) -> Squares:
        return F.layer_norm(x, (self.width,), eps=1e-6) * (1 + scale) + shift


class Block(nn.Module):
    """x + gate attention(norm(x)), then x + gate layers(norm(x)); scales, shifts and gates come of the time and start
    as 0, so that a block starts as nothing (adaLN-Zero)."""

    def __init__(self, width: int, head: int) -> None:
        super().__init__()
        self.heads = width // head
        self.time = zero(nn.Linear(width, 6 * width))
        self.norm = Modulated(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.layers = nn.Sequential(
            nn.Linear(width, HIDDEN * width), nn.GELU(approximate="tanh"), nn.Linear(HIDDEN * width, width)
        )

    def attention(self, x: Squares) -> Squares:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.project(attend(q, k, v).transpose(1, 2).flatten(2))

    def forward(self, x: Squares, time: Float[Tensor, "b d"]) -> Squares:
        scale, shift, gate, scale_2, shift_2, gate_2 = self.time(F.silu(time))[:, None].chunk(6, -1)
        x = x + gate * self.attention(self.norm(x, scale, shift))
        return x + gate_2 * self.layers(self.norm(x, scale_2, shift_2))


def positions(rows: int, columns: int, width: int) -> Float[Tensor, "n width"]:
    """Half of the numbers tell the row, half the column, as sinusoids: for any number of squares."""
    y, x = (fourier(torch.arange(n) / 1000, width // 2) for n in (rows, columns))
    return torch.cat([y[:, None].expand(-1, columns, -1), x[None].expand(rows, -1, -1)], -1).flatten(0, 1)


class Transformer(nn.Module):
    """inputs, outputs: channels of what it is given and of what it gives, at full height and width, which have to be
    multiples of `config.stride`."""

    def __init__(self, config: TransformerConfig, inputs: int, outputs: int = 3) -> None:
        super().__init__()
        self.config, width, area = config, config.width, config.patch**2
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.enter = nn.Linear(inputs * area, width)
        self.blocks = nn.ModuleList(Block(width, config.head) for _ in range(config.blocks))
        self.norm, self.last = Modulated(width), zero(nn.Linear(width, 2 * width))
        self.leave = zero(nn.Linear(width, outputs * area))

    def forward(self, x: Map, t: Float[Tensor, " b"]) -> Map:
        """Raises ValueError for a height or width that is no multiple of the stride."""
        check_sides(x, self.config.stride)
        time = self.time(fourier(t, self.config.width))
        x = F.pixel_unshuffle(x, self.config.patch)
        rows, columns = x.shape[2:]
        h = self.enter(x.flatten(2).mT) + positions(rows, columns, self.config.width).to(x.device)
        for block in self.blocks:
            h = block(h, time)
        scale, shift = self.last(F.silu(time))[:, None].chunk(2, -1)
        h = self.leave(self.norm(h, scale, shift))
        return F.pixel_shuffle(h.mT.unflatten(2, (rows, columns)), self.config.patch)
