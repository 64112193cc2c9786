"""The layout of the Kaggle competition asl-fingerspelling, read as a stream: memory does not grow with the files.

A folder has train.csv and perhaps supplemental_metadata.csv (path, file_id, sequence_id, participant_id, phrase) and
parquet files of many sequences: one row a frame, the rows of a sequence together, columns sequence_id, frame and
x_/y_/z_ of face_0..467, left_hand_0..20, pose_0..32, right_hand_0..20, float32, null or NaN where nothing was found.
https://www.kaggle.com/competitions/asl-fingerspelling
"""

import csv
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float, Int

from signtok.data.hands import keep_seen, landmarks_of
from signtok.data.recording import HAND_POINTS, LANDMARKS, Recording
from signtok.data.text import encode_text

logger = logging.getLogger(__name__)

TABLES = ("train.csv", "supplemental_metadata.csv")
FIELDS = ("path", "file_id", "sequence_id", "participant_id", "phrase")
PARTS = (("face", 468), ("left_hand", HAND_POINTS), ("pose", 33), ("right_hand", HAND_POINTS))
COLUMNS = [f"{axis}_{part}_{point}" for axis in "xyz" for part, count in PARTS for point in range(count)]
HAND_COLUMNS = [f"{axis}_{side}_hand_{i}" for side in ("left", "right") for i in range(HAND_POINTS) for axis in "xy"]
FRAMES_PER_SECOND = 30.0
ROWS_PER_BATCH = 16_384
BUFFER_BYTES = 1 << 16
"""Of each column at a time: a file of one large row group must not be read in one go. What remains in memory is a page
and a dictionary of each of the 84 columns, of 1 MB each at most where pyarrow or pandas wrote the file."""


@dataclass(frozen=True)
class Phrase:
    """One row of train.csv."""

    participant_id: int
    text: str | None


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one sequence: a part of it, or the whole."""

    sequence_id: int
    frame: Int[np.ndarray, " t"]
    landmarks: Float[np.ndarray, "t 42 2"]


def read_kaggle(folder: str | os.PathLike[str], drop_empty: bool = True) -> Iterator[Recording]:
    """The recordings of all files that the tables list, in the order of the tables and of the rows in each file.

    name is the sequence_id, signer the participant_id. A sequence without a row in a table has text None, and so has
    one whose phrase is empty. Sequences without any hand are left out; their count is logged.
    Raises ValueError for a table or parquet file that is missing, damaged or lacks a column, for a phrase with unknown
    characters (naming its row), and where the rows of a sequence do not stand together.
    """
    folder = Path(folder)
    files = _read_tables(folder)
    for name in files:
        if not (folder / name).is_file():
            raise ValueError(
                f"{folder / name}: no such file, but the tables in {folder} list it; copy it or remove its rows"
            )
    for name, phrases in files.items():
        yield from read_kaggle_file(folder / name, phrases, drop_empty)


def read_kaggle_file(
    path: str | os.PathLike[str], phrases: Mapping[int, Phrase] | None = None, drop_empty: bool = True
) -> Iterator[Recording]:
    """The recordings of one parquet file; `phrases` by sequence_id, without which their text is unknown."""
    path = Path(path)
    yield from keep_seen(_recordings(path, phrases or {}), str(path), drop_empty)


def _recordings(path: Path, phrases: Mapping[int, Phrase]) -> Iterator[Recording]:
    found = set()
    for rows in _sequences(path):
        if rows.sequence_id in found:
            raise ValueError(f"{path}: the rows of sequence {rows.sequence_id} do not stand together; sort the file")
        found.add(rows.sequence_id)
        phrase = phrases.get(rows.sequence_id)
        yield Recording(
            landmarks=rows.landmarks,
            frame_numbers=rows.frame,
            frames_per_second=FRAMES_PER_SECOND,
            name=str(rows.sequence_id),
            text=phrase.text if phrase else None,
            label=(phrase.text if phrase else None) or "",
            signer=str(phrase.participant_id) if phrase else "",
        )
    if missing := phrases.keys() - found:
        logger.warning("%s: %d sequences of the tables are not in it", path, len(missing))


def _sequences(path: Path) -> Iterator[Rows]:
    """Whole sequences; one may straddle batches and row groups."""
    pending: list[Rows] = []
    for part in _parts(path):
        if pending and pending[0].sequence_id != part.sequence_id:
            yield _join(pending, path)
            pending = []
        pending.append(part)
    if pending:
        yield _join(pending, path)


def _join(parts: list[Rows], path: Path) -> Rows:
    sequence = parts[0].sequence_id
    landmarks = np.concatenate([part.landmarks for part in parts])
    landmarks = landmarks_of(landmarks, f"{path}: sequence {sequence}", zero_is_unseen=False)
    return Rows(sequence, np.concatenate([part.frame for part in parts]), landmarks)


def _parts(path: Path) -> Iterator[Rows]:
    """Each batch of rows, cut where the sequence changes."""
    for batch in _batches(path):
        ids, frame = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("sequence_id", "frame"))
        columns = [batch.column(name).to_numpy(zero_copy_only=False) for name in HAND_COLUMNS]
        landmarks = np.stack(columns, axis=1, dtype=np.float32, casting="same_kind").reshape(-1, LANDMARKS, 2)
        cuts = [0, *(np.flatnonzero(np.diff(ids)) + 1), len(ids)]
        for start, stop in pairwise(cuts):
            yield Rows(int(ids[start]), frame[start:stop].astype(np.int64), landmarks[start:stop])


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The needed columns of a parquet file, some thousand rows at a time."""
    try:
        with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            names = set(file.schema.names)
            columns = ["sequence_id", "frame", *HAND_COLUMNS]
            for column in columns:
                if column not in names:
                    raise ValueError(f"{path}: no column {column}; this is not a landmark file of asl-fingerspelling")
            for batch in file.iter_batches(ROWS_PER_BATCH, columns=columns, use_threads=False):
                if batch.num_rows:
                    yield batch
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} is not a complete parquet file ({reason}): copy it again") from error


def _read_tables(folder: Path) -> dict[str, dict[int, Phrase]]:
    """By parquet file, then by sequence_id."""
    tables = [folder / name for name in TABLES if (folder / name).is_file()]
    if not tables:
        raise ValueError(f"{folder}: no {TABLES[0]}; name the folder that holds it")
    files: dict[str, dict[int, Phrase]] = {}
    for table in tables:
        with open(table, newline="", encoding="utf-8") as file:
            # csv, and not a reader that guesses types: "null" and "1e5" are phrases.
            reader = csv.DictReader(file)
            for field in FIELDS:
                if field not in (reader.fieldnames or ()):
                    raise ValueError(f"{table}: no column {field}; expected {', '.join(FIELDS)}")
            for number, row in enumerate(reader, start=1):
                phrases = files.setdefault(row["path"], {})
                sequence, phrase = _phrase(row, f"{table}: row {number}")
                phrases[sequence] = phrase
    return files


def _phrase(row: Mapping[str, str | None], what: str) -> tuple[int, Phrase]:
    if any(row[field] is None for field in FIELDS):
        raise ValueError(f"{what} is cut short; copy the table again")
    text = (row["phrase"] or "").lower()
    try:
        sequence, participant = int(row["sequence_id"] or ""), int(row["participant_id"] or "")
        encode_text(text)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
    return sequence, Phrase(participant, text or None)
