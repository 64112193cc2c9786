"""Another camera and other light for each picture. Nothing is mirrored unless asked for: hands have sides."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from signtok.config import PictureAugmentConfig

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in what is seen as brightness (ITU-R BT.601)."""


def augment(
    x: Float[Tensor, "b 3 h w"], config: PictureAugmentConfig, generator: torch.Generator
) -> Float[Tensor, "b 3 h w"]:
    """Pictures in [-1, 1], each moved, turned, lit and coloured in its own way.

    Where a picture is moved away its edge pixels are repeated. The same generator, in the same state, gives the same
    pictures; a part that is off (zero) changes none of the others.
    """
    draws = torch.rand(len(x), 12, generator=generator, device=generator.device).to(x)
    return relight(move(x, draws[:, :5], config), draws[:, 5:], config)


def move(
    x: Float[Tensor, "b 3 h w"], draws: Float[Tensor, "b 5"], config: PictureAugmentConfig
) -> Float[Tensor, "b 3 h w"]:
    """One affine map about the middle of each picture.

    draws, in [0, 1): angle, size, shift to the right and down, and whether it is mirrored.
    """
    if not (config.rotate_degrees or config.scale or config.shift or config.mirror):
        return x
    turn, size, right, down = (2 * draws[:, :4] - 1).T
    height, width = x.shape[2:]
    angle, size = math.radians(config.rotate_degrees) * turn, 1 + config.scale * size
    cos, sin = angle.cos() / size, angle.sin() / size
    side = torch.where(draws[:, 4] < config.mirror, -1.0, 1.0)
    # By whole pixels: a picture that is moved alone stays as sharp as it was.
    right = (config.shift * right * width).round() / width
    down = (config.shift * down * height).round() / height
    # From each pixel of the result to where it is from; both axes go from -1 to 1, whatever the picture's shape.
    rows = [
        torch.stack([side * cos, side * -sin * height / width, -2 * right], 1),
        torch.stack([sin * width / height, cos, -2 * down], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def relight(
    x: Float[Tensor, "b 3 h w"], draws: Float[Tensor, "b 7"], config: PictureAugmentConfig
) -> Float[Tensor, "b 3 h w"]:
    """Gamma, then one affine map of the colours of each picture.

    draws, in [0, 1): gamma, contrast, saturation, brightness, and the gains of red, green and blue.
    """
    if not (config.gamma or config.contrast or config.saturation or config.brightness or config.colour):
        return x
    gamma, contrast, saturation, brightness = (2 * draws[:, :4] - 1).T[..., None, None]  # (b, 1, 1) each
    values = (x / 2 + 0.5).clamp(0, 1).flatten(2)
    if config.gamma:
        values = values ** (config.gamma * gamma).exp()
    grey = torch.tensor(LUMA).to(x).expand(3, 3)
    colours = torch.lerp(grey, torch.eye(3).to(x), 1 + config.saturation * saturation)
    gains = 1 + config.colour * (2 * draws[:, 4:, None] - 1)
    contrast = 1 + config.contrast * contrast
    offset = 0.5 - 0.5 * contrast + config.brightness * brightness
    values = torch.baddbmm(offset, contrast * gains * colours, values)
    return (2 * values - 1).clamp(-1, 1).view_as(x)
