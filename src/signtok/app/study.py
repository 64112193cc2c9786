"""A rating study on disk: the folder that raters are served from, and the key to it, which lies apart.

docs/formats.md, "Rating study", describes the files.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import pydantic
from pydantic import Field, StringConstraints, model_validator

from signtok.config import Settings

FileName = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}\.(png|gif|mp4)$")]
"""A random name in the folder stimuli: it tells nothing, and leads nowhere else."""

PASSES = {"same": (4, 5), "other": (1, 2)}
"""What an attention check has to be rated: an original shown against itself, and against something else."""


class Item(Settings):
    """One original, and what each system made of it; systems go by blinded letters."""

    original: FileName
    stimuli: dict[str, FileName] = Field(min_length=1)


class Check(Settings):
    """An attention check; only the key says which rating passes."""

    original: FileName
    stimulus: FileName


class Plan(Settings):
    """study.json: what is shown. Whose work it is stands in the key alone."""

    format: Literal["signtok-study"]
    version: Literal["1"]
    title: str
    question: str
    repeats: int = Field(ge=0)
    items: tuple[Item, ...] = Field(min_length=1)
    checks: tuple[Check, ...]

    @model_validator(mode="after")
    def _fits_together(self) -> "Plan":
        if len({frozenset(item.stimuli) for item in self.items}) != 1:
            raise ValueError("all items need stimuli of the same systems")
        files = list(self.files())
        if len(set(files)) != len(files):
            raise ValueError("a file is named twice")
        return self

    def files(self) -> Iterator[str]:
        """All files in stimuli."""
        for item in self.items:
            yield from (item.original, *item.stimuli.values())
        for check in self.checks:
            yield from (check.original, check.stimulus)

    def rated(self) -> set[str]:
        """The files that are rated: all but the originals."""
        stimuli = {name for item in self.items for name in item.stimuli.values()}
        return stimuli | {check.stimulus for check in self.checks}


class Origin(Settings):
    """What a stimulus is: a system's work on an item, or an attention check made from that item."""

    item: str
    system: str | None = None
    check: Literal["same", "other"] | None = None


class Key(Settings):
    """key.json: the origin of every file that is rated."""

    format: Literal["signtok-study-key"]
    version: Literal["1"]
    seed: int
    stimuli: dict[FileName, Origin]


@dataclass(frozen=True)
class Study:
    """An opened study folder."""

    folder: Path
    plan: Plan

    @property
    def stimuli(self) -> Path:
        return self.folder / "stimuli"

    @property
    def ratings(self) -> Path:
        return self.folder / "ratings"

    @property
    def private(self) -> Path:
        return private_folder(self.folder)


def private_folder(folder: Path) -> Path:
    """Where the key and the reports of a study lie: beside its folder, so that the folder itself can be given away."""
    return folder.resolve().with_name(f"{folder.resolve().name}-private")


def open_study(folder: str | os.PathLike[str]) -> Study:
    """Raises ValueError where study.json is missing, damaged or of another version, or where stimuli are missing."""
    folder = Path(folder)
    study = Study(folder, _read(folder / "study.json", Plan))
    missing = [name for name in study.plan.files() if not (study.stimuli / name).is_file()]
    if missing:
        raise ValueError(f"{study.stimuli}: {len(missing)} files are missing, {missing[0]} first: copy the study again")
    return study


def read_key(study: Study) -> Key:
    """Raises ValueError where the key is missing, damaged or of another study."""
    path = study.private / "key.json"
    key = _read(path, Key)
    if key.stimuli.keys() != study.plan.rated():
        raise ValueError(f"{path} is the key of another study than {study.folder}: put the right one there")
    return key


Content = TypeVar("Content", bound=Settings)


def _read(path: Path, kind: type[Content]) -> Content:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; `signtok study make` makes it") from None
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ValueError(f"{path} is damaged or of another version ({where}: {first['msg']}): copy it again") from None
