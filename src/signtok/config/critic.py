"""Settings of the critic that a decoder learns against."""

from pydantic import Field

from signtok.config.base import Settings


class CriticConfig(Settings):
    """A critic of patches (Isola et al. 2017, as VQGAN has it), and how much it counts."""

    weight: float = Field(default=0.5, ge=0)
    """Of the decoder's part, beside its other losses: paper 003."""
    most: float = Field(default=1.0, gt=0)
    """How hard it can pull at a picture, in units of the pull of that picture's squared error. The papers set no such
    bound; at batches of 16 the critic soon wins, and its pull is all that is left."""
    spectral: bool = True
    """Each layer is divided by its largest singular value (Miyato et al. 2018), so that none of them stretches
    anything; the norms between them are not bounded. Neither paper says so; the critic of a later one has it (SSDD,
    Vallaeys et al. 2025)."""
    penalty: float = Field(default=1.0, ge=0)
    """R1: of the squared gradient of the mean logit at real pictures; paper 003 does not say how much."""
    penalty_every: int = Field(default=8, ge=1)
    """Steps, on average, from one penalty to the next, each that much heavier: it costs as much as all the rest."""
    channels: int = Field(default=32, ge=8, multiple_of=8)
    layers: int = Field(default=3, ge=1)
    """Convolutions after the first, all but the last halving; a place sees 70 pixels with 3."""
    time: int = Field(default=128, ge=8)
    """Width of the time's embedding, for a critic that is told it."""

    @property
    def smallest(self) -> int:
        """Pixels of a side that all its layers need."""
        return 3 * 2**self.layers
