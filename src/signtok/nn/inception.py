"""InceptionV3 as the Frechet inception distance (FID) uses it; the weights are the user's.

Szegedy et al. 2015, arXiv 1512.00567, in TensorFlow's version of 2015, with which Heusel et al. 2017 measured: average
pools do not count the padding, and the last block pools by maximum. Names, resizing and range are those of pytorch-fid;
its weights, saved as safetensors, fit as they are.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from signtok.nn.perceptual_weights import fill_named, read_safetensors

SIZE = 299


@dataclass(frozen=True)
class Step:
    """A convolution within a block, under its name in the weights. kernel: (height, width)."""

    name: str
    channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


Branch = Sequence[Step | tuple[Step, Step]]
"""Steps one after another; two in a tuple both take what is before them, and both come out."""


class Convolution(nn.Module):
    """Convolution, batch normalisation, ReLU. padded: the size stays, unless there is a stride."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int] = (1, 1), stride: int = 1, padded: bool = True
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if padded and stride == 1 else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Mixed(nn.Module):
    """Branches side by side and a pool, joined by channel. pool_channels: of the convolution after it, 0 for none."""

    def __init__(self, inputs: int, branches: Sequence[Branch], pool: nn.Module, pool_channels: int = 0) -> None:
        super().__init__()
        self.branches, self.pool = branches, pool
        for branch in branches:
            width = inputs
            for step in branch:
                forks = step if isinstance(step, tuple) else (step,)
                for fork in forks:
                    self.add_module(fork.name, Convolution(width, fork.channels, fork.kernel, fork.stride))
                width = forks[0].channels
        self.branch_pool = Convolution(inputs, pool_channels) if pool_channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([*(self._run(branch, x) for branch in self.branches), self.branch_pool(self.pool(x))], 1)

    def _run(self, branch: Branch, x: Tensor) -> Tensor:
        for step in branch:
            forks = step if isinstance(step, tuple) else (step,)
            x = torch.cat([self.get_submodule(fork.name)(x) for fork in forks], 1)
        return x


ONE, THREE, FIVE, WIDE, TALL = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1)


def _average() -> nn.Module:
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


def _mixed_5(inputs: int, pool_channels: int) -> Mixed:
    """35x35 places."""
    branches = (
        (Step("branch1x1", 64),),
        (Step("branch5x5_1", 48), Step("branch5x5_2", 64, FIVE)),
        (Step("branch3x3dbl_1", 64), Step("branch3x3dbl_2", 96, THREE), Step("branch3x3dbl_3", 96, THREE)),
    )
    return Mixed(inputs, branches, _average(), pool_channels)


def _mixed_6a() -> Mixed:
    """35x35 to 17x17."""
    branches = (
        (Step("branch3x3", 384, THREE, 2),),
        (Step("branch3x3dbl_1", 64), Step("branch3x3dbl_2", 96, THREE), Step("branch3x3dbl_3", 96, THREE, 2)),
    )
    return Mixed(288, branches, nn.MaxPool2d(3, 2))


def _mixed_6(channels: int) -> Mixed:
    """17x17 places."""
    double = ((ONE, channels), (TALL, channels), (WIDE, channels), (TALL, channels), (WIDE, 192))
    branches = (
        (Step("branch1x1", 192),),
        (Step("branch7x7_1", channels), Step("branch7x7_2", channels, WIDE), Step("branch7x7_3", 192, TALL)),
        tuple(Step(f"branch7x7dbl_{number}", width, kernel) for number, (kernel, width) in enumerate(double, 1)),
    )
    return Mixed(768, branches, _average(), 192)


def _mixed_7a() -> Mixed:
    """17x17 to 8x8."""
    tail = ((ONE, 1), (WIDE, 1), (TALL, 1), (THREE, 2))
    branches = (
        (Step("branch3x3_1", 192), Step("branch3x3_2", 320, THREE, 2)),
        tuple(Step(f"branch7x7x3_{number}", 192, kernel, stride) for number, (kernel, stride) in enumerate(tail, 1)),
    )
    return Mixed(768, branches, nn.MaxPool2d(3, 2))


def _mixed_7(inputs: int, pool: nn.Module) -> Mixed:
    """8x8 places."""
    branches: tuple[Branch, ...] = (
        (Step("branch1x1", 320),),
        (Step("branch3x3_1", 384), (Step("branch3x3_2a", 384, (1, 3)), Step("branch3x3_2b", 384, (3, 1)))),
        (
            Step("branch3x3dbl_1", 448),
            Step("branch3x3dbl_2", 384, THREE),
            (Step("branch3x3dbl_3a", 384, (1, 3)), Step("branch3x3dbl_3b", 384, (3, 1))),
        ),
    )
    return Mixed(inputs, branches, pool, 192)


class Inception(nn.Module):
    """Pictures (B, 3, H, W) in [0, 1] to the features (B, 2048) of the last pool. In eval mode, weights fixed."""

    name = "Inception"

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, THREE, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, THREE, padded=False)
        self.Conv2d_2b_3x3 = Convolution(32, 64, THREE)
        self.Conv2d_3b_1x1 = Convolution(64, 80)
        self.Conv2d_4a_3x3 = Convolution(80, 192, THREE, padded=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _mixed_5(192, 32), _mixed_5(256, 64), _mixed_5(288, 64)
        self.Mixed_6a = _mixed_6a()
        self.Mixed_6b, self.Mixed_6c = _mixed_6(128), _mixed_6(160)
        self.Mixed_6d, self.Mixed_6e = _mixed_6(160), _mixed_6(192)
        self.Mixed_7a = _mixed_7a()
        self.Mixed_7b = _mixed_7(1280, _average())
        self.Mixed_7c = _mixed_7(2048, nn.MaxPool2d(3, stride=1, padding=1))
        self.requires_grad_(False)
        self.eval()

    def forward(self, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2048"]:
        """Resized to 299x299 (bilinear, not antialiased, as pytorch-fid) and carried to [-1, 1]."""
        x = 2 * F.interpolate(pictures, (SIZE, SIZE), mode="bilinear", align_corners=False) - 1
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, 2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))).mean((2, 3))


def load_inception(path: str | os.PathLike[str]) -> Inception:
    """From the user's .safetensors file with the tensors of pytorch-fid's weights; a classifier (fc) in it is left out.

    Raises ValueError for a file that is missing, damaged, pickled, or of another network.
    """
    network = Inception()
    fill_named(network, read_safetensors(path), f"{path} is not InceptionV3 as pytorch-fid names it")
    return network
