"""A packed corpus: all frames in one memory-mapped array, for training at any size.

frames.npy         float32 (N, 42, 2), the landmarks of all recordings one after the other
frame_numbers.npy  int64 (N,)
index.parquet      a row a recording: offset, length and every other field of `Recording`; version and data hash in its
                   metadata. It is written last: a folder without it is not a corpus.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from signtok.atomic import atomic_path, remove_abandoned
from signtok.data.npz_file import write_npy_header
from signtok.data.recording import LANDMARKS, Recording

FRAMES, NUMBERS, INDEX = "frames.npy", "frame_numbers.npy", "index.parquet"
VERSION = "signtok corpus 1"
SCHEMA = pa.schema(
    {
        "offset": pa.int64(),
        "length": pa.int64(),
        "text": pa.string(),
        "label": pa.string(),
        "name": pa.string(),
        "signer": pa.string(),
        "source": pa.string(),
        "licence": pa.string(),
        "frames_per_second": pa.float64(),
        "frames_dropped": pa.int64(),
    }
)


def pack(recordings: Iterable[Recording], folder: str | os.PathLike[str]) -> "Corpus":
    """Write recordings to a packed corpus as they come and open it; memory holds one recording and the index.

    Raises ValueError when there are no recordings.
    """
    folder = Path(folder)
    digest = hashlib.sha256()
    rows: list[dict[str, Any]] = []
    for name in (FRAMES, NUMBERS):
        remove_abandoned(folder / name)
    with ExitStack() as files:
        frames, numbers = (files.enter_context(atomic_path(folder / name)) for name in (FRAMES, NUMBERS))
        with open(frames, "wb") as frame_file, open(numbers, "wb") as number_file:
            write_npy_header(frame_file, (0, LANDMARKS, 2), np.dtype(np.float32))
            write_npy_header(number_file, (0,), np.dtype(np.int64))
            total = 0
            for recording in recordings:
                rows.append(_row(recording, total))
                total += len(recording)
                for file, array in ((frame_file, recording.landmarks), (number_file, recording.frame_numbers)):
                    content = array.tobytes()
                    file.write(content)
                    digest.update(content)
                digest.update(json.dumps(rows[-1], sort_keys=True).encode())
            if not rows:
                raise ValueError(f"{folder}: no recordings to pack")
            write_npy_header(frame_file, (total, LANDMARKS, 2), np.dtype(np.float32))
            write_npy_header(number_file, (total,), np.dtype(np.int64))
        # From here until the new index is there the folder must not pass for a corpus: it may hold old and new files.
        (folder / INDEX).unlink(missing_ok=True)
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    with atomic_path(folder / INDEX) as temporary:
        pq.write_table(
            table.replace_schema_metadata({"version": VERSION, "data_hash": digest.hexdigest()[:16]}), temporary
        )
    return Corpus(folder)


def _row(recording: Recording, offset: int) -> dict[str, Any]:
    fields = {name: getattr(recording, name) for name in SCHEMA.names if name not in ("offset", "length")}
    return {"offset": offset, "length": len(recording), **fields}


class Corpus:
    """The recordings of a packed corpus, read from disk when they are asked for; a sequence of `Recording`.

    data_hash: 16 hexadecimal digits that tell all landmarks, frame numbers and texts, in their order.
    Raises ValueError for a folder that is not a complete corpus.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._index = _read_index(self.folder)
        self.data_hash = self._index.schema.metadata[b"data_hash"].decode()
        self._rows = {name: self._index.column(name).combine_chunks() for name in SCHEMA.names}
        total = int(self._rows["offset"][-1].as_py() + self._rows["length"][-1].as_py())
        self._frames = _map(self.folder / FRAMES, (total, LANDMARKS, 2), np.dtype(np.float32))
        self._numbers = _map(self.folder / NUMBERS, (total,), np.dtype(np.int64))

    def __reduce__(self) -> tuple[type["Corpus"], tuple[Path]]:
        # A worker process opens the files again; pickling a memory map would send its whole content.
        return Corpus, (self.folder,)

    def __len__(self) -> int:
        return self._index.num_rows

    def __getitem__(self, index: int) -> Recording:
        """Its arrays are read-only views of the file: they cost no memory. Raises IndexError beyond the end."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"recording {index} of {len(self)}")
        row = {name: column[index % len(self)].as_py() for name, column in self._rows.items()}
        start, length = row.pop("offset"), row.pop("length")
        frames = slice(start, start + length)
        return Recording(self._frames[frames], self._numbers[frames], **row)

    def __iter__(self) -> Iterator[Recording]:
        return (self[index] for index in range(len(self)))

    @property
    def lengths(self) -> np.ndarray:
        """int64 (R,): the frames of each recording, without reading any."""
        return self._rows["length"].to_numpy()


def _read_index(folder: Path) -> pa.Table:
    path = folder / INDEX
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise ValueError(f"{folder}: no {INDEX}, so this is not a packed corpus; make one with `pack`") from None
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} is not a complete parquet file ({str(error).splitlines()[0]}): pack again") from error
    version = (table.schema.metadata or {}).get(b"version", b"").decode()
    if version != VERSION or table.schema.names != SCHEMA.names or not table.num_rows:
        raise ValueError(f"{path}: expected the index of {VERSION!r}, found {version!r}; pack again")
    return table


def _map(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a complete array ({error}): pack the corpus again") from error
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{path}: {array.dtype} {array.shape} does not fit the index ({dtype} {shape}): pack again")
    # A plain view of the map: np.memmap adds ten microseconds to every slice.
    return array.view(np.ndarray)
