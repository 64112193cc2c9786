"""Token files of pictures: round trips, refusals, and nothing half written."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from signtok.tokens import LatentKind, LatentWriter, PictureLatent, TokenWriter, read_latents, read_tokens

FINGERPRINT = "0123456789ab"


def row(latent=(0.5, -1.0, 2.0), **changes) -> PictureLatent:
    facts = {"height": 3, "width": 4, "name": "A/A1.jpg", "label": "A", "source": "s", "licence": "CC0"}
    tokens = np.asarray(latent, np.float32)
    return PictureLatent(tokens if tokens.ndim == 3 else tokens[None, None], **{**facts, **changes})


def write(path, *rows, bits=16, numbers=3, codes=0):
    with LatentWriter(path, "hands-conv", FINGERPRINT, LatentKind(numbers, codes, bits)) as writer:
        for one in rows:
            writer.write(one)


@settings(max_examples=30, deadline=None)
@given(
    latents=hnp.arrays(np.float32, st.tuples(st.integers(1, 700), st.just(3)), elements=st.floats(-100, 100, width=16)),
    label=st.text(max_size=5).filter(lambda text: text.isprintable()),
)
def test_round_trip(tmp_path_factory, latents, label):
    """More rows than a group holds, too; numbers of 16 bits come back as they were."""
    path = tmp_path_factory.mktemp("latents") / "t.parquet"
    write(path, *(row(latent, label=label, height=i + 1) for i, latent in enumerate(latents)))
    back = list(read_latents(path, FINGERPRINT, "hands-conv"))
    np.testing.assert_array_equal([one.latent[0, 0] for one in back], latents)
    assert [one.height for one in back] == [*range(1, len(latents) + 1)]
    facts = {(one.width, one.name, one.label, one.source, one.licence) for one in back}
    assert facts == {(4, "A/A1.jpg", label, "s", "CC0")}


def test_long_rows_stand_in_smaller_groups(tmp_path, monkeypatch):
    """So that neither writing nor reading holds more than a group of them."""
    monkeypatch.setattr("signtok.tokens.file.NUMBERS_PER_GROUP", 60)
    rows = [PictureLatent(np.full((4, 5, 3), i, np.float32), 4, 5) for i in range(3)] + [row([7.0] * 3)] * 5
    write(tmp_path / "t.parquet", *rows)
    file = pq.ParquetFile(tmp_path / "t.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [1, 1, 1, 5]
    assert [one.latent.flat[0] for one in read_latents(tmp_path / "t.parquet")] == [0, 1, 2] + [7] * 5


@pytest.mark.parametrize("codes", [0, 240])
def test_grids_of_several_sizes(tmp_path, codes):
    """Ids come back as whole numbers; a picture at its own resolution says so."""
    rng, dtype = np.random.default_rng(0), np.int64 if codes else np.float32
    grids = [rng.integers(0, 240, (y, x, 3)).astype(dtype) for y, x in ((8, 8), (1, 30), (13, 2))]
    rows = [PictureLatent(grid, height=5, width=6, fitted=i != 1) for i, grid in enumerate(grids)]
    write(tmp_path / "t.parquet", *rows, codes=codes)
    back = list(read_latents(tmp_path / "t.parquet"))
    assert [one.latent.dtype for one in back] == [dtype] * 3
    for one, grid in zip(back, grids, strict=True):
        np.testing.assert_array_equal(one.latent, grid)
    assert [one.fitted for one in back] == [True, False, True]


def test_ids_that_are_none(tmp_path):
    for bad, message in (([240], "ids from 240 to 240, expected 0 to 239"), ([-1], "ids from -1 to -1")):
        with pytest.raises(ValueError, match=message):
            write(tmp_path / "t.parquet", PictureLatent(np.array([[bad]]), 1, 1), codes=240, numbers=1)
    with pytest.raises(ValueError, match="expected 1 ids a place, got float32"):
        write(tmp_path / "t.parquet", row([[[1.0]]]), codes=240, numbers=1)


@pytest.mark.parametrize(("column", "value"), [("high", 2), ("wide", 0), ("high", -1)])
def test_a_grid_that_its_numbers_do_not_fill(tmp_path, column, value):
    path = tmp_path / "t.parquet"
    write(path, row())
    table = pq.read_table(path)
    at = table.schema.get_field_index(column)
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array([value], pa.int32())), path)
    with pytest.raises(ValueError, match=r"t\.parquet: tokens of 'A/A1\.jpg': 3 for .* places of 3; encode again"):
        list(read_latents(path))


def test_float32_keeps_every_bit_and_float16_the_nearest(tmp_path):
    value = np.float32(0.1234567)
    for bits, expected in ((32, value), (16, np.float32(np.float16(value)))):
        write(tmp_path / "t.parquet", row([value] * 3), bits=bits)
        (back,) = read_latents(tmp_path / "t.parquet")
        assert (back.latent == expected).all()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row([1.0, 2.0]), "expected 3 numbers"),
        (row([1.0, np.nan, 0.0]), "NaN or infinite numbers"),
        (row([1e5, 0, 0]), "too large for float16; write them with --bits 32"),
        (row(height=0), "a picture of 0 x 4 pixels"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path, bad, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "t.parquet", row(), bad)
    assert list(tmp_path.iterdir()) == []


def test_another_tokenizer_is_refused_by_name(tmp_path):
    write(tmp_path / "t.parquet", row())
    with pytest.raises(ValueError, match=r"was made by tokenizer 'hands-conv' .* not by 'mine' .* decode it with"):
        read_latents(tmp_path / "t.parquet", "f" * 12, "mine")


def test_the_two_kinds_of_token_files_are_told_apart(tmp_path):
    write(tmp_path / "p.parquet", row())
    with TokenWriter(tmp_path / "s.parquet", "fingerspelling", FINGERPRINT, 4, 8):
        pass
    with pytest.raises(ValueError, match="is a token file of pictures, made by tokenizer 'hands-conv'"):
        read_tokens(tmp_path / "p.parquet")
    with pytest.raises(ValueError, match="is a token file of landmarks, made by tokenizer 'fingerspelling'"):
        read_latents(tmp_path / "s.parquet")


def test_cut_short_or_without_a_column(tmp_path):
    path = tmp_path / "t.parquet"
    write(path, *[row()] * 5)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["height"]), tmp_path / "less.parquet")
    with pytest.raises(ValueError, match="lacks the column height"):
        read_latents(tmp_path / "less.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="cut short"):
        read_latents(path)
    with pytest.raises(ValueError, match="no such token file"):
        read_latents(tmp_path / "none.parquet")


@pytest.mark.parametrize("bits", ["7", "x", "9" * 5000])
def test_a_header_that_makes_no_sense(tmp_path, bits):
    path = tmp_path / "t.parquet"
    write(path, row())
    table = pq.read_table(path)
    changed = {**table.schema.metadata, b"bits": bits.encode()}
    pq.write_table(table.replace_schema_metadata(changed), path)
    with pytest.raises(ValueError, match="damaged token file"):
        read_latents(path)


def test_a_few_bytes_that_stand_for_more_than_memory_holds(tmp_path, monkeypatch):
    """Equal numbers take no room in Parquet."""
    path = tmp_path / "t.parquet"
    write(path, row())
    monkeypatch.setattr("signtok.tokens.file.MOST_PER_GROUP", 2)
    with pytest.raises(ValueError, match=r"damaged token file \(3 numbers in a group of rows\); encode"):
        list(read_latents(path))


def test_numbers_that_a_file_should_not_hold(tmp_path):
    path = tmp_path / "t.parquet"
    write(path, row(), bits=32)
    table = pq.read_table(path)
    nan = pa.array([[1.0, float("nan"), 0.0]], table.schema.field("latent").type)
    pq.write_table(table.set_column(table.schema.get_field_index("latent"), table.schema.field("latent"), nan), path)
    with pytest.raises(ValueError, match=r"t\.parquet: tokens of 'A/A1\.jpg': NaN or infinite numbers"):
        list(read_latents(path))
