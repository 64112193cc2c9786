"""Settings of tokenizers of hand landmarks: paper 002 and ours."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from signtok.config.base import Amounts, Config, Settings, Steps
from signtok.config.splits import Split


class Source(Settings):
    """One set of recordings under the data folder."""

    path: str
    split: Split
    licence: str
    origin: str
    """Where the public can get it."""
    skip: tuple[str, ...] = ()
    """Labels to leave out, because what was recorded is not what the label says."""


class AugmentConfig(Amounts):
    """Geometric augmentation of a whole phrase; the reconstruction target moves along. Zero turns a part off."""

    rotate_degrees: float = 20.0
    tilt_degrees: float = 30.0
    """Camera tilt about the picture's two axes: a homography on the plane of the hand."""
    aspect: float = 0.25
    """Standard deviation of the log of the width/height ratio."""
    bone: float = 0.10
    """Standard deviation of the log of each finger's and each bone's length."""
    finger_degrees: float = 6.0
    """Each finger is turned about its knuckle by a constant of this standard deviation."""
    drift: float = 0.3
    """Smooth wandering of the whole hand, in hand sizes, and a third of it of its size."""
    jump: float = 0.1
    """Chance that the hand jumps from frame to frame, as in pictures with a moment between them."""
    rise: float = 0.25
    """Chance, at either end, that the hand is raised before the phrase or lowered after it."""
    smooth: float = 0.6
    """Some trackers smooth over time: memory of an exponential average, up to this in half of the phrases."""
    other_hand: float = 0.1
    """Chance that an idle second hand is in the picture."""
    gap: float = 0.1
    """Chance that the phrase has runs of frames in which no hand is found."""


class CorruptConfig(Amounts):
    """What the encoder sees is spoiled, what the decoder must give back is not (a denoising objective)."""

    noise: float = 0.02
    """Standard deviation of jitter, in units of the normalised coordinates, drawn up to this for each sequence."""
    drop_finger: float = 0.05
    drop_frame: float = 0.05


class ComposeConfig(Settings):
    """How phrases are made of single-letter takes."""

    hold_frames: tuple[int, int] = (2, 14)
    join_frames: tuple[int, int] = (1, 7)
    letters: tuple[int, int] = (3, 18)
    words: float = 0.3
    """Share of phrases made of common words; the others are random letters, so that no letter is rare."""
    digits: float = 0.15
    """Share of phrases that are numbers, where the signer has digits."""
    space: float = 0.1
    """Chance that a random letter is a space, where the signer has a sign for it."""
    double: float = 0.15
    """Chance that a random letter repeats the one before."""
    hesitate: float = 0.05
    """Chance that a letter is held for another 5 to 14 frames."""


class DataConfig(Settings):
    sources: tuple[Source, ...] = ()
    flip: float = 0.0
    """Chance of the paper's random mirroring in training (0.25 there)."""
    min_frames: int = 32
    max_frames: int = 160
    """Every training batch draws one length between these, in frames, for all its phrases; raising and lowering the
    hand (AugmentConfig.rise) comes on top."""
    short: float = 0.1
    """Share of training batches of sequences cut to 1 to 16 frames, without a text: single pictures are recordings
    too."""
    unlabelled: float = 0.1
    """Share of training sequences that are real recordings of more than one letter, where there are single letters to
    compose phrases of; without these, all are real."""
    generated: float = Field(default=0.5, ge=0, le=1)
    """Share of training sequences that generated signers spell; without sources all are."""
    handshapes: str = ""
    """File of the handshapes that they have; empty for those that come with signtok."""
    augment: AugmentConfig = AugmentConfig()
    compose: ComposeConfig = ComposeConfig()


class SqueezeformerConfig(Settings):
    """Blocks of paper 002 (after Kim et al. 2022, arXiv 2206.00888). The defaults are the paper's."""

    dim: int = 128
    blocks: int = 6
    heads: int = 4
    kernel: int = 51


class ConvolutionStem(Settings):
    """Paper 002: a 3x3 convolution over time and landmarks of the bare coordinates, unseen ones zero."""

    kind: Literal["convolution"] = "convolution"
    channels: int = 32


class HandStem(Settings):
    """Ours: coordinates, presence and the shape of each hand about its own palm, through two linear layers."""

    kind: Literal["hand"] = "hand"
    width: int = 256


Stem = Annotated[ConvolutionStem | HandStem, Field(discriminator="kind")]


