"""How real a movement looks: whether the speeds of decoded hands are distributed as those of real ones.

An error says how far a hand is from where it was, and the smoothest guess has the least. Looking real is another thing:
trembling as much as hands tremble, and stopping as they stop.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from signtok.data.recording import HAND_POINTS
from signtok.evaluation.reconstruction import Landmarks

LEAST = 100
"""Frames below which a distance says nothing: twice the 84 numbers of a frame would be better still."""


def motion_features(
    landmarks: Landmarks, size: Float[np.ndarray, " 2"], frame_numbers: Int[np.ndarray, " t"]
) -> Float[np.ndarray, "n 84"]:
    """First and second differences of the 21 points of a hand, in hand sizes a frame, for every hand that is whole in
    three frames in a row."""
    hands = landmarks.astype(np.float64).reshape(-1, 2, HAND_POINTS * 2) / size[:, None]
    speed, change = np.diff(hands, axis=0)[1:], np.diff(hands, 2, axis=0)
    features = np.concatenate([speed, change], -1)
    whole = np.isfinite(features).all(-1) & (frame_numbers[2:] - frame_numbers[:-2] == 2)[:, None]
    return features[whole]


def paired_motion(
    before: Landmarks, after: Landmarks, size: Float[np.ndarray, " 2"], frame_numbers: Int[np.ndarray, " t"]
) -> tuple[Float[Tensor, "n 84"], Float[Tensor, "n 84"]]:
    """Of the hands that are whole in both."""
    hidden = ~np.isfinite(before) | ~np.isfinite(after)
    shown = [np.where(hidden, np.nan, landmarks) for landmarks in (before, after)]
    one, other = (torch.from_numpy(motion_features(landmarks, size, frame_numbers)) for landmarks in shown)
    return one, other
