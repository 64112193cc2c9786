"""Folders of pictures, a folder for each class, as one memory-mapped array that is decoded once.

The cache of a folder at one size is a folder of its own, named after what was decoded (`_key`):

pixels.npy     uint8 (N, size, size, 3)
pictures.json  version, classes, and of each picture its name, label and number. It is written last: without it there
               is no cache.
"""

import hashlib
import json
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int, UInt8
from tqdm import tqdm

from signtok.atomic import atomic_path, remove_abandoned, write_text
from signtok.data.kind import not_what_was_asked
from signtok.data.npz_file import write_npy_header
from signtok.data.picture import SUFFIXES, fit_picture, read_picture
from signtok.threads import each

PIXELS, INDEX = "pixels.npy", "pictures.json"
VERSION = "signtok pictures 1"
AT_ONCE = 256
"""Pictures that are decoded between two steps of the progress bar; memory holds no more of them."""
NAMED = 3

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class PictureFile:
    """One picture of a class folder. name: its path within the folder, with "/"; number: its place in its video, -1
    where its name has none."""

    path: Path
    name: str
    label: str
    number: int


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of a folder in the order of `list_pictures`, as squares.

    pixels: read-only, memory-mapped, in [0, 255]; labels: indices into classes; names: paths within the folder, with
    "/"; hash: 16 hexadecimal digits that tell all of it.
    """

    pixels: UInt8[np.ndarray, "n s s 3"]
    labels: Int[np.ndarray, " n"]
    classes: tuple[str, ...]
    numbers: Int[np.ndarray, " n"]
    names: tuple[str, ...]
    hash: str

    def __len__(self) -> int:
        return len(self.pixels)


def list_pictures(folder: str | os.PathLike[str]) -> list[PictureFile]:
    """The JPEG, PNG, WEBP and BMP files of a folder at any depth, ordered by label, number and name.

    The label is the name of the folder that a file lies in, so that train/A and test/A are one class; where files are
    named like A_test.jpg, in `folder` itself or for several classes in one folder, it is what stands before "_test".
    The number is the digits at the end of the file's name, -1 without any. Hidden files and folders, and links, which
    may lead anywhere, are left out. Raises ValueError for a folder without pictures.
    """
    root = Path(folder)
    if not root.is_dir():
        why = "not a folder" if root.exists() else "no such folder"
        raise not_what_was_asked(root, "pictures", why, "a folder of pictures")
    files = [file for parent, names in _picture_names(root) for file in _files_of(parent, names, root)]
    if not files:
        give = f"a folder with a folder of {' '.join(sorted(SUFFIXES))} for each class; links are left out"
        raise not_what_was_asked(root, "pictures", "no pictures", give)
    return sorted(files, key=lambda file: (file.label, file.number, file.name))


def _picture_names(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder, this one and those below, with the names of its pictures."""
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _picture_names(folder / entry.name)
            elif entry.is_file(follow_symlinks=False) and os.path.splitext(entry.name)[1].lower() in SUFFIXES:
                names.append(entry.name)
    yield folder, names


def readable(name: str) -> str:
    """The name of a file, bytes that are no UTF-8 replaced."""
    return os.fsencode(name).decode(errors="replace")


def _files_of(parent: Path, names: Sequence[str], root: Path) -> Iterator[PictureFile]:
    """The pictures that lie in one folder."""
    stems = [os.path.splitext(name)[0] for name in names]
    tests = {stem: match[1] for stem in stems if (match := re.fullmatch(r"([^_]+)_test", stem))}
    if parent != root and len({*tests.values()}) < 2:
        tests = {}
    label = parent.resolve().name
    above = "" if parent == root else f"{parent.relative_to(root).as_posix()}/"
    for name, stem in zip(names, stems, strict=True):
        digits = re.search(r"[0-9]{1,18}$", stem)
        yield PictureFile(
            path=parent / name,
            name=readable(above + name),
            label=readable(tests.get(stem, label)),
            number=int(digits[0]) if digits else -1,
        )


