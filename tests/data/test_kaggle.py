"""The layout of asl-fingerspelling: files made by our writer and by pandas."""

import csv

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from recordings import assert_same, collections

from signtok.data import kaggle
from signtok.data.hands import landmarks_of
from signtok.data.kaggle import COLUMNS, read_kaggle, read_kaggle_file
from signtok.data.kaggle_writer import write_kaggle
from signtok.data.recording import Recording


@pytest.fixture
def takes(hand_motion):
    """Five sequences of 10 to 14 frames by two signers."""
    texts = ["null", "3,5 'x'", "www.a.com/~b", " a", None]
    return [
        Recording(
            landmarks_of(hand_motion(10 + i, i), "x"), np.arange(10 + i) * 2, 30.0, str(50 - i), text, text or "", "23"
        )
        for i, text in enumerate(texts)
    ]


@pytest.fixture
def folder(tmp_path, takes):
    write_kaggle(tmp_path / "k", takes, rows_per_file=25)
    return tmp_path / "k"


@settings(max_examples=15, deadline=None)
@given(takes=collections())
def test_round_trip(tmp_path_factory, takes):
    folder = tmp_path_factory.mktemp("kaggle")
    write_kaggle(folder, takes, rows_per_file=10)
    for one, other in zip(takes, read_kaggle(folder), strict=True):
        assert_same(one, other, "label", "source", "licence", "frames_per_second", "frames_dropped")
        assert other.frames_per_second == 30


def test_files_are_those_of_the_competition(folder):
    paths = sorted((folder / "train_landmarks").iterdir())
    assert [path.name for path in paths] == ["0.parquet", "1.parquet"], "no temporary file is left"
    assert len(COLUMNS) == 1629
    frame = pd.read_parquet(paths[0])
    assert frame.index.name == "sequence_id"
    assert list(frame.columns) == ["frame", *COLUMNS]
    assert (frame.dtypes[COLUMNS] == np.float32).all()
    table = pd.read_csv(folder / "train.csv")
    assert list(table.columns) == ["path", "file_id", "sequence_id", "participant_id", "phrase"]
    assert table.sequence_id.tolist() == [50, 49, 48, 47, 46]
    assert set(table.participant_id) == {23}


def test_phrases_that_look_like_something_else(folder, takes):
    assert [take.text for take in read_kaggle(folder)] == [take.text for take in takes]


@pytest.mark.parametrize("rows", [1, 7, 16_384])
@pytest.mark.parametrize("group", [3, 1000])
def test_sequences_straddle_batches_and_row_groups(folder, takes, monkeypatch, rows, group):
    monkeypatch.setattr(kaggle, "ROWS_PER_BATCH", rows)
    for path in (folder / "train_landmarks").iterdir():
        pq.write_table(pq.read_table(path), path, row_group_size=group)
    for one, other in zip(takes, read_kaggle(folder), strict=True):
        assert_same(one, other)


def test_a_file_of_pandas(tmp_path, hand_motion):
    """Doubles, NaN for null, frames without a hand, and a sequence without any."""
    frame = pd.DataFrame(np.nan, index=range(12), columns=COLUMNS)
    for point in range(21):
        frame.loc[:7, [f"x_right_hand_{point}", f"y_right_hand_{point}"]] = hand_motion(8)[:, point]
    frame.loc[2, COLUMNS] = np.nan
    frame["frame"] = [*range(5), *range(3), *range(4)]
    frame.index = pd.Index([9] * 5 + [7] * 3 + [8] * 4, name="sequence_id")
    (tmp_path / "a").mkdir()
    frame.to_parquet(tmp_path / "a" / "1.parquet")
    rows = [["a/1.parquet", 1, 9, 3, "hi"], ["a/1.parquet", 1, 8, 3, "gone"]]
    with open(tmp_path / "train.csv", "w", newline="") as file:
        csv.writer(file).writerows([kaggle.FIELDS, *rows])
    first, second = read_kaggle(tmp_path)
    assert (first.name, first.text, first.signer, first.frame_numbers.tolist()) == ("9", "hi", "3", [0, 1, 3, 4])
    assert first.frames_dropped == 1
    assert (second.name, second.text, second.signer) == ("7", None, "")
    np.testing.assert_array_equal(second.landmarks[:, 21:], hand_motion(8)[5:])
    assert [len(take) for take in read_kaggle_file(tmp_path / "a" / "1.parquet", drop_empty=False)] == [5, 3]


