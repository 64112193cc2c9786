"""Pictures to one vector and back: the networks of paper 000; and which network is meant."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from signtok.config import ConvolutionNet, GridNet, LinearNet, Net
from signtok.nn.grid_nets import GridDown, GridUp

Down = nn.Module
"""(B, 3, S, S) in [-1, 1] to (B, *grid, D)."""
Up = nn.Module
"""(B, *grid, D) to (B, 3, S, S); a vector to (-1, 1), a grid to any numbers."""


def build_down(net: Net, size: int, width: int) -> Down:
    """A network from pictures of `size` pixels to `width` numbers."""
    match net:
        case LinearNet():
            return LinearDown(size, width)
        case ConvolutionNet():
            return ConvolutionDown(net, size, width)
        case GridNet():
            return GridDown(net, width)


def build_up(net: Net, size: int, width: int) -> Up:
    """The mirrored network, from `width` numbers to pictures."""
    match net:
        case LinearNet():
            return LinearUp(size, width)
        case ConvolutionNet():
            return ConvolutionUp(net, size, width)
        case GridNet():
            return GridUp(net, width)


def squash(x: Tensor) -> Tensor:
    """Paper 000's sigmoid, for pictures in (-1, 1)."""
    return 2 * torch.sigmoid(x) - 1


def smallest(net: ConvolutionNet, size: int) -> int:
    """Height and width where the channels are many. Raises ValueError for a size that cannot be halved so often."""
    factor = 2 ** len(net.channels)
    if size % factor:
        raise ValueError(
            f"pictures of {size} pixels cannot be halved {len(net.channels)} times: use a multiple of {factor}"
        )
    return size // factor


def _flat(net: ConvolutionNet, size: int) -> int:
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
