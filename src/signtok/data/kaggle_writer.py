"""Recordings written in the layout of the Kaggle competition asl-fingerspelling (see kaggle.py)."""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from signtok.atomic import atomic_path, write_text
from signtok.data.kaggle import COLUMNS, FIELDS, HAND_COLUMNS, TABLES
from signtok.data.recording import Recording
from signtok.data.text import encode_text

INDEX = {"name": "sequence_id", "field_name": "sequence_id", "pandas_type": "int64", "numpy_type": "int64"}
PANDAS = {"index_columns": ["sequence_id"], "column_indexes": [], "columns": [{**INDEX, "metadata": None}]}
"""What tells pandas that sequence_id is the index, as in the competition's files."""


def write_kaggle(folder: str | os.PathLike[str], recordings: Iterable[Recording], rows_per_file: int = 50_000) -> None:
    """Write train_landmarks/N.parquet, with all 1,629 columns (null but for the hands' x and y), and train.csv.

    Each file is written atomically, and closed with the sequence that brings it to `rows_per_file` rows: memory holds
    one file. A name or signer that is a free number is kept as sequence_id or participant_id, others get a free one.
    The format has no place for a rate. Raises ValueError for unknown characters in a text and for no recordings.
    """
    folder = Path(folder)
    sequences: set[int] = set()
    participants: dict[str, int] = {}
    rows: list[tuple[str, int, int, int, str]] = []
    for file_id, takes in enumerate(_files(recordings, rows_per_file)):
        path = f"train_landmarks/{file_id}.parquet"
        ids = []
        for take in takes:
            encode_text(take.text or "")
            ids.append(_free_number(take.name, sequences))
            sequences.add(ids[-1])
            if take.signer not in participants:
                participants[take.signer] = _free_number(take.signer, set(participants.values()))
            rows.append((path, file_id, ids[-1], participants[take.signer], take.text or ""))
        with atomic_path(folder / path) as temporary:
            pq.write_table(_table(takes, ids), temporary)
    if not rows:
        raise ValueError(f"{folder}: no recordings to write")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([FIELDS, *rows])
    write_text(folder / TABLES[0], text.getvalue())


def _files(recordings: Iterable[Recording], rows_per_file: int) -> Iterator[list[Recording]]:
    takes: list[Recording] = []
    for recording in recordings:
        takes.append(recording)
        if sum(map(len, takes)) >= rows_per_file:
            yield takes
            takes = []
    if takes:
        yield takes


def _free_number(name: str, used: set[int]) -> int:
    """The name itself where it is an int64 nobody has, else the lowest free number from the count of used ones up."""
    if name.isascii() and name.isdigit() and len(name) <= 18 and int(name) not in used:
        return int(name)
    number = len(used)
    while number in used:
        number += 1
    return number


def _table(takes: list[Recording], ids: list[int]) -> pa.Table:
    landmarks = np.concatenate([take.landmarks for take in takes])
    values = dict(zip(HAND_COLUMNS, landmarks.reshape(len(landmarks), -1).T, strict=True))
    nothing = pa.nulls(len(landmarks), pa.float32())
    arrays = {
        "frame": pa.array(np.concatenate([take.frame_numbers for take in takes]).astype(np.int32)),
        **{name: pa.array(values[name], from_pandas=True) if name in values else nothing for name in COLUMNS},
        "sequence_id": pa.array(np.repeat(ids, [len(take) for take in takes]), pa.int64()),
    }
    return pa.table(arrays).replace_schema_metadata({"pandas": json.dumps(PANDAS)})
