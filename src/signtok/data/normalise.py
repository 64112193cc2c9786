"""From picture coordinates to the coordinates that models see, and back exactly."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from signtok.data.recording import HAND_POINTS, LANDMARKS, seen_landmarks

Kind = Literal["hand", "video"]


@dataclass(frozen=True)
class Placement:
    """Where a normalised recording stood in the picture: picture = x * scale + mean, then mirrored back if `mirrored`.

    mean, scale: x and y, in picture sizes. mirrored: a left-handed recording was turned into a right-handed one.
    """

    mean: tuple[float, float]
    scale: tuple[float, float]
    mirrored: bool = False


MIDDLE_OF_PICTURE = Placement(mean=(0.5, 0.5), scale=(0.1, 0.1))
"""Where decoded hands are put when nobody says where they were."""


def mirror(landmarks: Float[np.ndarray, "t 42 2"]) -> Float[np.ndarray, "t 42 2"]:
    """The recording seen in a mirror: x becomes 1 - x and the hands change places. Its own inverse."""
    swapped = np.concatenate([landmarks[:, HAND_POINTS:], landmarks[:, :HAND_POINTS]], axis=1)
    return np.stack([1 - swapped[..., 0], swapped[..., 1]], axis=-1).astype(landmarks.dtype)


def hand_motion(hand: Float[np.ndarray, "t 21 2"]) -> float:
    """How much a hand changes shape: mean step of its points about their centre, in units of the hand's size."""
    seen = hand[np.isfinite(hand).all((-1, -2))]
    if len(seen) < 2:
        return 0.0
    shape = seen - seen.mean(1, keepdims=True)
    size = np.sqrt((shape**2).sum(-1).mean())
    return float(np.abs(np.diff(shape, axis=0)).mean() / max(size, 1e-6))


def is_left_handed(landmarks: Float[np.ndarray, "t 42 2"]) -> bool:
    """The left hand signs: it is seen in clearly more frames, or seen as often and its fingers move more."""
    left, right = landmarks[:, :HAND_POINTS], landmarks[:, HAND_POINTS:]
    seen_left, seen_right = (np.isfinite(hand).all((-1, -2)).sum() for hand in (left, right))
    if min(seen_left, seen_right) < 0.8 * max(seen_left, seen_right):
        return bool(seen_left > seen_right)
    return hand_motion(left) > hand_motion(right)


def _statistics(landmarks: np.ndarray, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Mean (2,) and scale (2,) in float64."""
    if kind == "video":
        points = landmarks[seen_landmarks(landmarks)].astype(np.float64)
        return points.mean(0), points.std(0)
    hand = landmarks[:, HAND_POINTS:].astype(np.float64)
    if not seen_landmarks(hand).any():
        hand = landmarks.astype(np.float64)
    seen = seen_landmarks(hand)
    weight = seen[..., None] / np.maximum(seen.sum(1), 1)[:, None, None]
    filled = np.where(seen[..., None], hand, 0)
    centre = (filled * weight).sum(1, keepdims=True)  # (T,1,2)
    spread = np.where(seen, ((filled - centre) ** 2).sum(-1), 0).sum() / seen.sum() / 2
    return filled[seen].mean(0), np.repeat(np.sqrt(spread), 2)


def normalise(
    landmarks: Float[np.ndarray, "t 42 2"], kind: Kind = "hand", dominant: bool = True
) -> tuple[Float[np.ndarray, "t 42 2"], Bool[np.ndarray, "t 42"], Placement]:
    """Normalised coordinates (float32, zero where unseen), presence, and the placement that undoes it.

    kind `video` is paper 002: mean and deviation of each coordinate over the whole video, all hands. `hand` takes the
    mean of the dominant hand and one scale for both axes: the mean spread of its points about their centre in a frame.
    """
    mirrored = dominant and is_left_handed(landmarks)
    if mirrored:
        landmarks = mirror(landmarks)
    mean, scale = _statistics(landmarks, kind)
    scale = np.maximum(scale, 1e-6)
    present = seen_landmarks(landmarks)
    x = np.where(present[..., None], (landmarks - mean) / scale, 0).astype(np.float32)
    placement = Placement((float(mean[0]), float(mean[1])), (float(scale[0]), float(scale[1])), mirrored)
    return x, present, placement


def denormalise(
    x: Float[np.ndarray, "t 42 2"], present: Bool[np.ndarray, "t 42"], placement: Placement
) -> Float[np.ndarray, "t 42 2"]:
    """Picture coordinates, NaN where not present: the inverse of `normalise`."""
    assert x.shape[1] == LANDMARKS
    landmarks = x.astype(np.float64) * np.array(placement.scale) + np.array(placement.mean)
    landmarks = np.where(present[..., None], landmarks, np.nan).astype(np.float32)
    return mirror(landmarks) if placement.mirrored else landmarks
