"""Settings of picture tokenizers: paper 000's three autoencoders and ours, each part by itself."""

import math
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, model_validator

from signtok.config.base import Amounts, Config, Settings, Steps
from signtok.config.bottlenecks import Codes, LayerNormConfig, PictureBottleneck
from signtok.config.critic import CriticConfig
from signtok.config.denoisers import TransformerConfig, UNetConfig
from signtok.config.landmarks import LandmarkConfig, NoBottleneck
from signtok.config.nets import ConvolutionNet, GridNet, Net, check_even
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
    zoom: float = Field(default=1.0, ge=1, le=16)
    """Pictures to train on are kept at so many times the tokenizer's size, and each batch is of random crops of them,
    of one size drawn anew, from whole pictures to crops shown pixel for pixel: what is used at pictures' own
    resolution is to know hands of every size."""
    validation: int = Field(default=2048, ge=1)
    """Pictures that weights are chosen by, at most, evenly spaced."""


class PerceptualConfig(Settings):
    """LPIPS, as a loss (Zhang et al. 2018)."""

    weight: float = Field(default=0.5, ge=0)
    """Paper 003: 0.5; paper 001, of another network's features: 0.1."""
    net: Literal["alex", "vgg", "both"] = "both"
    """The papers' is vgg. both: in equal shares, better than vgg alone by every measure (docs/log.md)."""
    share: float = Field(default=0.5, gt=0, le=1)
    """Of the pictures that vgg sees, for it takes a CPU some ten times as long as alex."""
    scale: float = Field(default=1.5, ge=1, le=4)
    """While training, alex sees pictures moved by up to 7 pixels and enlarged by up to this much, anew in every step:
    else errors hide in the grid of four pixels that it looks at (Kettunen et al. 2019). 1 turns both off."""
    part: int = Field(default=32, ge=16)
    """Pixels of a side of what vgg sees."""


class PlainDecoder(Settings):
    """Squared error, and where they are given LPIPS and a critic: an autoencoder, a VAE, or what VQGAN made of them."""

    kind: Literal["plain"] = "plain"
    net: Net = ConvolutionNet()
    first: GridNet | None = None
    """A second net whose squared error alone teaches the encoder: `net` adds to its picture and learns by all losses,
    but neither that picture nor the latent learns from it, as with `stop_gradient` of a flow."""
    perceptual: PerceptualConfig | None = None
    critic: CriticConfig | None = None

    @model_validator(mode="after")
    def _adds_to_a_grid(self) -> "PlainDecoder":
        if self.first and not isinstance(self.net, GridNet):
            raise ValueError(f"first needs a net of kind 'grid', not {self.net.kind!r}")
        return self


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


class FlowDecoder(Settings):
    """Noise to a picture in a few steps, conditioned on the latent. As it stands here: paper 003's losses and path, but
    it says data, is given a linear picture, looks at noise alone and decodes in one step (recipe eps-vae-spacing is
    nearer to the paper). Paper 001 with a cosine path, a `first` picture, "data" and no critic."""

    kind: Literal["flow"] = "flow"
    net: Annotated[UNetConfig | TransformerConfig, Field(discriminator="kind")] = UNetConfig(
        channels=64, multipliers=(1, 2), attention=(1,), blocks=1, patch=4
    )
    first: GridNet | None = None
    """Paper 001's D_initial: a picture made of the latent, by squared error, which the U-Net is given."""
    sees_latent: bool = True
    """Whether the network is given the latent beside the picture that was made of it: in paper 001 it is not."""
    first_weight: float = Field(default=1.0, ge=0)
    """Of its squared error."""
    stop_gradient: bool = False
    """Whether D_initial, and with it the encoder, learns nothing from what the network makes of its picture."""
    shortcut: bool = True
    """Whether the network's answer is added to that picture, or where there is none to a linear one of the latent,
    which it is then given too: it has to say what they lack, and not all. One that answers with the velocity is given
    the picture, and nothing is added."""
    path: Literal["rectified", "cosine"] = "rectified"
    scale: float = Field(default=0.6, gt=0)
    """gamma: data are multiplied by it before noise is added."""
    predicts: Literal["data", "velocity"] = "data"
    """What the network gives; not the noise, which at t = 1 is all that it sees. The papers' is the velocity; one that
    sees squares of 4 x 4 pixels and has few channels cannot hand on their noise, which the velocity contains, and
    learns the data many times as fast (Li and He 2025)."""
    score: Literal["data", "noise", "velocity"] = "velocity"
    """What the squared error is of: of the velocity of a rectified path it is that of the data times (scale / t)^2."""
    times: Literal["uniform", "logit_normal"] = "logit_normal"
    """How times are drawn in training."""
    shift: float = 0.0
    """Mean of that normal: above 0 more of them are noisy, as those are that few steps look at."""
    denoised: float | None = Field(default=0.5, ge=0, le=1)
    """Every picture is looked at from noise alone, t = 1, as the first step of decoding looks, and the only one of one;
    this share of them once more, noised to any time, which teaches the network what pictures are made of: without, it
    learns to decode more slowly. None: each is looked at once, at any time, as in the papers."""
    spacing: Literal["even", "reversed_log"] = "reversed_log"
    steps: Steps = 1
    """Of decoding, where nobody asks for another number."""
    perceptual: PerceptualConfig | None = PerceptualConfig()
    """Of what the first look at each picture takes it for."""
    critic: CriticConfig | None = CriticConfig()
    """Of pairs of that picture and the noised one."""

    @model_validator(mode="after")
    def _is_told_something(self) -> "FlowDecoder":
        if not (self.sees_latent or self.first or self.shortcut):
            raise ValueError("a network that is given neither the latent nor a picture of it draws anything at all")
        if self.stop_gradient and not self.first:
            raise ValueError("stop_gradient needs first: nothing else would teach the encoder")
        return self


