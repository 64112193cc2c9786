"""Settings of the networks that pictures go into and come out of."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from signtok.config.base import Settings

Multipliers = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


def check_even(stride: int) -> None:
    """Of places that a shortcut joins to their pixels. Raises ValueError."""
    if stride % 2:
        raise ValueError(f"a shortcut between places of {stride} pixels: it takes an even number")


class LinearNet(Settings):
    """Paper 000, feed-forward: all pixels through one layer."""

    kind: Literal["linear"] = "linear"


class ConvolutionNet(Settings):
    """Paper 000: 4x4 convolutions of stride 2, then one layer to the latent; the decoder mirrors it."""

    kind: Literal["convolution"] = "convolution"
    channels: tuple[int, ...] = (32, 64, 128)


class GridNet(Settings):
    """Papers 001 and 003: residual blocks at each scale, a vector for each place of a grid."""

    kind: Literal["grid"] = "grid"
    channels: int = Field(default=64, ge=8, multiple_of=8)
    multipliers: Multipliers = (1, 1, 2, 2, 4)
    """Of the channels, level by level; each level has half the height and width of the one before."""
    blocks: int = Field(default=2, ge=1)
    """Residual blocks of a level, and of the middle."""
    patch: int = Field(default=1, ge=1)
    """Pixels of the squares that pictures are cut into before the first level."""
    attention: bool = False
    """Between all places, in the middle."""
    shortcut: bool = False
    """A linear map beside all layers, between each place and its pixels (after DC-AE, Chen et al. 2024). It starts as a
    lapped transform and the layers as nothing: they learn what that lacks. Without it 16 numbers a place do no better
    than 2 after minutes of training."""

    @model_validator(mode="after")
    def check_shortcut(self) -> "GridNet":
        if self.shortcut:
            check_even(self.stride)
        return self

    @property
    def widths(self) -> list[int]:
        return [self.channels * multiplier for multiplier in self.multipliers]

    @property
    def stride(self) -> int:
        """Pixels from one place of the grid to the next; heights and widths have to be multiples of it."""
        return self.patch * 2 ** (len(self.multipliers) - 1)


Net = Annotated[LinearNet | ConvolutionNet | GridNet, Field(discriminator="kind")]

ENCODER_F8 = GridNet(channels=128, multipliers=(1, 2, 4, 4), attention=True)
"""That of latent diffusion, 34 M parameters (Rombach et al. 2022): 8 x 8 pixels a place."""
ENCODER_F16 = GridNet(channels=128, multipliers=(1, 1, 2, 2, 4), attention=True)
ENCODER_F8_LITE = GridNet(multipliers=(1, 1, 2, 4))
ENCODER_F16_LITE = GridNet()
"""The lite one of paper 003, 6 M parameters: 16 x 16 pixels a place."""
