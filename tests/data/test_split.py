"""Parts that do not leak."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signtok.config import BlockSplit, GroupSplit, RandomSplit, SignerSplit, TailSplit, TakeSplit, TrainOnly
from signtok.data.labels import take_name
from signtok.data.recording import Recording
from signtok.data.split import split, split_pictures


def recording(numbers, name="A", signer=""):
    numbers = np.asarray(numbers, np.int64)
    landmarks = np.broadcast_to(numbers[:, None, None].astype(np.float32), (len(numbers), 42, 2))
    return Recording(landmarks.copy(), numbers, name=name, signer=signer, text="a", frames_dropped=3)


def numbers_of(recordings):
    return [number for take in recordings for number in take.frame_numbers.tolist()]


def test_blocks_by_hand():
    """Blocks of 10: 40-49 validation, 90-99 test; within 2 of them training has nothing."""
    parts = split([recording(range(120))], BlockSplit(size=10, gap=2))
    assert numbers_of(parts.validation) == list(range(40, 50))
    assert numbers_of(parts.test) == list(range(90, 100))
    assert numbers_of(parts.train) == [*range(38), *range(52, 88), *range(102, 120)]
    assert [take.name for take in parts.train] == ["A@0-37", "A@52-87", "A@102-119"]
    assert [take.frames_dropped for take in parts.train] == [0, 0, 0]
    np.testing.assert_array_equal(parts.train[1].landmarks[:, 0, 0], np.arange(52, 88))


def test_training_is_cut_where_a_block_without_frames_was():
    parts = split([recording([37, 55, 56, 101])], BlockSplit(size=10, gap=2))
    assert [take.frame_numbers.tolist() for take in parts.train] == [[37], [55, 56]]


@given(
    numbers=st.sets(st.integers(0, 5000), min_size=1, max_size=300),
    size=st.integers(1, 120),
    data=st.data(),
)
@settings(deadline=None)
def test_no_training_frame_near_a_held_out_one(numbers, size, data):
    gap = data.draw(st.integers(0, size))
    parts = split([recording(sorted(numbers))], BlockSplit(size=size, gap=gap))
    train, held_out = numbers_of(parts.train), numbers_of(parts.validation) + numbers_of(parts.test)
    assert len(train + held_out) == len({*train, *held_out})
    assert {*train, *held_out} <= numbers
    if train and held_out:
        assert np.abs(np.subtract.outer(train, held_out)).min() > gap
    blocks = {number: number // size % 10 for number in numbers}
    assert set(numbers_of(parts.validation)) == {number for number, block in blocks.items() if block == 4}
    assert set(numbers_of(parts.test)) == {number for number, block in blocks.items() if block == 9}
    near = {n for n in numbers if any((max(n + d, 0) // size) % 10 in (4, 9) for d in range(-gap, gap + 1))}
    assert set(train) == numbers - near


def test_takes():
    takes = [recording([0, 1], take_name(letter, take)) for letter in "AB" for take in range(30)]
    parts = split(takes, TakeSplit())
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (46, 4, 10)
    assert {take.name for take in parts.validation} == {"A/take23", "A/take24", "B/take23", "B/take24"}


def test_signers():
    takes = [recording([0], signer=signer) for signer in "abcabc"]
    parts = split(takes, SignerSplit(test=("c",), validation=("a",)))
    assert ["".join(take.signer for take in part) for part in (parts.train, parts.validation, parts.test)] == [
        "bb",
        "aa",
        "cc",
    ]


def test_whole():
    parts = split(iter([recording([0]), recording([1])]), TrainOnly())
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (2, 0, 0)


def test_faults():
    with pytest.raises(ValueError, match="nobody is zoe; they are a, b"):
        split([recording([0], signer=signer) for signer in "ab"], SignerSplit(test=("zoe",)))
    with pytest.raises(ValueError, match="both test and validation: a"):
        split([recording([0], signer="a")], SignerSplit(test=("a",), validation=("a",)))
    with pytest.raises(ValueError, match="no take number"):
        split([recording([0])], TakeSplit())
    with pytest.raises(ValueError, match="gap of 11 does not fit blocks of 10"):
        split([recording([0])], BlockSplit(size=10, gap=11))


def test_groups_are_whole_signers_where_three_are_named():
    takes = [recording(range(3), signer=f"person {i % 7}") for i in range(70)]
    parts = split(takes, GroupSplit())
    groups = [{take.signer for take in part} for part in (parts.train, parts.validation, parts.test)]
    assert [len(group) for group in groups] == [5, 1, 1]
    assert sum(map(len, groups)) == len(set().union(*groups))


def test_groups_are_recordings_where_nobody_is_named():
    parts = split([recording(range(3)) for _ in range(30)], GroupSplit())
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [24, 3, 3]
    with pytest.raises(ValueError, match="at least 3"):
        split([recording(range(3)), recording(range(3))], GroupSplit())


# ---- pictures ----


def pictures(numbers, classes=1):
    """labels and numbers of that many classes, all with these numbers."""
    return np.repeat(np.arange(classes), len(numbers)), np.tile(np.asarray(numbers, np.int64), classes)


@given(numbers=st.sets(st.integers(0, 400), min_size=30, max_size=60), size=st.integers(1, 30), gap=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_blocks_of_pictures_are_blocks_of_recordings(numbers, size, gap):
    config = BlockSplit(size=size, gap=min(gap, size))
    recordings = split([recording(sorted(numbers))], config)
    expected = [numbers_of(part) for part in (recordings.train, recordings.validation, recordings.test)]
    labels, numbers = pictures(sorted(numbers), classes=2)
    if all(expected):
        parts = split_pictures(labels, numbers, config)
        assert parts.protocol == f"blocks of {size}"
        assert [numbers[rows].tolist() for rows in (parts.train, parts.validation, parts.test)] == [
            part * 2 for part in expected
        ]
    else:
        with pytest.raises(ValueError, match="leaves nothing for"):
            split_pictures(labels, numbers, config)


@pytest.mark.parametrize(
    ("config", "last", "train", "validation", "test"),
    [
        (TailSplit(), 3000, (1, 2400), (2420, 2600), (2621, 3000)),
        (
            TailSplit(train_to=699, validation_from=710, validation_to=780, test_from=791),
            879,
            (1, 699),
            (710, 780),
            (791, 879),
        ),
    ],
)
def test_tail(config, last, train, validation, test):
    """First and last number of each part, which is in video order."""
    labels, numbers = pictures(range(1, last + 1), classes=3)
    parts = split_pictures(labels, numbers, config)
    assert parts.protocol == f"tail from {test[0]}"
    for rows, (first, end) in zip((parts.train, parts.validation, parts.test), (train, validation, test), strict=True):
        assert numbers[rows].tolist() == [*range(first, end + 1)] * 3


@given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=6), seed=st.integers(0, 9))
@settings(deadline=None)
def test_random_divides_every_class(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    numbers = np.zeros_like(labels)
    if max(counts) < 3:
        with pytest.raises(ValueError, match="classes of at least 3 pictures"):
            split_pictures(labels, numbers, RandomSplit(seed=seed))
        return
    parts = split_pictures(labels, numbers, RandomSplit(seed=seed))
    rows = (parts.train, parts.validation, parts.test)
    assert sorted(np.concatenate(rows).tolist()) == [*range(len(labels))]
    assert all((np.diff(part) > 0).all() for part in rows)
    for label, count in enumerate(counts):
        train, validation, test = ((labels[part] == label).sum() for part in rows)
        if count < 3:
            assert (train, validation, test) == (count, 0, 0)
        else:
            assert abs(test - 0.2 * count) < 1
            assert validation == max(1, round(0.04 * count))


def test_random_says_that_it_leaks_and_follows_its_seed():
    labels, numbers = pictures(range(100), classes=2)
    first, again, other = (split_pictures(labels, numbers, RandomSplit(seed=seed)) for seed in (0, 0, 1))
    assert first.protocol == "random 20%, leaking"
    np.testing.assert_array_equal(first.test, again.test)
    assert first.test.tolist() != other.test.tolist()
    assert first.test[:20].tolist() != (first.test[20:] - 100).tolist(), "every class is drawn by itself"


@pytest.mark.parametrize("config", [BlockSplit(size=20, gap=5), TailSplit(), RandomSplit()])
def test_pictures_without_a_number_are_left_out_of_splits_by_number(config, caplog):
    """With a warning; the others are divided as if they were not there. At random they are pictures like any other."""
    numbers = np.arange(3000)
    without = split_pictures(0 * numbers, numbers, config)
    assert caplog.messages == []
    parts = split_pictures(np.zeros(3028, int), np.concatenate([np.full(28, -1), numbers]), config)
    rows = [parts.train, parts.validation, parts.test]
    if isinstance(config, RandomSplit):
        assert sum(map(len, rows)) == 3028
        assert caplog.messages == []
    else:
        for part, expected in zip(rows, (without.train, without.validation, without.test), strict=True):
            np.testing.assert_array_equal(part, expected + 28)
        assert caplog.messages == [
            f"left out 28 pictures without a number: a split by {parts.protocol} cannot place them"
        ]


def test_an_empty_part_names_another_protocol():
    labels, numbers = pictures(range(200), classes=2)
    with pytest.raises(
        ValueError,
        match=r"blocks of 44 leaves nothing for test of 400 pictures with numbers from 0 to 199; "
        r"give --split paper, which leaks$",
    ):
        split_pictures(labels, numbers, BlockSplit())
    assert len(split_pictures(labels, numbers, BlockSplit(size=20)).test)
    with pytest.raises(ValueError, match=r"for validation of 400 .*; give --split paper, which leaks$"):
        split_pictures(labels, 0 * numbers, BlockSplit())
    with pytest.raises(ValueError, match=r"tail from 2621 leaves nothing .*; give --split blocks, or --split paper"):
        split_pictures(labels, numbers, TailSplit())
    with pytest.raises(ValueError, match="gap of 11 does not fit blocks of 10"):
        split_pictures(labels, numbers, BlockSplit(size=10, gap=11))
    with pytest.raises(ValueError, match="train_to < validation_from <= validation_to < test_from"):
        TailSplit(test_from=2600)
