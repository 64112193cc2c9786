"""Token files: Parquet, one row a recording, bound to the tokenizer that made them (docs/formats.md, "Token file").

Each row says how to read it (frame rate, placement in the picture) and where it is from (signer, source, licence),
so that a file can be passed on alone. HF datasets and pandas read it as it is.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int

from signtok.atomic import atomic_path

FORMAT, VERSION = "signtok-tokens", "1"
ROWS_PER_GROUP = 512
MOST_CODES = 2**15  # ids are stored as int16


@dataclass(frozen=True, eq=False)
class TokenSequence:
    """The tokens of one recording, and what it takes to put the decoded hands back into the picture.

    ids: int64 (T, Q), codebook q of frame t in [0, V).
    frame_numbers: int64 (T,), as in `Recording`.
    mean_x ... scale_y: picture = normalised * scale + mean, in picture coordinates.
    mirrored: the signer was mirrored before encoding (after that step, x becomes 1 - x).
    """

    ids: Int[np.ndarray, "t q"]
    frame_numbers: Int[np.ndarray, " t"]
    frames_per_second: float = 30.0
    name: str = ""
    text: str | None = None
    signer: str = ""
    source: str = ""
    licence: str = ""
    mean_x: float = 0.0
    mean_y: float = 0.0
    scale_x: float = 1.0
    scale_y: float = 1.0
    mirrored: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, frames: slice) -> "TokenSequence":
        """Some of the frames: `sequence[10:20]`. The text stays that of the whole recording."""
        return replace(self, ids=self.ids[frames], frame_numbers=self.frame_numbers[frames])

    def with_codebooks(self, number: int) -> "TokenSequence":
        """Only the first `number` codebooks: fewer bits, coarser hands. Raises ValueError outside 1..Q."""
        if not 1 <= number <= self.ids.shape[1]:
            raise ValueError(f"codebooks: expected 1 to {self.ids.shape[1]}, got {number}")
        return replace(self, ids=self.ids[:, :number])


@dataclass(frozen=True)
class TokenFileInfo:
    """What a token file says of itself."""

    tokenizer_name: str
    fingerprint: str
    codebooks: int
    codes: int
    recordings: int


def token_schema(codebooks: int) -> pa.Schema:
    """The columns of a token file."""
    columns: dict[str, pa.DataType] = {
        "name": pa.string(),
        "text": pa.string(),
        "signer": pa.string(),
        "source": pa.string(),
        "licence": pa.string(),
        "frames_per_second": pa.float64(),
        "ids": pa.list_(pa.list_(pa.int16(), codebooks)),
        "frame_numbers": pa.list_(pa.int32()),
        "mean_x": pa.float32(),
        "mean_y": pa.float32(),
        "scale_x": pa.float32(),
        "scale_y": pa.float32(),
        "mirrored": pa.bool_(),
    }
    return pa.schema([pa.field(name, kind, nullable=name == "text") for name, kind in columns.items()])


class TokenWriter:
    """Streams `TokenSequence`s into a token file: memory stays flat, and the file appears only when all went well.

    with TokenWriter("tokens.parquet", "fingerspelling", tokenizer.fingerprint, codebooks=4, codes=1024) as writer:
        writer.write(sequence)

    `write` raises ValueError for ids of another shape or outside [0, codes); then no file is left.
    """

    def __init__(
        self, path: str | os.PathLike[str], tokenizer_name: str, fingerprint: str, codebooks: int, codes: int
    ) -> None:
        if not 1 <= codes <= MOST_CODES:
            raise ValueError(f"codes: a token file holds 1 to {MOST_CODES} codes a codebook, got {codes}")
        self.path, self.codebooks, self.codes = Path(path), codebooks, codes
        metadata = {"format": FORMAT, "version": VERSION, "tokenizer": tokenizer_name, "fingerprint": fingerprint}
        metadata |= {"codebooks": str(codebooks), "codes": str(codes)}
        self._schema = token_schema(codebooks).with_metadata(metadata)
        self._rows: list[TokenSequence] = []
        self._stack = ExitStack()

    def __enter__(self) -> "TokenWriter":
        temporary = self._stack.enter_context(atomic_path(self.path))
        self._file = self._stack.enter_context(pq.ParquetWriter(temporary, self._schema, compression="zstd"))
        return self

    def write(self, sequence: TokenSequence) -> None:
        check_sequence(sequence, self.codebooks, self.codes)
        self._rows.append(sequence)
        if len(self._rows) == ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        self._file.write_batch(_to_batch(self._rows, self._schema))
        self._rows = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The stack sees the error, so that atomic_path drops the temporary file instead of moving it.
        with self._stack.pop_all() as stack:
            if error is not None:
                stack.__exit__(kind, error, traceback)
            elif self._rows:
                self._flush()


def check_sequence(sequence: TokenSequence, codebooks: int, codes: int) -> None:
    """Raises ValueError, naming the recording, where the fields do not fit each other or the tokenizer."""
    what, ids = f"tokens of {sequence.name!r}", sequence.ids
    if ids.ndim != 2 or ids.shape[1] != codebooks or len(ids) == 0:
        raise ValueError(f"{what}: expected ids of shape (T, {codebooks}) with at least one frame, got {ids.shape}")
    if ids.min() < 0 or ids.max() >= codes:
        raise ValueError(f"{what}: ids must lie in 0..{codes - 1}, got {ids.min()}..{ids.max()}")
    if len(sequence.frame_numbers) != len(ids):
        raise ValueError(f"{what}: {len(ids)} frames of ids but {len(sequence.frame_numbers)} frame numbers")
    placement = [sequence.mean_x, sequence.mean_y, sequence.scale_x, sequence.scale_y, sequence.frames_per_second]
    if not np.isfinite(placement).all() or min(placement[2:]) <= 0:
        raise ValueError(f"{what}: mean, scale and frame rate must be finite and the last two positive: {placement}")


def _to_batch(rows: list[TokenSequence], schema: pa.Schema) -> pa.RecordBatch:
    columns = {f.name: [getattr(row, f.name) for row in rows] for f in fields(TokenSequence)}
    codes = pa.array(np.concatenate(columns["ids"]).astype(np.int16).ravel())
    numbers = pa.array(np.concatenate(columns["frame_numbers"]), pa.int32())
    offsets = pa.array(np.cumsum([0, *(len(row) for row in rows)]).astype(np.int32))
    frames = pa.FixedSizeListArray.from_arrays(codes, schema.field("ids").type.value_type.list_size)
    columns["ids"] = pa.ListArray.from_arrays(offsets, frames)
    columns["frame_numbers"] = pa.ListArray.from_arrays(offsets, numbers)
    return pa.record_batch([pa.array(columns[f.name], f.type) for f in schema], schema=schema)


def token_file_info(path: str | os.PathLike[str]) -> TokenFileInfo:
    """Reads the header alone. Raises ValueError for a file that is missing, cut short or no token file."""
    with _open(Path(path)) as file:
        return _info(file, Path(path))


def read_tokens(
    path: str | os.PathLike[str], fingerprint: str | None = None, tokenizer_name: str = ""
) -> Iterator[TokenSequence]:
    """The recordings of a token file, one after the other.

    fingerprint: of the tokenizer that is to decode them, `tokenizer_name` its name; None takes a file of any tokenizer.
    Raises ValueError at the call for a file of another tokenizer, cut short, of another version or without a column,
    and while iterating for a row with ids out of range.
    """
    path = Path(path)
    info = token_file_info(path)
    if fingerprint is not None and fingerprint != info.fingerprint:
        raise ValueError(
            f"{path.name} was made by tokenizer {info.tokenizer_name!r} (fingerprint {info.fingerprint[:12]}), not by "
            f"{tokenizer_name!r} ({fingerprint[:12]}): decode it with {info.tokenizer_name!r}"
        )
    return _read_rows(path, info)


def _read_rows(path: Path, info: TokenFileInfo) -> Iterator[TokenSequence]:
    with _open(path) as file:
        for sequences in _row_groups(file, path, info):
            for sequence in sequences:
                try:
                    check_sequence(sequence, info.codebooks, info.codes)
                except ValueError as error:
                    raise ValueError(f"{path.name}: {error}") from None
                yield sequence


def _row_groups(file: pq.ParquetFile, path: Path, info: TokenFileInfo) -> Iterator[list[TokenSequence]]:
    schema = token_schema(info.codebooks)
    try:
        for batch in file.iter_batches(batch_size=ROWS_PER_GROUP, columns=schema.names):
            yield list(_from_batch(batch.cast(schema)))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(f"{path.name}: damaged token file ({_line(error)}); encode the recordings again") from None


def _from_batch(batch: pa.RecordBatch) -> Iterator[TokenSequence]:
    plain = [name for name in batch.schema.names if name not in ("ids", "frame_numbers")]
    columns = {name: batch[name].to_pylist() for name in plain}
    for row in range(batch.num_rows):
        values: dict[str, Any] = {name: columns[name][row] for name in plain}
        frames = batch["ids"][row].values
        ids = frames.flatten().to_numpy().astype(np.int64).reshape(len(frames), -1)
        numbers = batch["frame_numbers"][row].values.to_numpy().astype(np.int64)
        yield TokenSequence(ids, numbers, **values)


def _open(path: Path) -> pq.ParquetFile:
    if not path.is_file():
        raise ValueError(f"{path}: no such token file; `signtok encode` makes one")
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{path.name}: not a Parquet file, or cut short ({_line(error)}); encode the recordings again"
        ) from None


def _info(file: pq.ParquetFile, path: Path) -> TokenFileInfo:
    metadata = {key.decode(): value.decode() for key, value in (file.schema_arrow.metadata or {}).items()}
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path.name}: a Parquet file, but not a token file; `signtok encode` makes one")
    if metadata.get("version") != VERSION:
        raise ValueError(
            f"{path.name}: token file version {metadata.get('version')}, this signtok reads version {VERSION}; "
            "install the signtok that wrote it, or encode again"
        )
    sizes = [metadata.get("codebooks", ""), metadata.get("codes", "")]
    if not {"tokenizer", "fingerprint"} <= metadata.keys() or not all(size.isdecimal() for size in sizes):
        raise ValueError(f"{path.name}: damaged token file: its header names no tokenizer and sizes; encode again")
    codebooks, codes = map(int, sizes)
    if missing := [name for name in token_schema(codebooks).names if name not in file.schema_arrow.names]:
        raise ValueError(f"{path.name}: the token file lacks the column {', '.join(missing)}; encode again")
    return TokenFileInfo(metadata["tokenizer"], metadata["fingerprint"], codebooks, codes, file.metadata.num_rows)


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
