"""What all token files share: Parquet whose header names the tokenizer that made it, written in groups of rows."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from signtok.atomic import atomic_path, remove_abandoned
from signtok.data.kind import not_what_was_asked

ROWS_PER_GROUP = 512
NUMBERS_PER_GROUP = 2**22
"""Of long rows fewer: a group is in memory at once."""
MOST_PER_GROUP = 2**28
"""No writer of ours comes near, but a few bytes of Parquet can stand for as many equal numbers as they like."""
MADE_BY = "a token file, which `signtok encode` makes"
Row = TypeVar("Row")
CALLED = {"signtok-tokens": "token file of landmarks", "signtok-latents": "token file of pictures"}


@dataclass(frozen=True)
class Header:
    """Of a token file. kind: "signtok-tokens" or "signtok-latents"; sizes: what else a reader must know, by name."""

    kind: str
    version: str
    tokenizer_name: str
    fingerprint: str
    sizes: dict[str, int]

    def metadata(self) -> dict[str, str]:
        named = {"tokenizer": self.tokenizer_name, "fingerprint": self.fingerprint}
        return {"format": self.kind, "version": self.version, **named, **{k: str(v) for k, v in self.sizes.items()}}

    def check_tokenizer(self, path: Path, fingerprint: str | None, tokenizer_name: str) -> None:
        """Raises ValueError unless the tokenizer of that fingerprint made the file; None takes any."""
        if fingerprint is not None and fingerprint != self.fingerprint:
            wanted = f"fingerprint {self.fingerprint[:12]}"
            if self.tokenizer_name == tokenizer_name:
                raise ValueError(
                    f"{path.name} was made by another run of {tokenizer_name!r}: decode it with the folder of which "
                    f"`signtok info` shows {wanted}, not {fingerprint[:12]}"
                )
            raise ValueError(
                f"{path.name} was made by tokenizer {self.tokenizer_name!r} ({wanted}), not "
                f"by {tokenizer_name!r} ({fingerprint[:12]}): decode it with {self.tokenizer_name!r}"
            )


class RowWriter(Generic[Row]):
    """Streams rows into a token file: memory stays flat, and the file appears only when all went well."""

    def __init__(
        self, path: Path, schema: pa.Schema, to_batch: Callable[[list[Row], pa.Schema], pa.RecordBatch]
    ) -> None:
        self.path, self._schema, self._to_batch = path, schema, to_batch
        self._rows: list[Row] = []
        self._numbers = 0
        self._stack = ExitStack()

    def __enter__(self) -> "RowWriter[Row]":
        remove_abandoned(self.path)
        temporary = self._stack.enter_context(atomic_path(self.path))
        self._file = self._stack.enter_context(pq.ParquetWriter(temporary, self._schema, compression="zstd"))
        return self

    def check(self, row: Row) -> None:
        """Raises ValueError, naming the row, where it does not fit the file."""
        raise NotImplementedError

    def size(self, row: Row) -> int:
        """How many numbers it holds."""
        raise NotImplementedError

    def write(self, row: Row) -> None:
        """Raises ValueError for a row that does not fit; then no file is left."""
        self.check(row)
        self._rows.append(row)
        self._numbers += self.size(row)
        if len(self._rows) == ROWS_PER_GROUP or self._numbers >= NUMBERS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        self._file.write_batch(self._to_batch(self._rows, self._schema))
        self._rows, self._numbers = [], 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The stack sees the error, so that atomic_path drops the temporary file instead of moving it.
        with self._stack.pop_all() as stack:
            if error is not None:
                stack.__exit__(kind, error, traceback)
            elif self._rows:
                self._flush()


def open_token_file(path: Path) -> pq.ParquetFile:
    if not path.is_file():
        raise not_what_was_asked(path, "tokens", "no such token file", MADE_BY)
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        why = f"not a Parquet file, or cut short ({first_line(error)})"
        raise not_what_was_asked(path, "tokens", why, MADE_BY) from None


def read_header(file: pq.ParquetFile, path: Path, kind: str, version: str, sizes: tuple[str, ...]) -> Header:
    """Raises ValueError for another kind of file, another version and a header that lacks something."""
    metadata = {
        k.decode(errors="replace"): v.decode(errors="replace") for k, v in (file.schema_arrow.metadata or {}).items()
    }
    if metadata.get("format") in CALLED.keys() - {kind}:
        made, by = CALLED[metadata["format"]], metadata.get("tokenizer")
        raise ValueError(f"{path.name} is a {made}, made by tokenizer {by!r}: decode it with --tokenizer and that name")
    if metadata.get("format") != kind:
        raise ValueError(f"{path.name}: a Parquet file, but not a {CALLED[kind]}; `signtok encode` makes one")
    if metadata.get("version") != version:
        raise ValueError(
            f"{path.name}: token file version {metadata.get('version')}, this signtok reads version {version}; "
            "install the signtok that wrote it, or encode again"
        )
    found = {name: metadata.get(name, "") for name in sizes}
    sensible = all(size.isdecimal() and len(size) <= 7 for size in found.values())
    if not {"tokenizer", "fingerprint"} <= metadata.keys() or not sensible:
        raise ValueError(f"{path.name}: damaged token file: its header names no tokenizer and sizes; encode again")
    numbers = {name: int(size) for name, size in found.items()}
    return Header(kind, version, metadata["tokenizer"], metadata["fingerprint"], numbers)


def check_columns(file: pq.ParquetFile, path: Path, schema: pa.Schema) -> None:
    if missing := [name for name in schema.names if name not in file.schema_arrow.names]:
        raise ValueError(f"{path.name}: the token file lacks the column {', '.join(missing)}; encode again")


def row_groups(file: pq.ParquetFile, path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The columns of the schema, group by group. Raises ValueError for a damaged file."""
    try:
        for group in range(file.num_row_groups):
            stored = file.metadata.row_group(group)
            if (most := max(stored.column(i).num_values for i in range(stored.num_columns))) > MOST_PER_GROUP:
                raise ValueError(f"{most:,} numbers in a group of rows")
            for batch in file.iter_batches(ROWS_PER_GROUP, row_groups=[group], columns=schema.names):
                yield batch.cast(schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(
            f"{path.name}: damaged token file ({first_line(error)}); encode the recordings again"
        ) from None


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
