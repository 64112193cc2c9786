"""What survives a tokenizer: movement, letters and the health of its codes, each with its interval."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from signtok.data.recording import Recording
from signtok.evaluation.codes import CodeCounts
from signtok.evaluation.distribution import frechet_distance, with_interval
from signtok.evaluation.measured import Measured, decoded_in
from signtok.evaluation.motion import LEAST, paired_motion
from signtok.evaluation.reconstruction import hand_size, jitter, landmark_error
from signtok.evaluation.score import Score
from signtok.evaluation.text import recognition
from signtok.hub import LandmarkTokenizer, Tokens


@dataclass(frozen=True, eq=False)
class Encoded(Measured):
    """Recordings and their tokens, encoded once for all measures."""

    tokenizer: LandmarkTokenizer
    recordings: Sequence[Recording]
    tokens: Sequence[Tokens]
    steps: int | None = None
    """Of a decoder that samples, as in `detokenize`."""

    def levels(self) -> list[int | None]:
        """1 ... Q codebooks; a continuous tokenizer has nothing to leave out."""
        return list(range(1, self.tokenizer.codebooks + 1)) or [None]


def encode_all(
    tokenizer: LandmarkTokenizer, recordings: Iterable[Recording], what: str, steps: int | None = None
) -> Encoded:
    kept = list(recordings)
    if not kept:
        raise ValueError(f"{what}: no recordings to evaluate")
    what += decoded_in(tokenizer, steps)
    return Encoded(tokenizer, what, kept, tokenizer.tokenize([recording.landmarks for recording in kept]), steps)


def movement_scores(encoded: Encoded) -> list[Score]:
    """Landmark error in % of hand size with 1 ... Q codebooks; movement with one and with all, fingertips and lost
    landmarks with all."""
    scores = []
    for level in encoded.levels():
        after = encoded.tokenizer.detokenize(encoded.tokens, level, encoded.steps)
        errors = [landmark_error(r.landmarks, a) for r, a in zip(encoded.recordings, after, strict=True)]
        which = f"codebooks:{level or 'continuous'}"
        name = f"landmark error, {level} codebooks" if level else "landmark error"
        scores.append(encoded.score(name, [e.all for e in errors], "% of hand", False, which, 100.0))
        if level in (encoded.levels()[-1], None):
            scores.append(
                encoded.score("fingertip error", [e.fingertips for e in errors], "% of hand", False, which, 100.0)
            )
            scores.append(encoded.score("landmarks lost", [e.missing for e in errors], "%", False, which, 100.0))
            scores += _liveliness(encoded, after, which)
        elif level == 1:
            scores += _liveliness(encoded, after, which, ", 1 codebook")
    return scores


def _liveliness(encoded: Encoded, after: Sequence[np.ndarray], which: str, note: str = "") -> list[Score]:
    """Trembling beside that of the recordings, and the distance of the distributions of movement; nothing where no
    recording has three frames."""
    pairs = [(r, a) for r, a in zip(encoded.recordings, after, strict=True) if len(r) >= 3]
    trembling = [jitter(r.landmarks, a, r.frame_numbers) for r, a in pairs]
    if not sum(ratio.denominator for ratio in trembling):
        return []
    scores = [encoded.score(f"jitter{note}", trembling, "of the recording's", False, which)]
    motion = [paired_motion(r.landmarks, a, hand_size(r.landmarks), r.frame_numbers) for r, a in pairs]
    before, decoded = (torch.cat(parts) for parts in zip(*motion, strict=True))
    if len(before) >= LEAST:
        interval = with_interval(frechet_distance, 100 * before, 100 * decoded)
        scores.append(encoded.of_all(f"FD-motion{note}", interval, "(% of hand)^2", False, which))
    return scores


def reading_scores(encoded: Encoded, beam: int = 8) -> list[Score]:
    """Recognition (N - D) / N from the tokens of 1 ... Q codebooks."""
    texts = [recording.text or "" for recording in encoded.recordings]
    scores = []
    for level in encoded.levels():
        reads = encoded.tokenizer.read(encoded.tokens, beam=beam, num_codebooks=level)
        name = f"recognition, {level} codebooks" if level else "recognition"
        scores.append(encoded.score(name, recognition(texts, reads), "(N-D)/N", True, f"beam:{beam}|codebooks:{level}"))
    return scores


def code_scores(encoded: Encoded) -> list[Score]:
    """Over all frames of all these recordings."""
    if encoded.tokenizer.codebooks == 0:
        return []
    counts = CodeCounts(encoded.tokenizer.codebooks, encoded.tokenizer.codes)
    for ids in encoded.tokens:
        counts.add(np.asarray(ids))
    return encoded.of_codes(counts, "frames")
