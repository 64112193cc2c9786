"""One recording of signing hands: what every reader yields and every writer takes."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

HAND_POINTS = 21
LANDMARKS = 2 * HAND_POINTS
FARTHEST = 100
"""Picture coordinates beyond this are pixels."""
LONGEST_STEP = 6
"""Frames that stood further apart than this in their source are a cut, not a movement."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Hand landmarks of one take.

    landmarks: float32 (T, 42, 2), picture coordinates (x to the right, y down, [0, 1] inside the picture), left hand
        0-20, right hand 21-41 in MediaPipe order, NaN where a landmark was not seen.
    frame_numbers: int64 (T,), where each frame stood in its source video: a jump is a cut, not a movement.
    text: what is spelled, lower case; None where unknown (a word sign, "delete").
    label: the source's own word for it.
    frames_dropped: frames without any hand that the reader left out.
    """

    landmarks: Float[np.ndarray, "t 42 2"]
    frame_numbers: Int[np.ndarray, " t"]
    frames_per_second: float = 30.0
    name: str = ""
    text: str | None = None
    label: str = ""
    signer: str = ""
    source: str = ""
    licence: str = ""
    frames_dropped: int = 0

    def __len__(self) -> int:
        return len(self.landmarks)

    @property
    def present(self) -> np.ndarray:
        """bool (T, 42): the landmark was seen."""
        return seen_landmarks(self.landmarks)

    def frames(self, keep: np.ndarray) -> "Recording":
        """The same recording with only some frames: `keep` is bool (T,) or indices."""
        return replace(self, landmarks=self.landmarks[keep], frame_numbers=self.frame_numbers[keep])

    def runs(self) -> list["Recording"]:
        """The pieces between the cuts."""
        cuts = np.flatnonzero(np.diff(self.frame_numbers) > LONGEST_STEP) + 1
        return [self.frames(piece) for piece in np.split(np.arange(len(self)), cuts)]


def seen_landmarks(landmarks: Float[np.ndarray, "*batch 2"]) -> Bool[np.ndarray, "*batch"]:
    """Where both coordinates are finite."""
    # Ten times as fast as .all(-1): NumPy is slow to reduce an axis of two, and this is most of the cost of reading.
    finite = np.isfinite(landmarks)
    return finite[..., 0] & finite[..., 1]


def check_landmarks(array: np.ndarray, what: str = "landmarks") -> Float[np.ndarray, "t 42 2"]:
    """float32 (T, 42, 2) of (T, 42, 2 or 3) or (T, 21, 2 or 3) (a right hand); a third coordinate is dropped.

    Raises ValueError, saying what to write instead, for another shape, no frames, infinite values or no hand at all.
    """
    array = np.asarray(array)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{what}: expected numbers, got dtype {array.dtype}")
    if array.ndim != 3 or array.shape[1] not in (HAND_POINTS, LANDMARKS) or array.shape[2] not in (2, 3):
        raise ValueError(
            f"{what}: expected shape (T, 42, 2), left hand 0-20 and right hand 21-41, or (T, 21, 2) for a right hand; "
            f"got {array.shape}"
        )
    if len(array) == 0:
        raise ValueError(f"{what}: no frames; give at least one")
    hands = np.full((len(array), LANDMARKS, 2), np.nan, np.float32)
    hands[:, -array.shape[1] :] = array[..., :2]
    seen = seen_landmarks(hands)
    if not seen.all() and np.isinf(hands).any():
        raise ValueError(f"{what}: infinite coordinates; mark landmarks that were not seen with NaN")
    hands[~seen] = np.nan
    if not seen.any():
        raise ValueError(f"{what}: no hand in any frame (every value is NaN); drop this recording")
    farthest = np.fmax.reduce(np.abs(hands), axis=None)
    if farthest > FARTHEST:
        raise ValueError(f"{what}: coordinates up to {farthest:.0f}; divide pixels by the picture's size")
    return hands


def drop_empty_frames(recording: Recording) -> Recording:
    """Without the frames in which no hand was seen (paper 002); they are counted in `frames_dropped`."""
    seen = np.asarray(recording.present.any(-1))
    if seen.all():
        return recording  # and no copy of it: it may lie on the disk
    kept = recording.frames(seen)
    return replace(kept, frames_dropped=recording.frames_dropped + int((~seen).sum()))
