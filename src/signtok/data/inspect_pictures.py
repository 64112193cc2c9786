"""What a folder of pictures holds, in numbers and in a picture, before anything is trained on it."""

import os
import textwrap
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from signtok.atomic import atomic_path
from signtok.data.inspect import count_of
from signtok.data.landmarks import open_recordings
from signtok.data.picture import fit_picture, read_picture
from signtok.data.picture_folder import PictureFile, each_picture, list_pictures
from signtok.draw import INK, PAPER

CELL, CAPTION = 96, 110
"""Pixels of a contact sheet: the side of a picture, the width of the class's name before its row."""
EXAMPLES, ROWS = 10, 100
"""At most so many pictures of a class and classes of a sheet."""
REASONS = 6


@dataclass(frozen=True)
class PictureInspection:
    """What `inspect_pictures` counts.

    files: those that can be read, as ordered by `list_pictures`; sizes: how many there are of each, "WIDTHxHEIGHT";
    unreadable: one line for each of the others.
    """

    files: tuple[PictureFile, ...]
    sizes: dict[str, int]
    unreadable: tuple[str, ...]

    def __str__(self) -> str:
        numbers = [file.number for file in self.files if file.number >= 0]
        classes = Counter(file.label for file in self.files)
        rows = [
            ("pictures", f"{len(self.files):,}"),
            ("classes", count_of(classes, shown=len(classes))),
            ("sizes", count_of(self.sizes)),
            ("numbers", f"{min(numbers)} to {max(numbers)}" if numbers else "none"),
            ("unreadable", f"{len(self.unreadable):,}"),
        ]
        lines = [textwrap.fill(f"{name:<14} {value}", 120, subsequent_indent=" " * 15) for name, value in rows]
        reasons = [f"  {reason}" for reason in self.unreadable[:REASONS]]
        return "\n".join(lines + reasons + ["  ..."] * (len(self.unreadable) > REASONS))


def is_picture_folder(path: str | os.PathLike[str]) -> bool:
    """Whether it is a folder of pictures: one with pictures at any depth, and without recordings of its own."""
    if not Path(path).is_dir():
        return False
    try:
        open_recordings(path)
        return False
    except ValueError:
        pass
    try:
        return bool(list_pictures(path))
    except ValueError:
        return False


def inspect_pictures(folder: str | os.PathLike[str]) -> PictureInspection:
    """Read every picture and count. Raises ValueError without any picture that can be read."""
    files, sizes, unreadable = [], Counter[str](), []
    for file, size in each_picture(list_pictures(folder), _size, "inspect"):
        if isinstance(size, ValueError):
            unreadable.append(str(size))
        else:
            files.append(file)
            sizes[size] += 1
    if not files:
        raise ValueError(f"none of {len(unreadable)} pictures can be read; the first: {unreadable[0]}")
    return PictureInspection(tuple(files), dict(sizes), tuple(unreadable))


def _size(file: PictureFile) -> str:
    height, width = read_picture(file.path).shape[:2]
    return f"{width}x{height}"


def picture_sheet(files: tuple[PictureFile, ...], path: str | os.PathLike[str]) -> None:
    """Write a picture with a row for each label: up to ten of its pictures, evenly spread, as a tokenizer sees them.

    files: as ordered by `list_pictures`; all of them can be read. The format is told by the path's suffix. Raises
    ValueError when there are none.
    """
    rows = [(label, list(group)) for label, group in groupby(files, key=lambda file: file.label)][:ROWS]
    if not rows:
        raise ValueError(f"{path}: no pictures to draw")
    columns = min(EXAMPLES, max(len(group) for _, group in rows))
    sheet = Image.new("RGB", (CAPTION + columns * CELL, len(rows) * CELL), PAPER)
    pen = ImageDraw.Draw(sheet)
    for row, (label, group) in enumerate(rows):
        font = ImageFont.load_default(size=min(20, 1.7 * CAPTION / max(len(label), 1)))
        pen.text((CAPTION / 2, (row + 0.5) * CELL), label, fill=INK, font=font, anchor="mm")
        spread = np.linspace(0, len(group) - 1, min(columns, len(group))).round().astype(int)
        for column, which in enumerate(spread):
            square = fit_picture(read_picture(group[which].path), CELL)
            sheet.paste(Image.fromarray(square), (CAPTION + column * CELL, row * CELL))
    with atomic_path(path) as temporary:
        sheet.save(temporary)
