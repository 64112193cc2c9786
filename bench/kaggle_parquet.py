"""How fast are Kaggle fingerspelling files read, against pandas, and does memory grow with the file?

Speed: one generated file of 100 sequences x 150 frames whose 1,629 columns are all filled; both readers in one process,
in turns; medians. Memory: the peak of a fresh process (Linux) that reads a file, above that of one that only imports:
15,000 frames to a row group, and all frames in a single one, where the pages of the 84 columns are the floor.
Run: python bench/kaggle_parquet.py
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from signtok.data.kaggle import COLUMNS, read_kaggle_file

FRAMES, ROUNDS = 150, 9


def write_file(path: Path, sequences: int, rows_per_group: int) -> None:
    """A third of the hands is missing, as in the real set. Other parts repeat after 15,000 frames: nobody looks."""
    rng = np.random.default_rng(0)
    rows = sequences * FRAMES
    gone = rng.random((2, rows)) < 1 / 3
    others = [np.resize(rng.random(15_000, dtype=np.float32), rows) for _ in range(10)]
    arrays = {"frame": np.tile(np.arange(FRAMES, dtype=np.int16), sequences)}
    for number, column in enumerate(COLUMNS):
        if "_hand_" in column:
            side = int("right" in column)
            arrays[column] = pa.array(rng.random(rows, dtype=np.float32), mask=gone[side])
        else:
            arrays[column] = others[number % len(others)]
    table = pa.table({**arrays, "sequence_id": np.repeat(np.arange(sequences), FRAMES)})
    pq.write_table(table, path, row_group_size=rows_per_group)


def seconds(read) -> float:
    start = time.perf_counter()
    read()
    return time.perf_counter() - start


def peak_megabytes(path: Path | None, reader: str) -> float:
    command = [sys.executable, __file__, "--read", reader, str(path or "")]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def read_and_tell(reader: str, path: str) -> None:
    if path and reader == "pandas":
        pd.read_parquet(path)
    elif path:
        for _ in read_kaggle_file(path):
            pass
    # Not getrusage: its peak is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


def compare_speed(path: Path) -> None:
    write_file(path, 100, 100 * FRAMES)
    ours, pandas = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: list(read_kaggle_file(path))))
        pandas.append(seconds(lambda: pd.read_parquet(path)))
    print(f"{100 * FRAMES:,} frames, {path.stat().st_size / 1e6:.0f} MB, medians of {ROUNDS} in turns")
    print(f"  signtok {median(ours):.3f} s   pandas, all columns {median(pandas):.3f} s   ", end="")
    print(f"ratio {median(pandas) / median(ours):.1f}")


def compare_memory(path: Path, base: float, sequences: int, rows_per_group: int) -> None:
    write_file(path, sequences, rows_per_group)
    ours, pandas = (peak_megabytes(path, reader) - base for reader in ("signtok", "pandas"))
    print(f"  {sequences * FRAMES:7,} frames, {rows_per_group:7,} a group   signtok {ours:4.0f}   pandas {pandas:5.0f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "0.parquet"
        compare_speed(path)
        base = peak_megabytes(None, "signtok")
        print(f"peak memory in MB, above {base:.0f} of the imports, while sequences are read and let go")
        for sequences in (100, 400, 800):
            compare_memory(path, base, sequences, 100 * FRAMES)
        for sequences in (400, 800):
            compare_memory(path, base, sequences, sequences * FRAMES)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read_and_tell(*sys.argv[2:4])
    else:
        main()
