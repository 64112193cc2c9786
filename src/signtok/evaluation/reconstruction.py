"""How far the decoded hands are from the real ones, in hand sizes.

The size of a hand is the distance from the wrist to the tip of the spread middle finger. A recording may never show it
spread, so it is measured along the finger: the bones wrist, knuckle, two joints, tip, added up. Bending does not change
that sum and foreshortening only shortens it, so the 90th percentile over frames is close to the spread hand, and a
few bad frames do not move it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from signtok.data.recording import HAND_POINTS
from signtok.evaluation.score import Ratio

MIDDLE_FINGER = [0, 9, 10, 11, 12]
FINGERTIPS = [4, 8, 12, 16, 20, 25, 29, 33, 37, 41]
SIZE_PERCENTILE = 90
Landmarks = Float[np.ndarray, "t 42 2"]


@dataclass(frozen=True)
class LandmarkError:
    """One recording: Euclidean errors in hand sizes, summed, over how many landmarks.

    missing: landmarks seen before and not given back, over those seen before.
    """

    all: Ratio
    fingertips: Ratio
    left: Ratio
    right: Ratio
    missing: Ratio


def hand_size(landmarks: Landmarks) -> Float[np.ndarray, " 2"]:
    """Size of the left and of the right hand, in the unit of the landmarks.

    A hand whose middle finger is never seen whole takes the other's size. Raises ValueError where neither is.
    """
    hands = landmarks.astype(np.float64).reshape(-1, 2, HAND_POINTS, 2)
    bones = np.linalg.norm(np.diff(hands[:, :, MIDDLE_FINGER], axis=2), axis=-1)  # (t, 2, 4)
    lengths = bones.sum(-1)
    lengths[~(lengths > 0)] = np.nan
    if np.isnan(lengths).all():
        raise ValueError("hand size: no frame shows a whole middle finger; leave this recording out")
    sizes = [np.nanpercentile(side, SIZE_PERCENTILE) if np.isfinite(side).any() else np.nan for side in lengths.T]
    return np.where(np.isfinite(sizes), sizes, sizes[::-1])


def landmark_error(
    before: Landmarks, after: Float[np.ndarray, "s 42 2"], size: Float[np.ndarray, " 2"] | None = None
) -> LandmarkError:
    """Errors over the landmarks present in both, each as a share of its hand's size (of `before`, unless given).

    Raises ValueError for different shapes or, without `size`, where no hand size can be measured.
    """
    if before.shape != after.shape:
        raise ValueError(
            f"landmark error: before {before.shape} and after {after.shape} must have one shape (T, 42, 2)"
        )
    size = hand_size(before) if size is None else size
    errors = np.linalg.norm(after.astype(np.float64) - before, axis=-1) / np.repeat(size, HAND_POINTS)  # (t, 42)
    seen, given = (np.isfinite(x).all(-1) for x in (before, after))
    return LandmarkError(
        all=_over(errors),
        fingertips=_over(errors[:, FINGERTIPS]),
        left=_over(errors[:, :HAND_POINTS]),
        right=_over(errors[:, HAND_POINTS:]),
        missing=Ratio(float((seen & ~given).sum()), float(seen.sum())),
    )


def _over(errors: Float[np.ndarray, "t n"]) -> Ratio:
    return Ratio(float(np.nansum(errors)), float(np.isfinite(errors).sum()))


def jitter(
    before: Landmarks, after: Float[np.ndarray, "s 42 2"], frame_numbers: Int[np.ndarray, " t"] | None = None
) -> Ratio:
    """Mean second difference in time, after over before: 1 is as smooth as the recording, 2 trembles twice as much.

    Only over landmarks seen in both in three frames in a row; with `frame_numbers`, in a row in the source video too.
    """
    second = [np.linalg.norm(np.diff(x.astype(np.float64), 2, axis=0), axis=-1) for x in (before, after)]  # (t-2, 42)
    both = np.isfinite(second[0]) & np.isfinite(second[1])
    if frame_numbers is not None:
        both &= (frame_numbers[2:] - frame_numbers[:-2] == 2)[:, None]
    return Ratio(float(second[1][both].sum()), float(second[0][both].sum()))
