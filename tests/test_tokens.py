"""Token files: what goes in comes out, and what is wrong is refused in one line."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signtok.tokens import TokenSequence, TokenWriter, read_tokens, token_file_info
from signtok.tokens.file import ROWS_PER_GROUP

FINGERPRINT = "ab12" * 16
CODES = 1024


def sequence(frames=5, codebooks=4, seed=0, **values):
    ids = np.random.default_rng(seed).integers(0, CODES, (frames, codebooks))
    return TokenSequence(ids, np.arange(frames) * 2, **values)


def write(path, sequences, codebooks=4, codes=CODES):
    with TokenWriter(path, "fingerspelling", FINGERPRINT, codebooks, codes) as writer:
        for one in sequences:
            writer.write(one)
    return path


def assert_same(left, right):
    for f in fields(TokenSequence):
        np.testing.assert_array_equal(getattr(left, f.name), getattr(right, f.name), err_msg=f.name)
    assert right.ids.dtype == right.frame_numbers.dtype == np.int64


float32 = st.floats(-2, 2, width=32)
positive = st.floats(0.125, 8, width=32)
sequences = st.builds(
    sequence,
    frames=st.integers(1, 40),
    codebooks=st.just(3),
    seed=st.integers(0, 99),
    frames_per_second=st.floats(1, 240),
    name=st.text(max_size=5),
    text=st.none() | st.text(max_size=5),
    signer=st.text(max_size=5),
    source=st.text(max_size=5),
    licence=st.text(max_size=5),
    mean_x=float32,
    mean_y=float32,
    scale_x=positive,
    scale_y=positive,
    mirrored=st.booleans(),
)


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(sequences, max_size=4))
def test_round_trip(tmp_path_factory, rows):
    path = write(tmp_path_factory.mktemp("tokens") / "tokens.parquet", rows, codebooks=3)
    for left, right in zip(rows, read_tokens(path), strict=True):
        assert_same(left, right)


def test_round_trip_over_row_groups(tmp_path):
    rows = [sequence(1 + i % 7, seed=i, name=str(i)) for i in range(2 * ROWS_PER_GROUP + 3)]
    path = write(tmp_path / "tokens.parquet", rows)
    assert pq.ParquetFile(path).num_row_groups == 3
    for left, right in zip(rows, read_tokens(path, FINGERPRINT), strict=True):
        assert_same(left, right)


def test_info_and_pandas(tmp_path):
    row = sequence(6, text="hi")
    path = write(tmp_path / "new folder" / "tokens.parquet", [row])
    info = token_file_info(path)
    assert (info.tokenizer_name, info.fingerprint) == ("fingerspelling", FINGERPRINT)
    assert (info.codebooks, info.codes, info.recordings) == (4, CODES, 1)
    frame = pd.read_parquet(path)
    np.testing.assert_array_equal(np.stack(frame.ids[0]), row.ids)
    assert frame.text[0] == "hi"


def test_slice_and_codebooks():
    row = sequence(10, name="a")
    assert len(row[2:5]) == 3
    np.testing.assert_array_equal(row[2:5].frame_numbers, [4, 6, 8])
    np.testing.assert_array_equal(row.with_codebooks(2).ids, row.ids[:, :2])
    for number in (0, 5):
        with pytest.raises(ValueError, match="codebooks: expected 1 to 4"):
            row.with_codebooks(number)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (sequence(3, codebooks=2), r"expected ids of shape \(T, 4\)"),
        (sequence(3)[:0], "at least one frame"),
        (replace(sequence(1), ids=np.full((1, 4), CODES)), "must lie in 0..1023"),
        (replace(sequence(1), ids=np.full((1, 4), -1)), "must lie in 0..1023"),
        (replace(sequence(3), scale_x=0.0), "positive"),
        (replace(sequence(3), mean_y=float("nan")), "finite"),
    ],
)
def test_writer_refuses_and_leaves_nothing(tmp_path, bad, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "tokens.parquet", [sequence(), bad])
    assert list(tmp_path.iterdir()) == []


def test_error_in_the_middle_keeps_the_old_file(tmp_path):
    path = write(tmp_path / "tokens.parquet", [sequence()])
    old = path.read_bytes()

    def break_off():
        yield from (sequence(seed=i) for i in range(ROWS_PER_GROUP + 1))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, break_off())
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_too_many_codes(tmp_path):
    with pytest.raises(ValueError, match="1 to 32768 codes"):
        TokenWriter(tmp_path / "tokens.parquet", "x", FINGERPRINT, 4, 40_000)


def test_foreign_tokenizer_is_refused_by_name_at_the_call(tmp_path):
    path = write(tmp_path / "tokens.parquet", [sequence()])
    expected = (
        r"tokens.parquet was made by tokenizer 'fingerspelling' \(fingerprint ab12ab12ab12\), "
        r"not by 'mine' \(ffffffffffff\): decode it with 'fingerspelling'"
    )
    with pytest.raises(ValueError, match=expected):
        read_tokens(path, "f" * 64, "mine")


def rewrite(path, change_table=lambda t: t, **metadata):
    table = change_table(pq.read_table(path))
    old = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    pq.write_table(table.replace_schema_metadata(old | metadata), path)


def test_faults_of_the_file_are_one_line(tmp_path):
    path = tmp_path / "tokens.parquet"

    def refused(match):
        with pytest.raises(ValueError, match=match) as caught:
            list(read_tokens(path))
        assert "\n" not in str(caught.value)

    refused("no such token file")
    path.write_bytes(b"")
    refused("cut short")
    write(path, [sequence(200, seed=i) for i in range(20)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("cut short")
    path.write_bytes(whole[:50] + bytes(2000) + whole[2050:])
    refused("damaged token file")
    write(path, [sequence()])
    rewrite(path, format="something")
    refused("not a token file")
    write(path, [sequence()])
    rewrite(path, version="9")
    refused("token file version 9")
    write(path, [sequence()])
    rewrite(path, codebooks="four")
    refused("damaged token file")
    write(path, [sequence()])
    rewrite(path, lambda table: table.drop(["ids", "mirrored"]))
    refused("lacks the column ids, mirrored")
    write(path, [sequence()])
    rewrite(path, codes="2")
    refused(r"tokens.parquet: tokens of '': ids must lie in 0..1")
    write(path, [sequence()])
    rewrite(path, codebooks="3")
    refused("damaged token file")