PictureDecoder = Annotated[PlainDecoder | LatentDiffusionDecoder | FlowDecoder, Field(discriminator="kind")]


class PictureTokenizerConfig(Settings):
    size: int = Field(default=64, ge=16)
    """Height and width in pixels."""
    latent: int = Field(default=64, ge=1)
    """Numbers a picture, or of each place where the encoder gives a grid; of codes, their width."""
    encoder: Net = ConvolutionNet()
    bottleneck: PictureBottleneck = NoBottleneck()
    commitment_weight: float = 1 / 16
    """Of what residual VQ adds to the loss."""
    decoder: PictureDecoder = PlainDecoder()
    refine: int = Field(default=0, ge=0)
    """Steps of descent that a latent is improved by when a picture is encoded; training knows nothing of it."""

    @property
    def stride(self) -> int:
        """Pixels of a place of the latent's grid; all of them where it has none."""
        return self.encoder.stride if isinstance(self.encoder, GridNet) else self.size

    @property
    def codebooks(self) -> int:
        """Ids of each place; 0 where the latent is continuous."""
        return self.bottleneck.codebooks if isinstance(self.bottleneck, Codes) else 0

    @property
    def codes(self) -> int:
        """Of each codebook; 0 where the latent is continuous."""
        return self.bottleneck.codes if isinstance(self.bottleneck, Codes) else 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tokens of a picture: (D,), or (y, x, D) of a grid, with codes (y, x, Q)."""
        places = self.size // self.stride
        width = self.codebooks or self.latent
        return (places, places, width) if isinstance(self.encoder, GridNet) else (width,)

    @model_validator(mode="after")
    def check_codes(self) -> "PictureTokenizerConfig":
        if isinstance(self.bottleneck, Codes) and self.latent != self.bottleneck.dim:
            raise ValueError(f"codes of {self.bottleneck.dim} numbers and a latent of {self.latent}: make them equal")
        return self

    @model_validator(mode="after")
    def check_grid(self) -> "PictureTokenizerConfig":
        """A grid in, a grid out, at one stride, and a size that every net can halve."""
        encoder, decoder = self.encoder, self.decoder
        takes_grid = isinstance(decoder, FlowDecoder) or isinstance(decoder.net, GridNet)
        if isinstance(encoder, GridNet) != takes_grid:
            raise ValueError(f"a {encoder.kind} encoder and a {decoder.kind} decoder: only one of them has a grid")
        nets = [encoder, None if isinstance(decoder, FlowDecoder) else decoder.net]
        nets += [None if isinstance(decoder, LatentDiffusionDecoder) else decoder.first]
        strides = {net.stride for net in nets if isinstance(net, GridNet)}
        if len(strides) > 1:
            raise ValueError(f"nets of {' and '.join(map(str, sorted(strides)))} pixels a place: give them one stride")
        if isinstance(decoder, FlowDecoder) and decoder.shortcut:
            check_even(self.stride)
        multiple = math.lcm(*strides, decoder.net.stride if isinstance(decoder, FlowDecoder) else 1)
        if self.size % multiple:
            raise ValueError(f"pictures of {self.size} pixels cannot be halved so often: use a multiple of {multiple}")
        return self

    @model_validator(mode="after")
    def check_width(self) -> "PictureTokenizerConfig":
        if isinstance(self.bottleneck, LayerNormConfig) and self.latent == 1:
            raise ValueError("a latent of one number, normalised by itself, is always 0: use two or more")
        return self

    @model_validator(mode="after")
    def check_critic(self) -> "PictureTokenizerConfig":
        critic = None if isinstance(self.decoder, LatentDiffusionDecoder) else self.decoder.critic
        if critic and self.size < critic.smallest:
            raise ValueError(f"the critic needs pictures of {critic.smallest} pixels or more, not {self.size}")
        return self


class PictureConfig(Config):
    """A tokenizer of pictures."""

    kind: Literal["pictures"] = "pictures"
    data: PictureDataConfig = PictureDataConfig()
    tokenizer: PictureTokenizerConfig = PictureTokenizerConfig()

    @property
    def training_size(self) -> int:
        """Pixels of a side of the pictures that batches are taken from."""
        return round(self.data.zoom * self.tokenizer.size)


ANY_CONFIG: TypeAdapter[LandmarkConfig | PictureConfig] = TypeAdapter(
    Annotated[LandmarkConfig | PictureConfig, Field(discriminator="kind")]
)
"""Reads the configuration of any experiment."""
