"""A bank of takes: single letters as they were really signed, ready to be composed into phrases."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from signtok.data.normalise import is_left_handed, mirror
from signtok.data.recording import HAND_POINTS, Recording

PALM = (0, 5, 9, 13, 17)
FASTEST = 0.5
"""Palm sizes a frame: a hand that spells stays below (twice that for a moving letter), one that is raised does not."""
LONGEST_RAISE = 12
MOVING = "jz"
"""Letters that are a movement, not a shape."""


@dataclass(frozen=True, eq=False)
class Take:
    """One letter by one signer.

    hand: float32 (T, 21, 2), a right hand, y down, its palm's middle at 0 on average and its palm of size 1, so that
        takes of different cameras fit together.
    """

    text: str
    hand: Float[np.ndarray, "t 21 2"]


def palm_size(hand: Float[np.ndarray, "t 21 2"]) -> float:
    """Root mean square distance of wrist and knuckles from their middle, the median over frames."""
    palm = hand[:, PALM]
    spread = ((palm - palm.mean(1, keepdims=True)) ** 2).sum(-1).mean(-1)
    return float(np.sqrt(np.median(spread)))


def held_part(
    hand: Float[np.ndarray, "t 21 2"], numbers: Int[np.ndarray, " t"], text: str, size: float
) -> Float[np.ndarray, "kept 21 2"]:
    """Without the few frames at either end in which the hand is still being raised, or already lowered: it travels
    faster there than a hand that spells."""
    travelled = np.linalg.norm(np.diff(hand[:, PALM].mean(1), axis=0), axis=-1) / size  # (T-1,)
    fast = np.flatnonzero(travelled / np.diff(numbers) > (2 if text in MOVING else 1) * FASTEST)
    end = min(len(hand) // 3, LONGEST_RAISE)
    first = max((i + 1 for i in fast if i < end), default=0)
    last = min((i + 1 for i in fast if i >= len(hand) - 1 - end), default=len(hand))
    return hand[first:last]


def to_takes(recording: Recording) -> list[Take]:
    """The runs of neighbouring frames in which the signing hand was seen; none where the text is not one letter."""
    text = recording.text or ""
    if len(text) != 1:
        return []
    if is_left_handed(recording.landmarks):
        recording = replace(recording, landmarks=mirror(recording.landmarks))
    seen = np.isfinite(recording.landmarks[:, HAND_POINTS:]).all((-1, -2))
    takes = []
    for run in recording.frames(seen).runs():
        hand = run.landmarks[:, HAND_POINTS:]
        if len(hand) == 0 or (size := palm_size(hand)) < 1e-4:
            continue
        hand = held_part(hand, run.frame_numbers, text, size)
        middle = hand[:, PALM].mean((0, 1))
        takes.append(Take(text, ((hand - middle) / size).astype(np.float32)))
    return takes


@dataclass(frozen=True, eq=False)
class Signer:
    """All takes of one signer in one source, by letter."""

    name: str
    source: str
    letters: dict[str, list[Take]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Bank:
    """Signers with their takes. Any takes will do: recorded or generated."""

    signers: tuple[Signer, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(signer.source for signer in self.signers))

    def __len__(self) -> int:
        return sum(len(takes) for signer in self.signers for takes in signer.letters.values())


def make_bank(recordings: Iterable[Recording]) -> Bank:
    """Raises ValueError where no recording is of a single letter."""
    signers: dict[tuple[str, str], Signer] = {}
    for recording in recordings:
        for take in to_takes(recording):
            key = (recording.source, recording.signer)
            signer = signers.setdefault(key, Signer(recording.signer, recording.source))
            signer.letters.setdefault(take.text, []).append(take)
    if not signers:
        raise ValueError("no takes of single letters among these recordings; label them with one character each")
    return Bank(tuple(signers.values()))