class EncoderConfig(Settings):
    stem: Stem = HandStem()
    blocks: SqueezeformerConfig = SqueezeformerConfig(blocks=4, kernel=17)
    corrupt: CorruptConfig = CorruptConfig()


class NoBottleneck(Settings):
    kind: Literal["none"] = "none"


class ResidualVQConfig(Settings):
    """Residual vector quantisation (paper 002, section 4; Zeghidour et al. 2021)."""

    kind: Literal["residual_vq"] = "residual_vq"
    codebooks: int = 4
    codes: int = 1024
    dim: int = 128
    decay: float = 0.99
    laplace: float = 1e-5
    kmeans_iterations: int = 10
    dead_below: float = 0.4
    """A code whose moving average of uses a batch falls below this is dead. The paper's 2 is for batches of 4,300
    frames; in ours of about 1,300, where codes have 1.3 uses on average, most would die over and over."""
    revive: Literal["split", "sample"] = "split"
    """What a dead code becomes: half of a crowded one, or a vector of the batch (the paper)."""
    dropout: float = Field(default=0.5, ge=0, le=1)
    """Share of training batches that use a random number of codebooks, 1 to all; the others use all. 1 in the paper."""
    bypass: float = Field(default=0.5, ge=0, lt=1)
    """Share of training sequences that go on unquantised, so that the encoder keeps finding what the codes do not hold
    yet (Moshi: Defossez et al. 2024, arXiv 2410.00037, section 3.3). The codebooks learn from all. 0 in the paper."""


Bottleneck = Annotated[NoBottleneck | ResidualVQConfig, Field(discriminator="kind")]


class MotionFlowConfig(Settings):
    """A rectified flow of what the decoder of a finished tokenizer leaves out."""

    blocks: SqueezeformerConfig = SqueezeformerConfig(blocks=2, kernel=17)
    spread: float = Field(default=0.2, gt=0)
    """About the deviation of what is left out, in normalised units: noise has 1 of it."""
    alone: float = Field(default=0.5, ge=0, le=1)
    """Share of the looks that are at noise alone, which is where decoding starts."""
    changes: float = Field(default=3.0, ge=0)
    """Weight of the error of what changes from frame to frame, in that of the flow: a trembling hand looks wrong at
    errors that do not count where it is."""
    steps: Steps = 1
    """Of decoding, where nobody asks for another number."""


class DecoderConfig(Settings):
    blocks: SqueezeformerConfig = SqueezeformerConfig(blocks=2, kernel=17)
    stem: Stem = HandStem()
    """What mirrors the encoder's stem: transposed convolution (the paper) or two linear layers and presence."""
    beta: float = 0.5
    """Where SmoothL1 turns from square to absolute, in normalised units (1 in the paper)."""
    presence_weight: float = 0.5
    """Weight of the loss that tells which landmarks were seen; the convolution stem has no such head."""
    flow: MotionFlowConfig | None = None


class TokenizerConfig(Settings):
    encoder: EncoderConfig = EncoderConfig()
    bottleneck: Bottleneck = ResidualVQConfig()
    decoder: DecoderConfig = DecoderConfig()
    ctc_weight: float = 1.0
    """0 builds no CTC head."""
    head: SqueezeformerConfig = SqueezeformerConfig(blocks=1, kernel=17)
    """Blocks between the quantised sum and the linear layer to characters; 0 in the paper, and in a probe. Codes may
    then spend their bits on movement, and letters be read off several of them."""
    commitment_weight: float = 1 / 16
    normalise: Literal["hand", "video"] = "hand"
    """`video`: paper 002, mean and deviation of each coordinate over the video. `hand`: ours, the dominant hand's
    mean and its size, one scale for both axes, so that neither motion nor aspect changes the shape of the hand."""
    dominant: bool = True
    """Mirror left-handed signers, with a stored flag. Off in the paper."""
    window: int = 512
    margin: int = 64
    """Longer recordings are encoded and decoded in windows that overlap by a margin on either side, in frames."""

    @model_validator(mode="after")
    def _windows_advance(self) -> "TokenizerConfig":
        if not 0 <= 2 * self.margin < self.window:
            raise ValueError(f"window {self.window} must be longer than twice the margin {self.margin}")
        return self


class LandmarkConfig(Config):
    """A tokenizer of hand landmarks."""

    kind: Literal["landmarks"] = "landmarks"
    data: DataConfig = DataConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
