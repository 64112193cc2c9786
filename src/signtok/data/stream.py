"""Training batches as a pure function of the step, which is what makes resuming exact; and fixed validation batches."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from signtok.config import AugmentConfig, DataConfig, TokenizerConfig
from signtok.data.augment import augmented_recording
from signtok.data.batch import LandmarkBatch
from signtok.data.compose import compose, pick_signer, place, random_text, spell
from signtok.data.generate import generate, training_phrase
from signtok.data.handshapes import Handshapes
from signtok.data.normalise import mirror, normalise
from signtok.data.recording import LANDMARKS, Recording
from signtok.data.takes import Bank
from signtok.data.text import BLANK, encode_text


def collate(
    recordings: Sequence[Recording], tokenizer: TokenizerConfig, labels: Sequence[int] | None = None
) -> LandmarkBatch:
    """Normalised and padded to the longest."""
    texts = [encode_text(r.text) if r.text else [] for r in recordings]
    frames, letters = max(map(len, recordings)), max(1, *map(len, texts))
    x = np.zeros((len(recordings), frames, LANDMARKS, 2), np.float32)
    present = np.zeros((len(recordings), frames, LANDMARKS), bool)
    mask = np.zeros((len(recordings), frames), bool)
    text = np.full((len(recordings), letters), BLANK)
    for row, (recording, ids) in enumerate(zip(recordings, texts, strict=True)):
        n = len(recording)
        x[row, :n], present[row, :n], _ = normalise(recording.landmarks, tokenizer.normalise, tokenizer.dominant)
        mask[row, :n] = True
        text[row, : len(ids)] = ids
    return LandmarkBatch(
        x=torch.from_numpy(x),
        mask=torch.from_numpy(mask),
        present=torch.from_numpy(present),
        text=torch.from_numpy(text),
        text_len=torch.tensor([len(ids) for ids in texts]),
        label=torch.tensor(labels if labels is not None else [0] * len(recordings)),
    )


SHORT_FRAMES = 16
LONGEST_PHRASE = 384
"""A real phrase longer than this is shown in pieces, without its text."""


@dataclass(frozen=True, eq=False)
class TrainingStream:
    """Phrases composed of the bank's letters or spelled by generated signers, augmented; and real recordings of more
    than a letter as they are."""

    bank: Bank | None
    recordings: Sequence[Recording]
    handshapes: Handshapes
    data: DataConfig
    tokenizer: TokenizerConfig
    batch_size: int
    seed: int

    def __call__(self, step: int) -> LandmarkBatch:
        """The batch of a step, always the same one. Its sequences are about equally long, so that little is padded."""
        rng = np.random.default_rng([self.seed, step % 2**63])
        frames = int(rng.integers(self.data.min_frames, self.data.max_frames + 1))
        if rng.uniform() < self.data.short:
            one, frames = self._short, SHORT_FRAMES
        else:
            one = self._one
        return collate([one(frames, rng) for _ in range(self._rows(frames))], self.tokenizer)

    @cached_property
    def _own_anatomy(self) -> AugmentConfig:
        """Generated signers have bones and habits of their own: others on top make letters alike (docs/log.md)."""
        return self.data.augment.model_copy(update={"bone": 0.0, "finger_degrees": 0.0})

    def _rows(self, frames: int) -> int:
        """As many sequences as make a batch of about batch_size ones of middling length; not over three times as many,
        for each has a price beside its frames."""
        middle = (self.data.min_frames + self.data.max_frames) / 2
        return round(self.batch_size * min(max(middle / frames, 0.5), 3))

    def _short(self, frames: int, rng: np.random.Generator) -> Recording:
        return excerpt(self._one(2 * frames, rng), int(rng.integers(1, frames + 1)), rng)

    def _one(self, frames: int, rng: np.random.Generator) -> Recording:
        nothing_real = self.bank is None and not self.recordings
        if nothing_real or rng.uniform() < self.data.generated:
            phrase = training_phrase(self.handshapes, frames, self.data.compose, rng)
            recording = augmented_recording(phrase, self._own_anatomy, rng)
        elif self.bank is None or (self.recordings and rng.uniform() < self.data.unlabelled):
            recording = self.recordings[int(rng.integers(len(self.recordings)))]
            recording = excerpt(recording, LONGEST_PHRASE if recording.text else frames, rng)
        else:
            signer = pick_signer(self.bank, rng)
            text = random_text(signer, 1 + frames // 5, self.data.compose, rng)
            phrase = spell(text, signer, self.data.compose, rng, frames)
            recording = augmented_recording(phrase, self.data.augment, rng)
        if rng.uniform() < self.data.flip:
            recording = replace(recording, landmarks=mirror(recording.landmarks))
        return recording


def excerpt(recording: Recording, frames: int, rng: np.random.Generator) -> Recording:
    """At most `frames` frames from a random place, and a hand in at least one of them; nobody knows their text then."""
    if len(recording) <= frames:
        return recording
    first = int(rng.integers(len(recording) - frames + 1))
    piece = recording.frames(np.arange(first, first + frames))
    if not piece.present.any():
        piece = recording.frames(np.flatnonzero(recording.present.any(-1))[:frames])
    return replace(piece, text=None)


def validation_batches(
    bank: Bank | None,
    recordings: Sequence[Recording],
    handshapes: Handshapes,
    data: DataConfig,
    tokenizer: TokenizerConfig,
    phrases: int = 128,
    batch_size: int = 32,
) -> list[LandmarkBatch]:
    """Phrases composed of held-out takes, or real ones where there are no letters to compose of, or generated ones
    where there is nothing real; not augmented, the same ones in every run, sorted by length."""
    rng = np.random.default_rng(2024)
    if bank is None and not recordings:
        chosen = list(generate(handshapes, phrases, 2024, gaps=False, phrases_a_signer=1))
    elif bank is None:
        chosen = [excerpt(recording, LONGEST_PHRASE, rng) for recording in recordings[:phrases]]
    else:
        chosen = [place(compose(bank, data.compose, rng, 256)) for _ in range(phrases)]
    chosen.sort(key=len)
    return [collate(chosen[i : i + batch_size], tokenizer) for i in range(0, len(chosen), batch_size)]
