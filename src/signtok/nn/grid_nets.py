"""Pictures to a grid of vectors and back: the deterministic encoder and decoder of papers 001 and 003.

Residual blocks at each scale, as in MaskGIT (Chang et al. 2022). With 64 channels, multipliers 1, 1, 2, 2, 4 and two
blocks the encoder is the lite one of paper 003 (6.25 M parameters, 16 x 16 pixels a place, 8 channels), the decoder its
VAE's B (10.14 M).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from signtok.config import GridNet
from signtok.nn.attention import Attention, zero
from signtok.nn.lapped import LappedDown, LappedUp
from signtok.nn.maps import GROUPS, Map, check_sides


class Block(nn.Module):
    """skip(x) + conv(silu(norm(conv(silu(norm(x)))))), pre-activated (He et al. 2016)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm_in = nn.GroupNorm(GROUPS, before)
        self.conv_in = nn.Conv2d(before, after, 3, padding=1)
        self.norm_out = nn.GroupNorm(GROUPS, after)
        self.conv_out = nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(self, x: Map) -> Map:
        h = self.conv_in(F.silu(self.norm_in(x)))
        return self.skip(x) + self.conv_out(F.silu(self.norm_out(h)))


def _blocks(before: int, after: int, count: int) -> list[nn.Module]:
    return [Block(before if i == 0 else after, after) for i in range(count)]


def _middle(width: int, net: GridNet) -> list[nn.Module]:
    blocks = _blocks(width, width, net.blocks)
    return [blocks[0], Attention(width, width), *blocks[1:]] if net.attention else blocks


class GridDown(nn.Module):
    """(B, 3, H, W) in [-1, 1] to (B, H / stride, W / stride, D), the stride that of the settings."""

    def __init__(self, net: GridNet, width: int) -> None:
        super().__init__()
        self.net = net
        widths = net.widths
        layers: list[nn.Module] = [
            nn.PixelUnshuffle(net.patch),
            nn.Conv2d(3 * net.patch**2, widths[0], 3, padding=1),
        ]
        for level, now in enumerate(widths):
            layers += _blocks(widths[max(level - 1, 0)], now, net.blocks)
            if level < len(widths) - 1:
                layers.append(nn.Conv2d(now, now, 3, stride=2, padding=1))
        layers += _middle(widths[-1], net)
        leave = nn.Conv2d(widths[-1], width, 1)
        layers += [nn.GroupNorm(GROUPS, widths[-1]), nn.SiLU(), zero(leave) if net.shortcut else leave]
        self.layers = nn.Sequential(*layers)

        self.shortcut = LappedDown(width, net.stride) if net.shortcut else None

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b y x d"]:
        """Raises ValueError for a height or width that is no multiple of the stride."""
        check_sides(x, self.net.stride)
        x = x.contiguous(memory_format=torch.channels_last)
        z = self.layers(x)
        return (z if self.shortcut is None else z + self.shortcut(x)).permute(0, 2, 3, 1)


class GridUp(nn.Module):
    """(B, y, x, D) to (B, 3, H, W), not bounded: the mirrored way, each doubling by depth to space."""

    def __init__(self, net: GridNet, width: int) -> None:
        super().__init__()
        widths = net.widths[::-1]
        layers: list[nn.Module] = [nn.Conv2d(width, widths[0], 3, padding=1)]
        layers += _middle(widths[0], net)
        for level, now in enumerate(widths):
            layers += _blocks(widths[max(level - 1, 0)], now, net.blocks)
            if level < len(widths) - 1:
                layers += [nn.Conv2d(now, 4 * now, 3, padding=1), nn.PixelShuffle(2)]
        leave = nn.Conv2d(widths[-1], 3 * net.patch**2, 3, padding=1)
        layers += [nn.GroupNorm(GROUPS, widths[-1]), nn.SiLU(), zero(leave) if net.shortcut else leave]
        layers += [nn.PixelShuffle(net.patch)]
        self.layers = nn.Sequential(*layers)

        self.shortcut = LappedUp(width, net.stride) if net.shortcut else None

    def forward(self, z: Float[Tensor, "b y x d"]) -> Float[Tensor, "b 3 h w"]:
        z = z.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        x = self.layers(z)
        return x if self.shortcut is None else x + self.shortcut(z)
