"""Parts that do not leak."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signtok.config import BlockSplit, GroupSplit, SignerSplit, TakeSplit, TrainOnly
from signtok.data.labels import take_name
from signtok.data.recording import Recording
from signtok.data.split import split


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
