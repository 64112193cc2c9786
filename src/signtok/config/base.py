"""What the settings of every experiment share."""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

MOST_STEPS = 1000
"""As many as diffusion was first trained with; more only take longer."""
Steps = Annotated[int, Field(ge=1, le=MOST_STEPS)]
"""Of decoding by a flow."""
Own = TypeVar("Own", bound="Amounts")


class Settings(BaseModel):
    """Frozen, and closed: an unknown field is an error, never silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Amounts(Settings):
    """How much of each thing is done; zero turns it off."""

    @classmethod
    def none(cls: type[Own]) -> Own:
        return cls.model_validate(dict.fromkeys(cls.model_fields, 0))


class OptimConfig(Settings):
    """Schedule-free AdamW (Defazio et al. 2024)."""

    learning_rate: float = 3e-3
    warmup_steps: int = 200
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip: float = 4.0
    ema_decay: float | None = None
    """An exponential average of the weights beside the schedule-free one; it is what gets evaluated and saved."""


class TrainConfig(Settings):
    batch_size: int = 16
    """Sequences of middling length; batches of shorter ones have more, of longer ones fewer, so that all are about
    equally large."""
    max_steps: int = Field(default=100_000, ge=0)
    max_minutes: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    evaluate_every: int = 1000
    checkpoint_every: int = 500
    calibration_batches: int = 20
    """Training batches that renew the batch-norm statistics of the averaged weights before each evaluation."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = Field(default=0, ge=0, lt=2**63)
    start: str | None = None
    """A run, or a packaged tokenizer, whose weights training starts from; None: from chance."""


class Config(Settings):
    """What every experiment has, whatever it is trained on."""

    name: str
    optim: OptimConfig = OptimConfig()
    train: TrainConfig = TrainConfig()
