"""Settings of what stands between the encoder and the decoder of pictures."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from signtok.config.base import Settings
from signtok.config.landmarks import NoBottleneck, ResidualVQConfig

MOST_CODES = 2**15
"""As many as a token file holds."""


class LayerNormConfig(Settings):
    """Each vector of a latent to mean 0 and deviation 1 (DiTo, Chen et al. 2025)."""

    kind: Literal["layer_norm"] = "layer_norm"


class GaussianConfig(Settings):
    """Mean and deviation of each number of the latent (Kingma and Welling 2014)."""

    kind: Literal["gaussian"] = "gaussian"
    weight: float = 1e-6
    """Of the divergence from a standard normal distribution, in nats a vector, beside the decoder's loss."""
    start: float = 0.0
    """Log of the variance before anything is learnt."""


class FSQConfig(Settings):
    """Finite scalar quantisation (Mentzer et al. 2024)."""

    kind: Literal["fsq"] = "fsq"
    levels: tuple[Annotated[int, Field(ge=3, le=256)], ...] = (8, 6, 5)
    """Of the numbers of a group; their product is how many ids a group has: 240 here, the paper's choice for 8 bits."""
    codebooks: int = Field(default=4, ge=1)
    """Groups, each with an id."""

    @model_validator(mode="after")
    def check_codes(self) -> "FSQConfig":
        if self.codes > MOST_CODES:
            raise ValueError(
                f"levels {self.levels} make {self.codes} ids, more than {MOST_CODES}: use fewer, or groups"
            )
        return self

    @property
    def codes(self) -> int:
        return math.prod(self.levels)

    @property
    def dim(self) -> int:
        return self.codebooks * len(self.levels)


Codes = ResidualVQConfig | FSQConfig
PictureBottleneck = Annotated[NoBottleneck | GaussianConfig | LayerNormConfig | Codes, Field(discriminator="kind")]
