"""The linear path beside the nets of pictures: between overlapping squares of pixels and their places.

It starts as the lapped orthogonal transform (Malvar and Staelin 1989), the waves first that photos have most of. Unlike
those of a cosine transform its waves fade out towards their ends: where few of them are kept squares show less.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from signtok.nn.maps import Map

CORRELATION = 0.95
"""Of neighbouring pixels of photos, about."""
COLOURS = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]], dtype=torch.float64)
"""Light, red against blue, green against both: about the principal components of the colours of photos."""
VARIANCES = torch.tensor([1.0, 0.05, 0.015], dtype=torch.float64)
"""Of these, roughly, as shares of the first."""


def lapped_waves(side: int) -> Float[Tensor, "side long"]:
    """`side` waves of twice as many pixels, orthonormal to each other and to their copies `side` pixels away, the
    slowest first: of those that are, the principal ones of a line of pixels with CORRELATION between neighbours."""
    place, frequency = torch.arange(side, dtype=torch.float64) + 0.5, torch.arange(side)[:, None]
    cosine = torch.cos(math.pi / side * frequency * place)
    cosine = (cosine / cosine.norm(dim=1, keepdim=True)).mT
    difference = cosine[:, ::2] - cosine[:, 1::2]  # even ones less odd ones
    half = torch.cat([difference, difference], 1)
    other = torch.cat([difference, -difference], 1).flip(0)
    start = torch.cat([half, other]) / 2
    pixels = torch.arange(2 * side)
    covariance = CORRELATION ** (pixels[:, None] - pixels).abs().double()
    _, turned = torch.linalg.eigh(start.mT @ covariance @ start)
    waves = (start @ turned).mT.flip(0)
    signs = torch.where(waves[:, :side].sum(1) < 0, -1.0, 1.0)  # eigenvectors come with any sign
    return waves * signs[:, None]


def lapped_pictures(count: int, side: int) -> Float[Tensor, "count 3 long long"]:
    """The `count` of the 3 side^2 waves of colour pictures that photos have most of, whose variance falls with the
    square of the frequency; what is asked beyond is 0."""
    waves, squared = lapped_waves(side), torch.arange(side).square()
    colours = COLOURS / COLOURS.norm(dim=1, keepdim=True)
    every = torch.einsum("kc,ui,vj->kuvcij", colours, waves, waves).flatten(0, 2)
    variance = VARIANCES[:, None, None] / (1 + 10 * (squared[:, None] + squared))
    chosen = variance.flatten().argsort(descending=True, stable=True)
    found = every[chosen[:count]]
    return torch.cat([found, found.new_zeros(max(0, count - len(found)), *found.shape[1:])]).float()


def mirrored(x: Map, count: int, dim: int, sign: Tensor | float = 1.0) -> Map:
    """With its first and last `count` rows (dim 2) or columns (3) mirrored at the edges, times `sign`."""
    length = x.shape[dim]
    before, after = (x.narrow(dim, start, count).flip(dim) * sign for start in (0, length - count))
    return torch.cat([before, x, after], dim)


class LappedDown(nn.Module):
    """(B, 3, H, W) to (B, D, y, x). A square of half the full brightness starts with about 1 as its first number.

    Weights are about 1, and what they give is divided: an optimiser whose steps have one size for all weights would
    else undo it at once (an equalised learning rate, Karras et al. 2018). Beyond its edges a picture is its mirror.
    """

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride, self.count = stride, 3 * stride**2
        self.weight = nn.Parameter(lapped_pictures(width, stride) * self.count**0.5)

    def forward(self, x: Map) -> Map:
        x = mirrored(mirrored(x, self.stride // 2, 2), self.stride // 2, 3)
        return F.conv2d(x, self.weight, stride=self.stride) * (2 / self.count)


class LappedUp(nn.Module):
    """Back: (B, D, y, x) to (B, 3, H, W). A place beyond the edge holds what the mirrored picture has there: the same
    numbers, those of waves that are odd negated."""

    upside_down: Tensor
    left_to_right: Tensor

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride, count = stride, 3 * stride**2
        pictures = lapped_pictures(width, stride)
        self.weight = nn.Parameter(pictures * count**0.5 / 2)
        for name, dim in (("upside_down", 2), ("left_to_right", 3)):
            odd = (pictures * pictures.flip(dim)).sum((1, 2, 3), keepdim=True) < 0
            self.register_buffer(name, torch.where(odd, -1.0, 1.0)[:, 0], persistent=False)

    def forward(self, z: Map) -> Map:
        z = mirrored(mirrored(z.float(), 1, 2, self.upside_down), 1, 3, self.left_to_right)
        return F.conv_transpose2d(z, self.weight, stride=self.stride, padding=3 * self.stride // 2)
