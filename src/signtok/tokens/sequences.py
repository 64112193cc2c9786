"""Token files: Parquet, one row a recording, bound to the tokenizer that made them (docs/formats.md, "Token file").

Each row says how to read it (frame rate, placement in the picture) and where it is from (signer, source, licence),
so that a file can be passed on alone. HF datasets and pandas read it as it is.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from signtok.tokens.file import (
    Header,
    RowWriter,
    check_columns,
    open_token_file,
    read_header,
    row_groups,
)

FORMAT, VERSION = "signtok-tokens", "1"
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


class TokenWriter(RowWriter[TokenSequence]):
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
        self.codebooks, self.codes = codebooks, codes
        header = Header(FORMAT, VERSION, tokenizer_name, fingerprint, {"codebooks": codebooks, "codes": codes})
        super().__init__(Path(path), token_schema(codebooks).with_metadata(header.metadata()), _to_batch)

    def check(self, row: TokenSequence) -> None:
        check_sequence(row, self.codebooks, self.codes)

    def size(self, row: TokenSequence) -> int:
        return row.ids.size


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
    path = Path(path)
    with open_token_file(path) as file:
        header = read_header(file, path, FORMAT, VERSION, ("codebooks", "codes"))
        check_columns(file, path, token_schema(header.sizes["codebooks"]))
        return TokenFileInfo(
            header.tokenizer_name, header.fingerprint, **header.sizes, recordings=file.metadata.num_rows
        )


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
    header = Header(FORMAT, VERSION, info.tokenizer_name, info.fingerprint, {})
    header.check_tokenizer(path, fingerprint, tokenizer_name)
    return _read_rows(path, info)


def _read_rows(path: Path, info: TokenFileInfo) -> Iterator[TokenSequence]:
    with open_token_file(path) as file:
        for batch in row_groups(file, path, token_schema(info.codebooks)):
            for sequence in _from_batch(batch):
                try:
                    check_sequence(sequence, info.codebooks, info.codes)
                except ValueError as error:
                    raise ValueError(f"{path.name}: {error}") from None
                yield sequence


def _from_batch(batch: pa.RecordBatch) -> Iterator[TokenSequence]:
    plain = [name for name in batch.schema.names if name not in ("ids", "frame_numbers")]
    columns = {name: batch[name].to_pylist() for name in plain}
    for row in range(batch.num_rows):
        values: dict[str, Any] = {name: columns[name][row] for name in plain}
        frames = batch["ids"][row].values
        ids = frames.flatten().to_numpy().astype(np.int64).reshape(len(frames), -1)
        numbers = batch["frame_numbers"][row].values.to_numpy().astype(np.int64)
        yield TokenSequence(ids, numbers, **values)
