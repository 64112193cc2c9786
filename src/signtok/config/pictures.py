"""Settings of picture tokenizers: paper 000's three autoencoders and ours, each part by itself."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from signtok.config.base import Amounts, Config, Settings
from signtok.config.landmarks import LandmarkConfig, NoBottleneck
from signtok.config.splits import PictureSplit, RandomSplit


class PictureAugmentConfig(Amounts):
    """Another camera and other light for each picture. Zero turns a part off; all zero gives the picture back exactly.
    Every amount is drawn evenly from minus to plus what stands here."""

    rotate_degrees: float = Field(default=8.0, ge=0, le=180)
    scale: float = Field(default=0.1, ge=0, lt=1)
    """Size, as a share of the picture's own."""
    shift: float = Field(default=0.06, ge=0, le=1)
    """Up or down and to a side, as a share of the picture's height and width."""
    mirror: float = Field(default=0.0, ge=0, le=1)
    """Chance: left and right hands are different things."""
    gamma: float = Field(default=0.15, ge=0)
    """Log of the exponent that brightness in [0, 1] is raised to."""
    contrast: float = Field(default=0.2, ge=0, le=1)
    """About mid grey."""
    saturation: float = Field(default=0.2, ge=0, le=1)
    colour: float = Field(default=0.08, ge=0, le=1)
    """Gain of each of red, green and blue: a colour cast."""
    brightness: float = Field(default=0.15, ge=0, le=1)
    """Added to values in [0, 1]."""


class PictureDataConfig(Settings):
    path: str = "generated"
    """A folder of class folders; "generated": pictures of hands that the package renders itself."""
    split: PictureSplit = RandomSplit()
    per_class: int | None = Field(default=None, ge=1)
    """At most this many training pictures of each class, evenly spaced; None takes all."""
    generated: int = 4096
    """How many pictures are rendered where `path` is "generated"."""
    augment: PictureAugmentConfig = PictureAugmentConfig()


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
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    """Of the channels, level by level; each level has half the height and width of the one before."""
    blocks: int = Field(default=2, ge=1)
    """Residual blocks of a level, and of the middle."""
    patch: int = Field(default=1, ge=1)
    """Pixels of the squares that pictures are cut into before the first level."""

    @property
    def widths(self) -> list[int]:
        return [self.channels * multiplier for multiplier in self.multipliers]

    @property
    def stride(self) -> int:
        """Pixels from one place of the grid to the next; heights and widths have to be multiples of it."""
        return self.patch * 2 ** (len(self.multipliers) - 1)


Net = Annotated[LinearNet | ConvolutionNet, Field(discriminator="kind")]


class GaussianConfig(Settings):
    """Mean and deviation of each number of the latent (Kingma and Welling 2014)."""

    kind: Literal["gaussian"] = "gaussian"
    weight: float = 1e-6
    """Of the divergence from a standard normal distribution, in nats a picture, beside the squared error."""


class PlainDecoder(Settings):
    """Squared error."""

    kind: Literal["plain"] = "plain"
    net: Net = ConvolutionNet()


class LatentDiffusionDecoder(Settings):
    """Paper 000: the latent is noised and denoised again before it is decoded."""

    kind: Literal["latent_diffusion"] = "latent_diffusion"
    net: Net = ConvolutionNet()
    steps: int = Field(default=100, ge=2)
    beta: tuple[float, float] = (1e-4, 0.02)
    """First and last of the variances that the steps add (Ho et al. 2020)."""
    width: int = 256
    layers: int = 5
    noise_weight: float = 0.01
    """Of the error of the predicted noise, beside the squared error of the picture."""


PictureDecoder = Annotated[PlainDecoder | LatentDiffusionDecoder, Field(discriminator="kind")]
PictureBottleneck = Annotated[NoBottleneck | GaussianConfig, Field(discriminator="kind")]


class PictureTokenizerConfig(Settings):
    size: int = Field(default=64, ge=16)
    """Height and width in pixels."""
    latent: int = Field(default=64, ge=1)
    """Numbers a picture."""
    encoder: Net = ConvolutionNet()
    bottleneck: PictureBottleneck = NoBottleneck()
    decoder: PictureDecoder = PlainDecoder()
    refine: int = Field(default=0, ge=0)
    """Steps of descent that a latent is improved by when a picture is encoded; training knows nothing of it."""


class PictureConfig(Config):
    """A tokenizer of pictures."""

    kind: Literal["pictures"] = "pictures"
    data: PictureDataConfig = PictureDataConfig()
    tokenizer: PictureTokenizerConfig = PictureTokenizerConfig()


ANY_CONFIG: TypeAdapter[LandmarkConfig | PictureConfig] = TypeAdapter(
    Annotated[LandmarkConfig | PictureConfig, Field(discriminator="kind")]
)
"""Reads the configuration of any experiment."""
