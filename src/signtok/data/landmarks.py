"""One way in to every kind of landmark file: `open_recordings`."""

import os
from collections.abc import Iterator
from pathlib import Path

from signtok.data.corpus import INDEX, Corpus
from signtok.data.kaggle import TABLES, read_kaggle, read_kaggle_file
from signtok.data.kind import kind_of, not_what_was_asked
from signtok.data.npz_file import read_array, read_npz
from signtok.data.pose_file import read_pose, read_pose_folder
from signtok.data.recording import Recording

READABLE = (
    ".npz, .npy, .pose, a .parquet file of asl-fingerspelling, or a folder with .pose files, with train.csv or with a "
    "packed corpus"
)


def open_recordings(path: str | os.PathLike[str], drop_empty: bool = True) -> Iterator[Recording]:
    """The recordings of a file or folder, one after the other; the reader is chosen by what the path is.

    drop_empty: leave out frames without any hand; they are counted in `frames_dropped`. A packed corpus is given back
    as it was packed. Raises ValueError at once for a path that is not there or of no kind that can be read, and while
    reading for faults in the data.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder; give {READABLE}")
    if path.is_dir():
        return _open_folder(path, drop_empty)
    match path.suffix.lower():
        case ".npz":
            return read_npz(path, drop_empty=drop_empty)
        case ".npy":
            return read_array(path, drop_empty)
        case ".pose":
            return read_pose(path, drop_empty=drop_empty)
        case ".parquet" if kind_of(path) != "tokens":
            return read_kaggle_file(path, drop_empty=drop_empty)
    raise not_what_was_asked(path, "recordings of landmarks", "cannot read this kind of file", READABLE)


def _open_folder(folder: Path, drop_empty: bool) -> Iterator[Recording]:
    if any((folder / table).is_file() for table in TABLES):
        return read_kaggle(folder, drop_empty)
    if (folder / INDEX).is_file():
        return iter(Corpus(folder))
    if any(folder.glob("*.pose")):
        return read_pose_folder(folder, drop_empty)
    raise not_what_was_asked(folder, "recordings of landmarks", "nothing to read in this folder", READABLE)
