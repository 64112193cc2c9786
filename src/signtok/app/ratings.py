"""What raters said, one file each, to which lines are only ever added: what was confirmed is on the disk."""

import errno
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pydantic
from pydantic import Field

from signtok.app.study import FileName, Study
from signtok.config import Settings

CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
Experience = Literal["native", "fluent", "learner", "none", "unsaid"]
Handedness = Literal["right", "left", "both", "unsaid"]


class Rating(Settings):
    """One line: what was rated, how, how long it took and when (UTC, ISO 8601); and who, as far as they said."""

    stimulus: FileName
    repeat: bool
    rating: int = Field(ge=1, le=5)
    seconds: float = Field(ge=0, allow_inf_nan=False)
    time: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"), max_length=40)
    experience: Experience = "unsaid"
    handedness: Handedness = "unsaid"
    comment: str = Field(default="", max_length=1000)


@dataclass(frozen=True)
class Sheet:
    """A rater's ratings, the last of those given twice to one trial. cut: lines that were not written to their end."""

    rater: str
    ratings: tuple[Rating, ...]
    cut: int = 0


def check_rater(code: str) -> str:
    """The code in lower case, which names the rater's file. Raises ValueError for anything that is no plain code."""
    if not CODE.fullmatch(code):
        raise ValueError(f"rater code {code[:60]!r}: use 1 to 40 letters, digits, - and _, without spaces")
    return code.lower()


def save_rating(study: Study, rater: str, rating: Rating) -> None:
    """Adds a line to the rater's file, and returns when it is on the disk.

    What a crash left of a line is closed off first. A line is added in one call, so that several windows and
    servers may write at once. Raises OSError where the rating could not be saved.
    """
    path = study.ratings / f"{check_rater(rater)}.jsonl"
    path.parent.mkdir(exist_ok=True)
    line = rating.model_dump_json().encode() + b"\n"
    with open(path, "ab+", buffering=0) as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file.fileno())


def read_sheet(study: Study, rater: str) -> Sheet:
    """Empty for a rater who has not begun. Raises ValueError for a line that is of another study or program."""
    path = study.ratings / f"{check_rater(rater)}.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    known = study.plan.rated()
    latest: dict[tuple[str, bool], Rating] = {}
    cut = 0
    for number, line in enumerate(lines, start=1):
        rating = _parse(line, f"{path}, line {number}")
        if rating is None:
            cut += bool(line)
        elif rating.stimulus not in known:
            raise ValueError(f"{path}, line {number}: {rating.stimulus} is not in this study: move the file away")
        else:
            latest[rating.stimulus, rating.repeat] = rating
    return Sheet(rater, tuple(latest.values()), cut)


def _parse(line: bytes, what: str) -> Rating | None:
    """None for a line that breaks off."""
    try:
        return Rating.model_validate_json(line)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return None
        where = ".".join(map(str, first["loc"])) or "the line"
        raise ValueError(f"{what} is no rating ({where}: {first['msg']}): take it out") from None


def read_sheets(study: Study) -> list[Sheet]:
    """Those of all raters, by their codes. Raises ValueError as `read_sheet`, and for a file that is not a rater's."""
    sheets = []
    for path in sorted(study.ratings.glob("*.jsonl")):
        if not CODE.fullmatch(path.stem) or path.stem != path.stem.lower():
            raise ValueError(
                f"{path}: not the file of a rater of this study (lower case, digits, - and _): move it away"
            )
        sheets.append(read_sheet(study, path.stem))
    return sheets
