"""Token files of pictures: Parquet, one latent a row (docs/formats.md, "Token file of pictures")."""

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Shaped

from signtok.config.bottlenecks import MOST_CODES
from signtok.tokens.file import Header, RowWriter, check_columns, open_token_file, read_header, row_groups

FORMAT, VERSION = "signtok-latents", "2"
LONGEST = 2**15
"""Pixels of a side."""
KINDS = {16: pa.float16(), 32: pa.float32()}


@dataclass(frozen=True)
class LatentKind:
    """What the tokens of a place are. numbers: how many; codes: of ids the number of different ones, 0 for numbers that
    are no ids; bits: of each in the file."""

    numbers: int
    codes: int = 0
    bits: int = 16

    def __post_init__(self) -> None:
        wrong_bits = self.bits not in KINDS or (self.codes and self.bits != 16)
        if self.numbers < 1 or wrong_bits or not 0 <= self.codes <= MOST_CODES:
            raise ValueError(f"{self}: no such tokens of pictures")

    @property
    def column(self) -> pa.DataType:
        return pa.int16() if self.codes else KINDS[self.bits]

    def check(self, row: "PictureLatent") -> None:
        """Raises ValueError, naming the row."""
        tokens, kind = row.latent, "iu" if self.codes else "f"
        right = tokens.ndim == 3 and tokens.size and tokens.shape[2] == self.numbers and tokens.dtype.kind in kind
        if not right:
            what = "ids" if self.codes else "numbers"
            raise ValueError(
                f"tokens of {row.name!r}: expected {self.numbers} {what} a place, got {tokens.dtype} {tokens.shape}"
            )
        if not np.isfinite(tokens).all():
            raise ValueError(f"tokens of {row.name!r}: NaN or infinite numbers; is the tokenizer damaged?")
        if self.codes and not 0 <= tokens.min() <= tokens.max() < self.codes:
            found = f"{tokens.min()} to {tokens.max()}"
            raise ValueError(f"tokens of {row.name!r}: ids from {found}, expected 0 to {self.codes - 1}")
        if not self.codes and np.abs(tokens).max() > np.finfo(np.dtype(f"f{self.bits // 8}")).max:
            raise ValueError(f"tokens of {row.name!r}: too large for float16; write them with --bits 32")
        if not 1 <= min(row.height, row.width) <= max(row.height, row.width) <= LONGEST:
            raise ValueError(
                f"tokens of {row.name!r}: a picture of {row.height} x {row.width} pixels; a side has 1 to {LONGEST:,}"
            )


@dataclass(frozen=True, eq=False)
class PictureLatent:
    """latent: float32, finite, or of a tokenizer with codes int64, (y, x, D): (1, 1, D) where it has no grid; height,
    width: of the picture that it was made of; name: its path in the folder; fitted: into the tokenizer's square, or
    else at its own resolution."""

    latent: Shaped[np.ndarray, "y x d"]
    height: int
    width: int
    name: str = ""
    label: str = ""
    source: str = ""
    licence: str = ""
    fitted: bool = True


def latent_schema(kind: LatentKind) -> pa.Schema:
    """The columns of a token file of pictures."""
    texts = {name: pa.string() for name in ("name", "label", "source", "licence")}
    sizes = {"height": pa.int32(), "width": pa.int32(), "fitted": pa.bool_()}
    columns = {**texts, **sizes, "high": pa.int32(), "wide": pa.int32(), "latent": pa.list_(kind.column)}
    return pa.schema([pa.field(name, column, nullable=False) for name, column in columns.items()])


class LatentWriter(RowWriter[PictureLatent]):
    """Streams latents into a token file. `write` raises ValueError for what is not of the kind, such as numbers that
    are not finite or too large for float16."""

    def __init__(self, path: str | os.PathLike[str], tokenizer_name: str, fingerprint: str, kind: LatentKind) -> None:
        self.kind = kind
        header = Header(FORMAT, VERSION, tokenizer_name, fingerprint, asdict(kind))
        super().__init__(Path(path), latent_schema(kind).with_metadata(header.metadata()), _to_batch)

    def check(self, row: PictureLatent) -> None:
        self.kind.check(row)

    def size(self, row: PictureLatent) -> int:
        return row.latent.size


def _to_batch(rows: list[PictureLatent], schema: pa.Schema) -> pa.RecordBatch:
    grids = {"high": [row.latent.shape[0] for row in rows], "wide": [row.latent.shape[1] for row in rows]}
    numbers = np.concatenate([row.latent.ravel() for row in rows])
    values = pa.array(numbers.astype(schema.field("latent").type.value_type.to_pandas_dtype()))
    ends = np.cumsum([0] + [row.latent.size for row in rows], dtype=np.int32)

    def column(name: str, kind: pa.DataType) -> pa.Array:
        if name == "latent":
            return pa.ListArray.from_arrays(pa.array(ends), values)
        return pa.array(grids.get(name) or [getattr(row, name) for row in rows], kind)

    return pa.record_batch([column(f.name, f.type).cast(f.type) for f in schema], schema=schema)


def read_latents(
    path: str | os.PathLike[str], fingerprint: str | None = None, tokenizer_name: str = ""
) -> Iterator[PictureLatent]:
    """The pictures of a token file, one after the other; see `read_tokens`."""
    path = Path(path)
    with open_token_file(path) as file:
        header = read_header(file, path, FORMAT, VERSION, tuple(f.name for f in fields(LatentKind)))
        try:
            kind = LatentKind(**header.sizes)
        except ValueError:
            raise ValueError(f"{path.name}: damaged token file: {header.sizes}; encode again") from None
        check_columns(file, path, latent_schema(kind))
    header.check_tokenizer(path, fingerprint, tokenizer_name)
    return _read_rows(path, kind)


def _read_rows(path: Path, kind: LatentKind) -> Iterator[PictureLatent]:
    schema, dtype = latent_schema(kind), np.int64 if kind.codes else np.float32
    with open_token_file(path) as file:
        for batch in row_groups(file, path, schema):
            plain = {name: batch[name].to_pylist() for name in schema.names if name != "latent"}
            for index, values in enumerate(batch["latent"]):
                facts = {name: column[index] for name, column in plain.items()}
                grid = facts.pop("high"), facts.pop("wide"), kind.numbers
                numbers = values.values.to_numpy(zero_copy_only=False).astype(dtype)
                if min(grid) < 1 or math.prod(grid) != len(numbers):
                    raise ValueError(
                        f"{path.name}: tokens of {facts['name']!r}: {len(numbers)} for {grid[0]} x {grid[1]} places of "
                        f"{grid[2]}; encode again"
                    )
                row = PictureLatent(numbers.reshape(grid), **facts)
                try:
                    kind.check(row)
                except ValueError as error:
                    raise ValueError(f"{path.name}: {error}") from None
                yield row
