"""Training, validation and test parts that do not leak: neighbouring frames of a video are near-duplicates."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import assert_never

import numpy as np
from jaxtyping import Bool, Int

from signtok.config import (
    BlockSplit,
    GroupSplit,
    PictureSplit,
    RandomSplit,
    SignerSplit,
    Split,
    TailSplit,
    TakeSplit,
    TrainOnly,
)
from signtok.data.labels import take_number
from signtok.data.recording import Recording

PERIOD, VALIDATION_BLOCK, TEST_BLOCK = 10, 4, 9
DROPPED, TRAIN, VALIDATION, TEST = 0, 1, 2, 3
FEWEST_GROUPS = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Parts:
    """The recordings of each part. Those of a `BlockSplit` are runs of the originals, named "NAME@FIRST-LAST"."""

    train: list[Recording] = field(default_factory=list)
    validation: list[Recording] = field(default_factory=list)
    test: list[Recording] = field(default_factory=list)

    def add(self, part: int, recording: Recording) -> None:
        {TRAIN: self.train, VALIDATION: self.validation, TEST: self.test}[part].append(recording)


@dataclass(frozen=True, eq=False)
class PictureParts:
    """The pictures of each part, as rising indices; `protocol` says how they were divided, for every result."""

    protocol: str
    train: Int[np.ndarray, " trains"]
    validation: Int[np.ndarray, " validations"]
    test: Int[np.ndarray, " tests"]


def split(recordings: Iterable[Recording], config: Split) -> Parts:
    """Divide the recordings of one source as its `Split` says; every recording keeps its order.

    Raises ValueError for a recording without a take number (`TakeSplit`), for signers of the split that nobody is or
    that stand in two parts (`SignerSplit`) and for a gap that is larger than a block.
    """
    match config:
        case BlockSplit():
            return _by_blocks(recordings, config)
        case TakeSplit():
            return _by_takes(recordings, config)
        case SignerSplit():
            return _by_signers(recordings, config)
        case TrainOnly():
            return Parts(train=list(recordings))
        case GroupSplit():
            return _by_groups(list(recordings), config)
        case _:
            assert_never(config)


def spaced(rows: Int[np.ndarray, " n"], most: int) -> Int[np.ndarray, " m"]:
    """At most so many of them, evenly spaced, the first and the last among them."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int)]


def split_pictures(labels: Int[np.ndarray, " n"], numbers: Int[np.ndarray, " n"], config: PictureSplit) -> PictureParts:
    """Divide pictures by their numbers, which are video order in every class, or at random, which leaks.

    labels: the class of each picture; numbers: >= 0, or -1 for a picture without one, which a split by numbers leaves
    out with a warning. Raises ValueError for a part that would be left empty, with what to use instead, and for a gap
    that is larger than a block.
    """
    match config:
        case BlockSplit():
            protocol, part = f"blocks of {config.size}", _part_of_blocks(numbers, config)
            instead = "give --split paper, which leaks"
        case TailSplit():
            protocol, part = f"tail from {config.test_from}", _part_of_tail(numbers, config)
            instead = "give --split blocks, or --split paper, which leaks"
        case RandomSplit():
            protocol, part = f"random {config.test:.0%}, leaking", _part_at_random(labels, config)
            instead = f"give classes of at least {FEWEST_GROUPS} pictures"
        case _:
            assert_never(config)
    parts = PictureParts(protocol, *(np.flatnonzero(part == which) for which in (TRAIN, VALIDATION, TEST)))
    for name in ("train", "validation", "test"):
        if not len(getattr(parts, name)):
            known = numbers[numbers >= 0]
            span = f"with numbers from {known.min()} to {known.max()}" if len(known) else "without numbers"
            raise ValueError(
                f"a split by {protocol} leaves nothing for {name} of {len(labels)} pictures {span}; {instead}"
            )
    if lost := np.count_nonzero((numbers < 0) & (part == DROPPED)):
        logger.warning("left out %d pictures without a number: a split by %s cannot place them", lost, protocol)
    return parts


def _part_of_tail(numbers: Int[np.ndarray, " n"], config: TailSplit) -> Int[np.ndarray, " n"]:
    part = np.where((numbers >= 0) & (numbers <= config.train_to), TRAIN, DROPPED)
    part[(numbers >= config.validation_from) & (numbers <= config.validation_to)] = VALIDATION
    part[numbers >= config.test_from] = TEST
    return part


def _part_at_random(labels: Int[np.ndarray, " n"], config: RandomSplit) -> Int[np.ndarray, " n"]:
    rng = np.random.default_rng(config.seed)
    part = np.full(len(labels), TRAIN)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) >= FEWEST_GROUPS:
            part[rng.permutation(rows)] = _shares(len(rows), config)
    return part


