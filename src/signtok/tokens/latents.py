"""Token files of pictures: Parquet, one latent a row (docs/formats.md, "Token file of pictures")."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from signtok.tokens.file import Header, RowWriter, check_columns, open_token_file, read_header, row_groups

FORMAT, VERSION = "signtok-latents", "1"
LONGEST = 2**15
"""Pixels of a side."""
KINDS = {16: pa.float16(), 32: pa.float32()}


@dataclass(frozen=True, eq=False)
class PictureLatent:
    """latent: float32 (D,), finite; height, width: of the picture that it was made of; name: its path in the folder."""

    latent: Float[np.ndarray, " d"]
    height: int
    width: int
    name: str = ""
    label: str = ""
    source: str = ""
    licence: str = ""


def latent_schema(numbers: int, bits: int) -> pa.Schema:
    """The columns of a token file of pictures."""
    texts = {name: pa.string() for name in ("name", "label", "source", "licence")}
    sizes = {"height": pa.int32(), "width": pa.int32()}
    columns = {**texts, **sizes, "latent": pa.list_(KINDS[bits], numbers)}
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


class LatentWriter(RowWriter[PictureLatent]):
    """Streams latents into a token file, as float16 or float32. `write` raises ValueError for another shape, and for
    numbers that are not finite or too large for float16."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        tokenizer_name: str,
        fingerprint: str,
        numbers: int,
        bits: Literal[16, 32] = 16,
    ) -> None:
        self.numbers, self.largest = numbers, float(np.finfo(np.float16 if bits == 16 else np.float32).max)
        header = Header(FORMAT, VERSION, tokenizer_name, fingerprint, {"numbers": numbers, "bits": bits})
        super().__init__(Path(path), latent_schema(numbers, bits).with_metadata(header.metadata()), _to_batch)

    def check(self, row: PictureLatent) -> None:
        check_latent(row, self.numbers)
        if np.abs(row.latent).max() > self.largest:
            raise ValueError(f"tokens of {row.name!r}: too large for float16; write them with --bits 32")


def check_latent(row: PictureLatent, numbers: int) -> None:
    if row.latent.shape != (numbers,) or not np.isfinite(row.latent).all():
        raise ValueError(f"tokens of {row.name!r}: expected {numbers} finite numbers, got shape {row.latent.shape}")
    if not 1 <= min(row.height, row.width) <= max(row.height, row.width) <= LONGEST:
        raise ValueError(f"tokens of {row.name!r}: a picture of {row.height} x {row.width} pixels")


def _to_batch(rows: list[PictureLatent], schema: pa.Schema) -> pa.RecordBatch:
    columns = {f.name: [getattr(row, f.name) for row in rows] for f in fields(PictureLatent)}
    kind = schema.field("latent").type
    numbers = np.stack(columns["latent"]).astype(kind.value_type.to_pandas_dtype()).ravel()
    columns["latent"] = pa.FixedSizeListArray.from_arrays(pa.array(numbers), kind.list_size)
    return pa.record_batch([pa.array(columns[f.name], f.type) for f in schema], schema=schema)


def read_latents(
    path: str | os.PathLike[str], fingerprint: str | None = None, tokenizer_name: str = ""
) -> Iterator[PictureLatent]:
    """The pictures of a token file, one after the other; see `read_tokens`."""
    path = Path(path)
    with open_token_file(path) as file:
        header = read_header(file, path, FORMAT, VERSION, ("numbers", "bits"))
        if header.sizes["bits"] not in KINDS or header.sizes["numbers"] < 1:
            raise ValueError(f"{path.name}: damaged token file: {header.sizes}; encode again")
        schema = latent_schema(header.sizes["numbers"], header.sizes["bits"])
        check_columns(file, path, schema)
    header.check_tokenizer(path, fingerprint, tokenizer_name)
    return _read_rows(path, schema, header.sizes["numbers"])


def _read_rows(path: Path, schema: pa.Schema, numbers: int) -> Iterator[PictureLatent]:
    with open_token_file(path) as file:
        for batch in row_groups(file, path, schema):
            plain = [name for name in schema.names if name != "latent"]
            columns = {name: batch[name].to_pylist() for name in plain}
            latents = batch["latent"].flatten().to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, numbers)
            for index, latent in enumerate(latents):
                row = PictureLatent(latent, **{name: columns[name][index] for name in plain})
                try:
                    check_latent(row, numbers)
                except ValueError as error:
                    raise ValueError(f"{path.name}: {error}") from None
                yield row