def test_supplemental_table_is_read_too(folder, takes):
    lines = (folder / "train.csv").read_text().splitlines()
    (folder / "train.csv").write_text("\n".join(lines[:4]))
    (folder / "supplemental_metadata.csv").write_text("\n".join([lines[0], *lines[4:]]))
    assert [take.text for take in read_kaggle(folder)] == [take.text for take in takes]


def test_numbers_for_names_that_are_none(tmp_path, takes):
    named = [Recording(t.landmarks, t.frame_numbers, name=n, signer=n) for t, n in zip(takes, "b1b0", strict=False)]
    write_kaggle(tmp_path, named)
    found = list(read_kaggle(tmp_path))
    assert len({take.name for take in found}) == 4
    assert [take.signer for take in found] == ["0", "1", "0", "2"]


def edit_table(change):
    def fault(folder):
        path = folder / "train.csv"
        path.write_text(change(path.read_text()))

    return fault


def edit_rows(change):
    def fault(folder):
        path = folder / "train_landmarks" / "0.parquet"
        change(pd.read_parquet(path)).to_parquet(path)

    return fault


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (edit_rows(lambda rows: rows.drop(columns="x_left_hand_3")), r"0\.parquet: no column x_left_hand_3"),
        (edit_rows(lambda rows: rows.drop(columns="frame")), r"0\.parquet: no column frame"),
        (edit_rows(lambda rows: rows.reset_index(drop=True)), r"0\.parquet: no column sequence_id"),
        (edit_rows(lambda rows: rows.iloc[[0, -1, 1]]), "the rows of sequence 50 do not stand together"),
        (edit_table(lambda text: text.replace("null", "näh")), r"train\.csv: row 1: unknown character 'ä'"),
        (edit_table(lambda text: text.replace("48,23", "x,23")), r"train\.csv: row 3: .*'x'"),
        (edit_table(lambda text: text.replace("phrase", "text")), r"train\.csv: no column phrase"),
        (edit_table(lambda text: text[:-30]), r"train\.csv: row 5 is cut short"),
        (lambda folder: (folder / "train_landmarks/1.parquet").unlink(), r"1\.parquet: no such file, but the tables"),
        (lambda folder: (folder / "train.csv").unlink(), r"no train\.csv"),
    ],
)
def test_faults(folder, fault, message):
    fault(folder)
    with pytest.raises(ValueError, match=message) as caught:
        list(read_kaggle(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0, 0.2, 0.99])
def test_truncated_parquet(folder, share):
    path = folder / "train_landmarks" / "1.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match=r"1\.parquet is not a complete parquet file \(.*\): copy it again") as caught:
        list(read_kaggle(folder))
    assert "\n" not in str(caught.value)


def test_damaged_pages(folder):
    path = folder / "train_landmarks" / "1.parquet"
    whole = bytearray(path.read_bytes())
    whole[4 : len(whole) // 2] = bytes(len(whole) // 2 - 4)
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=r"1\.parquet is not a complete parquet file"):
        list(read_kaggle(folder))


def test_writer_refuses(tmp_path, takes):
    with pytest.raises(ValueError, match="no recordings to write"):
        write_kaggle(tmp_path, [])
    with pytest.raises(ValueError, match="unknown character 'é'"):
        write_kaggle(tmp_path, [Recording(takes[0].landmarks, takes[0].frame_numbers, text="é")])
    assert not (tmp_path / "train.csv").exists()