def _shares(count: int, config: GroupSplit | RandomSplit) -> Int[np.ndarray, " count"]:
    """The parts of `count` things in an order of no meaning: first test, then validation, at least one each."""
    tests, validations = (max(1, round(share * count)) for share in (config.test, config.validation))
    part = np.full(count, TRAIN)
    part[:tests] = TEST
    part[tests : tests + validations] = VALIDATION
    return part


def _by_blocks(recordings: Iterable[Recording], config: BlockSplit) -> Parts:
    parts = Parts()
    for recording in recordings:
        part = _part_of_blocks(recording.frame_numbers, config)
        for run in _runs(part, recording.frame_numbers // config.size):
            if part[run[0]] != DROPPED:
                piece = recording.frames(run)
                name = f"{recording.name}@{piece.frame_numbers[0]}-{piece.frame_numbers[-1]}"
                parts.add(int(part[run[0]]), replace(piece, name=name, frames_dropped=0))
    return parts


def _part_of_blocks(numbers: Int[np.ndarray, " t"], config: BlockSplit) -> Int[np.ndarray, " t"]:
    """Blocks with index % 10 == 9 are test, == 4 validation; training drops what lies within `gap` of either."""
    if not 0 <= config.gap <= config.size:
        raise ValueError(f"a gap of {config.gap} does not fit blocks of {config.size}; give at most {config.size}")
    place = numbers // config.size % PERIOD
    near = _held_out(numbers + config.gap, config) | _held_out(np.maximum(numbers - config.gap, 0), config)
    part = np.where(near, DROPPED, TRAIN)
    part[place == VALIDATION_BLOCK] = VALIDATION
    part[place == TEST_BLOCK] = TEST
    part[numbers < 0] = DROPPED
    assert _far_apart(numbers, part, config.gap)
    return part


def _held_out(numbers: Int[np.ndarray, " t"], config: BlockSplit) -> Bool[np.ndarray, " t"]:
    return np.isin(numbers // config.size % PERIOD, (VALIDATION_BLOCK, TEST_BLOCK))


def _runs(part: Int[np.ndarray, " t"], block: Int[np.ndarray, " t"]) -> list[np.ndarray]:
    """Indices of the contiguous runs of one part; two runs stay two where the blocks between them have no frames."""
    # Each half of a period ends with a held-out block, so that a run of one part never goes from one to the next.
    half = block // (PERIOD // 2)
    changes = (np.diff(part) != 0) | (np.diff(half) != 0)
    return np.split(np.arange(len(part)), np.flatnonzero(changes) + 1)


def _far_apart(numbers: Int[np.ndarray, " t"], part: Int[np.ndarray, " t"], gap: int) -> bool:
    """No frame of training within `gap` of one of validation or test."""
    train, held_out = np.sort(numbers[part == TRAIN]), np.sort(numbers[part >= VALIDATION])
    if not len(train) or not len(held_out):
        return True
    after = np.searchsorted(train, held_out)
    neighbours = np.stack([train[np.maximum(after - 1, 0)], train[np.minimum(after, len(train) - 1)]])
    return bool((np.abs(neighbours - held_out) > gap).all())


def _by_takes(recordings: Iterable[Recording], config: TakeSplit) -> Parts:
    parts = Parts()
    for recording in recordings:
        take = take_number(recording.name)
        part = TEST if take >= config.test_from else VALIDATION if take >= config.validation_from else TRAIN
        parts.add(part, recording)
    return parts


def _by_signers(recordings: Iterable[Recording], config: SignerSplit) -> Parts:
    if twice := {*config.test} & {*config.validation}:
        raise ValueError(f"split by signers: both test and validation: {', '.join(sorted(twice))}; choose one")
    takes = list(recordings)
    signers = {take.signer for take in takes}
    if unknown := {*config.test, *config.validation} - signers:
        raise ValueError(
            f"split by signers: nobody is {', '.join(sorted(unknown))}; they are {', '.join(sorted(signers))}"
        )
    parts = Parts()
    for take in takes:
        parts.add(
            TEST if take.signer in config.test else VALIDATION if take.signer in config.validation else TRAIN, take
        )
    _assert_disjoint([{take.signer for take in part} for part in (parts.train, parts.validation, parts.test)])
    return parts


def _by_groups(recordings: list[Recording], config: GroupSplit) -> Parts:
    by_signer = len({recording.signer for recording in recordings if recording.signer}) >= FEWEST_GROUPS
    keys = [recording.signer if by_signer else f"{index}" for index, recording in enumerate(recordings)]
    order = sorted(set(keys), key=lambda key: sha256(key.encode()).digest())
    if len(order) < FEWEST_GROUPS:
        raise ValueError(f"{len(order)} recordings cannot be split in training, validation and test; give at least 3")
    part_of = dict(zip(order, _shares(len(order), config).tolist(), strict=True))
    parts = Parts()
    for key, recording in zip(keys, recordings, strict=True):
        parts.add(part_of[key], recording)
    return parts


def _assert_disjoint(groups: Sequence[set[str]]) -> None:
    assert sum(map(len, groups)) == len(set().union(*groups)), "a signer stands in two parts"
