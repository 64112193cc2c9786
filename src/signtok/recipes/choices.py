"""What a training may be asked for beside its recipe; the defaults leave the recipe as it is. `signtok train` shows
these as its options."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import ValidationError
from tyro.conf import arg

from signtok.config import Settings

Chosen = TypeVar("Chosen", bound=Settings)


@dataclass(frozen=True)
class Limits:
    """When a training stops, and what it is seeded with."""

    max_minutes: float | None = None
    """stop after this wall time"""
    max_steps: int | None = None
    """stop after this many batches"""
    seed: int = 0
    """of weights, data and dropout"""
    start: Annotated[str | None, arg(metavar="NAME|FOLDER")] = None
    """a packaged tokenizer or a run of the same architecture, whose weights it starts from; of sign-rvq-flow
    the tokenizer that it draws for, fingerspelling where none is named"""


@dataclass(frozen=True)
class LandmarkChoices:
    """For recipes of landmarks."""

    only: tuple[str, ...] = ()
    """use only these sources; "permissive" means those whose weights may be given away"""
    without: tuple[str, ...] = ()
    """leave these sources out"""
    generated: float | None = None
    """share of the training sequences that generated signers spell, 0 to 1; half by default"""
    handshapes: Annotated[Path | None, arg(metavar="PATH")] = None
    """the table that these are drawn from, by default the packaged one (signtok.recipes.handshapes)"""


@dataclass(frozen=True)
class PictureChoices:
    """For recipes of pictures."""

    size: int | None = None
    """height and width, in pixels"""
    latent: int | None = None
    """numbers a picture, or of each place where it has a grid; of codes, how many a place"""
    split: str | None = None
    """of numbered pictures: blocks of them, the tail of each class, or paper (at random, which leaks)"""
    per_class: int | None = None
    """train on at most so many pictures of each class"""
    zoom: float | None = None
    """keep pictures so many times as large, and train on random crops of them, from whole ones to the smallest"""
    timesteps: int | None = None
    """of asl-image-ddpm"""


def refuse(asked: LandmarkChoices | PictureChoices, why: str) -> None:
    """Raises ValueError for the first choice that was made."""
    nothing = type(asked)()
    for field in fields(asked):
        if getattr(asked, field.name) != getattr(nothing, field.name):
            raise ValueError(f"{why}, which has no --{field.name.replace('_', '-')}; leave it out")


def checked(settings: Chosen, changes: dict[str, object]) -> Chosen:
    """With those changes. Raises ValueError of one line for a value that a setting cannot have."""
    try:
        return type(settings).model_validate({**dict(settings), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:  # of several settings together
            raise ValueError(message) from None
        option = str(first["loc"][0]).replace("_", "-")
        raise ValueError(f"--{option} {first['input']}: {message[0].lower()}{message[1:]}") from None