def load_pictures(folder: str | os.PathLike[str], size: int, cache: str | os.PathLike[str] | None = None) -> Pictures:
    """The pictures of a folder, each fitted into a square of `size` pixels; decoded once, then read from the cache.

    cache: where caches are kept, by default $XDG_CACHE_HOME/signtok/pictures or ~/.cache/signtok/pictures. Another
    name, size or time of any file makes another one; old ones may be deleted at any time. Pictures that cannot be read
    are left out with one warning. Raises ValueError for a folder without pictures, and where none can be read.
    """
    files = list_pictures(folder)
    place = (_default_cache() if cache is None else Path(cache)) / _key(files, size)
    found = _open(place, size)
    if found is None:
        _decode(files, size, place)
        found = _open(place, size)
    assert found is not None, "what was just written can be read"
    names = {*found.names}
    lost = [file.name for file in files if file.name not in names]
    if lost:
        first = f"{', '.join(lost[:NAMED])}{', ...' if len(lost) > NAMED else ''}"
        logger.warning("%s: left out %d pictures that cannot be read: %s", folder, len(lost), first)
    return found


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "signtok" / "pictures"


def _key(files: Sequence[PictureFile], size: int) -> str:
    """The name of the cache: another one for another name, class, number, size or time of any file, or size of the
    squares."""
    facts: list[Any] = [VERSION, size]
    for file in files:
        status = file.path.stat()
        facts.append((file.name, file.label, file.number, status.st_size, status.st_mtime_ns))
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _decode(files: Sequence[PictureFile], size: int, place: Path) -> None:
    """Write the cache of all pictures that can be read. Raises ValueError where none can."""
    kept, lost, digest = [], [], hashlib.sha256()
    remove_abandoned(place / PIXELS)
    with atomic_path(place / PIXELS) as temporary, open(temporary, "wb") as target:
        write_npy_header(target, (0, size, size, 3), np.dtype(np.uint8))
        for file, square in each_picture(files, lambda file: fit_picture(read_picture(file.path), size), "decode"):
            if isinstance(square, ValueError):
                lost.append(square)
                continue
            kept.append(file)
            target.write(square.data)
            digest.update(square.data)
        if not kept:
            raise ValueError(f"none of {len(files)} pictures can be read; the first: {lost[0]}")
        write_npy_header(target, (len(kept), size, size, 3), np.dtype(np.uint8))
    classes = {label: index for index, label in enumerate(sorted({file.label for file in kept}))}
    index = {
        "version": VERSION,
        "classes": [*classes],
        "names": [file.name for file in kept],
        "labels": [classes[file.label] for file in kept],
        "numbers": [file.number for file in kept],
    }
    digest.update(json.dumps(index).encode())
    write_text(place / INDEX, json.dumps({"hash": digest.hexdigest()[:16], **index}))


def each_picture(
    files: Sequence[PictureFile], function: Callable[[PictureFile], Result], doing: str
) -> Iterator[tuple[PictureFile, Result | ValueError]]:
    """Every file with function(file), or with the ValueError that it raised; on as many threads as torch has."""

    def attempt(file: PictureFile) -> Result | ValueError:
        try:
            return function(file)
        except ValueError as error:
            return error

    with tqdm(total=len(files), desc=doing, unit=" pictures", disable=None) as bar:
        for start in range(0, len(files), AT_ONCE):
            some = files[start : start + AT_ONCE]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what Pillow finds odd and reads nevertheless
                results = each(attempt, some)
            yield from zip(some, results, strict=True)
            bar.update(len(some))


def _open(place: Path, size: int) -> Pictures | None:
    """The cache, or None where there is none or a damaged one."""
    try:
        index = json.loads((place / INDEX).read_text(encoding="utf-8"))
        pixels = np.load(place / PIXELS, mmap_mode="r", allow_pickle=False)
        names = tuple(index["names"])
        if index["version"] != VERSION or pixels.dtype != np.uint8 or pixels.shape != (len(names), size, size, 3):
            return None
        return Pictures(
            pixels=pixels.view(np.ndarray),  # np.memmap itself adds ten microseconds to every slice
            labels=np.array(index["labels"], np.int64),
            classes=tuple(index["classes"]),
            numbers=np.array(index["numbers"], np.int64),
            names=names,
            hash=index["hash"],
        )
    except (OSError, ValueError, EOFError, KeyError, TypeError):
        return None
