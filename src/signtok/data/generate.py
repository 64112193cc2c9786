"""Phrases without a data set: a generated signer spells, a camera looks on, a tracker finds the hand most of the time.

The same seed gives the same phrases; see docs/formats.md for what is promised across machines.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from signtok.config import ComposeConfig
from signtok.data.compose import Phrase, place
from signtok.data.fingerspelling import spell_out
from signtok.data.gestures import alphabet_of
from signtok.data.handshapes import Handshapes
from signtok.data.recording import Recording
from signtok.data.signers import GeneratedSigner, draw_signer
from signtok.data.takes import PALM, palm_size
from signtok.data.texts import letters_for, text_for

GENERATED = "generated"
FOUND, LOST = (6.0, 1.35), (3.0, 1.3)
"""Median of the runs of frames in which a tracker finds the hand, or does not, and the deviation of their logarithm:
kaggle_asl_signs has 3 and 3 frames (mean 7 and 7) in clips of 31 frames, whose ends cut the long runs short, and the
hand in 70 % of the frames."""
GRID = 2.0**-20
"""Coordinates are rounded to this, a pixel of a picture of a million, so that the last bits of another machine's sines
do not show."""


def is_generated(data: Path) -> bool:
    """Whether `data` names no file or folder, but signers who never lived."""
    return data == Path(GENERATED) and not data.exists()


def phrase_of(text: str, signer: GeneratedSigner, rng: np.random.Generator, max_frames: int | None = None) -> Phrase:
    """In palm sizes, its middle at 0. Raises ValueError for a character that the signer cannot spell."""
    spelled, hand = spell_out(text, signer, rng, max_frames)
    middle = hand[:, PALM].mean((0, 1))
    return Phrase(spelled, ((hand - middle) / palm_size(hand)).astype(np.float32), signer.name, GENERATED)


def check_text(table: Handshapes, text: str | None) -> None:
    """Raises ValueError for a text that generated signers cannot spell, and says what they can."""
    alphabet = alphabet_of(table.characters)
    wrong = sorted(set(text or "") - set(alphabet))
    if wrong or text == "":
        raise ValueError(f"cannot spell {''.join(wrong)!r}: write lower case, with {alphabet!r}")


def training_phrase(table: Handshapes, frames: int, config: ComposeConfig, rng: np.random.Generator) -> Phrase:
    """A new signer each time; texts of the Kaggle kinds have the share of words, the others are letters at random."""
    signer = draw_signer(table, rng)
    alphabet = alphabet_of(table.characters)
    letters = 1 + frames // 5
    at_random = rng.uniform() < 1 - config.words
    text = letters_for(alphabet, letters, config, rng) if at_random else text_for(alphabet, rng)[:letters]
    return phrase_of(text.strip() or "a", signer, rng, frames)


def found(frames: int, rng: np.random.Generator) -> Bool[np.ndarray, " t"]:
    """In which frames a tracker finds the hand: in turn runs of both kinds, at least one frame."""
    runs: list[np.ndarray] = []
    seen = bool(rng.uniform() < 0.7)
    while sum(map(len, runs)) < frames:
        median, spread = FOUND if seen else LOST
        runs.append(np.full(max(1, round(median * np.exp(spread * rng.standard_normal()))), seen))
        seen = not seen
    seen_frames = np.concatenate(runs)[:frames]
    seen_frames[rng.integers(frames)] = True
    return seen_frames


def tracked(recording: Recording, rng: np.random.Generator, gaps: bool = True) -> Recording:
    """With the jitter and the drop-outs of a hand tracker."""
    size = np.nanstd(recording.landmarks, axis=1).mean()
    jitter = 0.015 * size * np.exp(0.5 * rng.standard_normal())
    landmarks = recording.landmarks + rng.normal(0, jitter, recording.landmarks.shape)
    if gaps:
        landmarks[~found(len(landmarks), rng)] = np.nan
    return replace(recording, landmarks=(np.round(landmarks / GRID) * GRID).astype(np.float32))


def generate(
    table: Handshapes, count: int, seed: int, text: str | None = None, gaps: bool = True, phrases_a_signer: int = 4
) -> Iterator[Recording]:
    """`count` recordings by signers of their own, each of `phrases_a_signer`; all of `text`, or of texts of the Kaggle
    kinds. Each depends on the seed and its number alone."""
    alphabet = alphabet_of(table.characters)
    for index in range(count):
        number = index // phrases_a_signer
        signer = draw_signer(table, np.random.default_rng([seed, 0, number]), f"generated-{number:05d}")
        rng = np.random.default_rng([seed, 1, index])
        phrase = phrase_of(text or text_for(alphabet, rng), signer, rng)
        palm = 0.06 * np.exp(0.25 * rng.standard_normal())
        recording = place(phrase, f"generated-{index:06d}", palm, signer.left_handed)
        yield replace(tracked(recording, rng, gaps), licence="MIT")
