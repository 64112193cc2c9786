"""From a source's raw arrays to clean recordings: zeros are not positions, empty frames and recordings are left out."""

import logging
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float

from signtok.data.recording import HAND_POINTS, LANDMARKS, Recording, check_landmarks, drop_empty_frames

logger = logging.getLogger(__name__)


def landmarks_of(array: np.ndarray, what: str, zero_is_unseen: bool = True) -> Float[np.ndarray, "t 42 2"]:
    """float32 (T, 42, 2) of (T, 42 or 21, 2 or 3); 21 points are a right hand; NaN where not seen.

    zero_is_unseen: a hand all of whose 21 points are exactly (0, 0) was not found.
    Unlike `check_landmarks` it lets arrays without any hand pass: `keep_seen` counts and leaves them out.
    Raises ValueError for another shape and for values that are not picture coordinates.
    """
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[1] % HAND_POINTS == 0 and array.dtype.kind in "fiu":
        array = array[..., :2]
        if zero_is_unseen:
            array = array.astype(np.float32)
            by_hand = array.reshape(len(array), array.shape[1] // HAND_POINTS, HAND_POINTS * 2)
            by_hand[(by_hand == 0).all(-1)] = np.nan
        if array.shape[1] in (HAND_POINTS, LANDMARKS) and (np.isnan(array[..., 0]) | np.isnan(array[..., 1])).all():
            return np.full((len(array), LANDMARKS, 2), np.nan, np.float32)
    return check_landmarks(array, what)


def keep_seen(recordings: Iterable[Recording], what: str, drop_empty: bool = True) -> Iterator[Recording]:
    """Leave out recordings without any hand (their count is logged) and, by default, frames without any hand."""
    empty = 0
    for recording in recordings:
        kept = drop_empty_frames(recording)
        if len(kept):
            yield kept if drop_empty else recording
        else:
            empty += 1
    if empty:
        logger.warning("%s: left out %d recordings without any hand", what, empty)
