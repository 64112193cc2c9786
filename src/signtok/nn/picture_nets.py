"""Pictures to one vector and back: the networks of paper 000, and a residual one of ours."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from signtok.config import ConvolutionNet, LinearNet, Net, ResidualNet

Down = nn.Module
"""(B, 3, S, S) in [-1, 1] to (B, D)."""
Up = nn.Module
"""(B, D) to (B, 3, S, S) in (-1, 1)."""


def build_down(net: Net, size: int, width: int) -> Down:
    """A network from pictures of `size` pixels to `width` numbers."""
    match net:
        case LinearNet():
            return LinearDown(size, width)
        case ConvolutionNet():
            return ConvolutionDown(net, size, width)
        case ResidualNet():
            return ResidualDown(net, size, width)


def build_up(net: Net, size: int, width: int) -> Up:
    """The mirrored network, from `width` numbers to pictures."""
    match net:
        case LinearNet():
            return LinearUp(size, width)
        case ConvolutionNet():
            return ConvolutionUp(net, size, width)
        case ResidualNet():
            return ResidualUp(net, size, width)


def squash(x: Tensor) -> Tensor:
    """Paper 000's sigmoid, for pictures in (-1, 1)."""
    return 2 * torch.sigmoid(x) - 1


def smallest(net: ConvolutionNet | ResidualNet, size: int) -> int:
    """Height and width where the channels are many. Raises ValueError for a size that cannot be halved so often."""
    factor = 2 ** len(net.channels) if isinstance(net, ConvolutionNet) else net.patch * 2 ** (len(net.channels) - 1)
    if size % factor:
        raise ValueError(f"pictures of {size} pixels cannot be halved to a {net.kind} net: use a multiple of {factor}")
    return size // factor


def _flat(net: ConvolutionNet | ResidualNet, size: int) -> int:
    return net.channels[-1] * smallest(net, size) ** 2


def _convolutions(channels: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in zip((3, *channels), channels, strict=False):
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
    return layers


def _transposed(channels: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in zip(channels[::-1], (*channels[-2::-1], 3), strict=True):
        layers += [nn.ReLU(), nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)]
    return layers


class LinearDown(nn.Module):
    """Paper 000: all pixels through one layer."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * size * size, width)

    def forward(self, x: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]:
        return self.layer(x.flatten(1))


class LinearUp(nn.Module):
    """Paper 000: one layer to all pixels."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.size, self.layer = size, nn.Linear(width, 3 * size * size)

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b 3 s s"]:
        return squash(self.layer(z).unflatten(1, (3, self.size, self.size)))


class ConvolutionDown(nn.Module):
    """Paper 000: convolutions, each halving, and one layer. In channels-last memory, which a CPU is fastest in."""

    def __init__(self, net: ConvolutionNet, size: int, width: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(*_convolutions(net.channels))
        self.last = nn.Linear(_flat(net, size), width)

    def forward(self, x: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]:
        return self.last(self.convolutions(x.contiguous(memory_format=torch.channels_last)).flatten(1))


class ConvolutionUp(nn.Module):
    """Paper 000: one layer, and transposed convolutions, each doubling."""

    def __init__(self, net: ConvolutionNet, size: int, width: int) -> None:
        super().__init__()
        self.grid = (net.channels[-1], smallest(net, size), smallest(net, size))
        self.first = nn.Linear(width, _flat(net, size))
        self.convolutions = nn.Sequential(*_transposed(net.channels))

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b 3 s s"]:
        grid = self.first(z).unflatten(1, self.grid)
        return squash(self.convolutions(grid.contiguous(memory_format=torch.channels_last)))


class Block(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x)))))), pre-activated (He et al. 2016); zero at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(8, channels) for _ in range(2))
        first, last = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        nn.init.zeros_(last.weight)
        self.convolutions = nn.ModuleList([first, last])

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        h = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            h = convolution(F.silu(norm(h)))
        return x + h


class ResidualDown(nn.Module):
    """Patches, then blocks and a strided convolution at each scale, then one layer."""

    def __init__(self, net: ResidualNet, size: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.PixelUnshuffle(net.patch),
            nn.Conv2d(3 * net.patch**2, net.channels[0], 3, 1, 1),
        ]
        for before, after in zip(net.channels, (*net.channels[1:], None), strict=True):
            layers += [Block(before) for _ in range(net.blocks)]
            if after is not None:
                layers.append(nn.Conv2d(before, after, 3, stride=2, padding=1))
        last = [nn.GroupNorm(8, net.channels[-1]), nn.SiLU(), nn.Flatten(), nn.Linear(_flat(net, size), width)]
        self.layers = nn.Sequential(*layers, *last)

    def forward(self, x: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]:
        return self.layers(x.contiguous(memory_format=torch.channels_last))


class ResidualUp(nn.Module):
    """The way back: nearest upsampling and a convolution between the scales."""

    def __init__(self, net: ResidualNet, size: int, width: int) -> None:
        super().__init__()
        self.grid = (net.channels[-1], smallest(net, size), smallest(net, size))
        self.first = nn.Linear(width, _flat(net, size))
        layers: list[nn.Module] = []
        for before, after in zip(net.channels[::-1], (*net.channels[-2::-1], None), strict=True):
            layers += [Block(before) for _ in range(net.blocks)]
            if after is not None:
                layers += [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1)]
        last = [nn.GroupNorm(8, net.channels[0]), nn.SiLU(), nn.Conv2d(net.channels[0], 3 * net.patch**2, 3, 1, 1)]
        self.layers = nn.Sequential(*layers, *last, nn.PixelShuffle(net.patch))

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b 3 s s"]:
        grid = self.first(z).unflatten(1, self.grid)
        return squash(self.layers(grid.contiguous(memory_format=torch.channels_last)))
