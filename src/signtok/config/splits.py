"""How what is recorded is divided into training, validation and test."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from signtok.config.base import Settings


class BlockSplit(Settings):
    """Contiguous blocks of frame numbers (or of take numbers): index % 10 == 9 is test, == 4 validation."""

    kind: Literal["blocks"] = "blocks"
    size: int = 44
    gap: int = 4
    """Training drops what lies within this many numbers of a validation or test block."""


class TakeSplit(Settings):
    """Takes of each letter by their number."""

    kind: Literal["takes"] = "takes"
    test_from: int = 25
    validation_from: int = 23


class SignerSplit(Settings):
    """Whole signers."""

    kind: Literal["signers"] = "signers"
    test: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()


class TrainOnly(Settings):
    """A source that is used whole: to train, or (left out of training) to test."""

    kind: Literal["whole"] = "whole"


class GroupSplit(Settings):
    """For recordings of your own: whole signers where at least three are named, else whole recordings, in a fixed
    order that has nothing to do with their names."""

    kind: Literal["groups"] = "groups"
    test: float = Field(default=0.1, gt=0, lt=0.5)
    validation: float = Field(default=0.1, gt=0, lt=0.5)


Split = Annotated[BlockSplit | TakeSplit | SignerSplit | TrainOnly | GroupSplit, Field(discriminator="kind")]


class TailSplit(Settings):
    """The last numbers of each class, often in other light and at another place, are test; those before validation.

    The defaults are for numbers up to 3000; all four belong to their part, what lies between is left out.
    """

    kind: Literal["tail"] = "tail"
    train_to: int = 2400
    validation_from: int = 2420
    validation_to: int = 2600
    test_from: int = 2621

    @model_validator(mode="after")
    def _in_order(self) -> "TailSplit":
        if not self.train_to < self.validation_from <= self.validation_to < self.test_from:
            raise ValueError("a tail split needs train_to < validation_from <= validation_to < test_from")
        return self


class RandomSplit(Settings):
    """Paper 000: a random share of each class. It leaks wherever pictures are frames of a video, whose neighbours are
    near-duplicates: only to compare with what was measured so. Classes of one or two pictures are training."""

    kind: Literal["random"] = "random"
    test: float = Field(default=0.2, gt=0, lt=0.5)
    validation: float = Field(default=0.04, gt=0, lt=0.5)
    seed: int = 0


PictureSplit = Annotated[BlockSplit | TailSplit | RandomSplit, Field(discriminator="kind")]
