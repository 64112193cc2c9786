"""What a path holds, for errors that say what was given in place of what was asked for."""

import os
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from signtok.data.picture import SUFFIXES

Kind = Literal["pictures", "recordings of landmarks", "tokens"]
TAKEN_BY: dict[Kind, str] = {
    "pictures": "a tokenizer (--tokenizer hands) or a recipe of pictures",
    "recordings of landmarks": "a tokenizer or a recipe of landmarks",
    "tokens": "`signtok decode`",
}


def kind_of(path: Path) -> Kind | None:
    """By the suffix, and the header of a Parquet file; of a folder by the first file of any kind, at any depth."""
    if path.is_dir():
        files = (Path(parent, name) for parent, _, names in os.walk(path) for name in sorted(names))
        return next((kind for kind in map(_kind_of_file, files) if kind), None)
    return _kind_of_file(path) if path.is_file() else None


def _kind_of_file(path: Path) -> Kind | None:
    match path.suffix.lower():
        case ".npz" | ".npy" | ".pose":
            return "recordings of landmarks"
        case ".parquet":
            return _kind_of_parquet(path)
        case suffix:
            return "pictures" if suffix in SUFFIXES else None


def _kind_of_parquet(path: Path) -> Kind | None:
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError):
        return None
    return "tokens" if metadata.get(b"format", b"").startswith(b"signtok-") else "recordings of landmarks"


def not_what_was_asked(path: Path, asked: Kind, why: str, give: str) -> ValueError:
    """One line for a path without what was asked for: what it holds in its place, or `why`; and what to give."""
    kind = kind_of(path)
    if kind is not None and kind != asked:
        why = f"holds {kind}, which {TAKEN_BY[kind]} takes"
    return ValueError(f"{path}: {why}; give {give}")
