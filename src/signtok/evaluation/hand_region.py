"""Where the hand is in a picture: errors there matter more than those of the wall behind it."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image, ImageDraw
from torch import Tensor

PALM = (0, 1, 5, 9, 13, 17)
"""Wrist, base of the thumb, knuckles: the corners of the palm."""
CHAINS = ((*PALM, 0), (1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
"""The rim of the palm, then thumb to little finger."""
THICKNESS = 0.3
"""Of a finger and of the rim, as a share of the palm's length. A finger is about .2 wide: its outline lies inside."""
CENTRE_BOX = 0.7
"""Height and width, as a share of the picture's, of the box that stands in where no landmarks were found.

Of 22,948 hands read off the photos of keptsecret/ASLAlphabets 90 % lie in it with all their landmarks.
"""


def hand_region(landmarks: Float[np.ndarray, "21 2"] | None, height: int, width: int) -> Bool[Tensor, "h w"]:
    """True on the hand, its palm and fingers drawn from landmarks and as thick as such; else on a box in the centre.

    landmarks: MediaPipe's 21 points, x and y in [0, 1] of width and height, y down, NaN where not seen. The box is
    taken where they are None or show less than two corners of the palm. A hand outside the picture leaves all False.
    """
    if landmarks is None or np.isfinite(landmarks[list(PALM)]).all(-1).sum() < 2:
        return _centre_box(height, width)
    pixels = np.asarray(landmarks, np.float64) * (width, height)
    canvas = Image.new("1", (width, height))
    # Pillow cannot draw what lies absurdly far off
    _draw_hand(ImageDraw.Draw(canvas), np.clip(pixels, -10 * max(height, width), 10 * max(height, width)))
    return torch.from_numpy(np.array(canvas))


def _draw_hand(pen: ImageDraw.ImageDraw, hand: Float[np.ndarray, "21 2"]) -> None:
    """In pixels. Bones are capsules, lines with round ends; those with an end not seen are left out."""
    palm = hand[list(PALM)]
    palm = palm[np.isfinite(palm).all(-1)]
    thickness = THICKNESS * np.linalg.norm(palm[:, None] - palm, axis=-1).max()  # of the least foreshortened way across
    if len(palm) > 2:
        pen.polygon([*palm.flat], fill=1)
    for chain in CHAINS:
        for bone in pairwise(hand[list(chain)]):
            if np.isfinite(bone).all():
                pen.line([*bone[0], *bone[1]], fill=1, width=round(thickness))
    for x, y in hand[np.isfinite(hand).all(-1)]:
        radius = thickness / 2
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=1)


def _centre_box(height: int, width: int) -> Bool[Tensor, "h w"]:
    mask = torch.zeros(height, width, dtype=torch.bool)
    top, left = (round(size * (1 - CENTRE_BOX) / 2) for size in (height, width))
    mask[top : height - top, left : width - left] = True
    return mask


def hand_regions(
    landmarks: Sequence[Float[np.ndarray, "21 2"] | None], height: int, width: int
) -> Bool[Tensor, "b h w"]:
    """`hand_region` of every picture. Raises ValueError for none."""
    if not landmarks:
        raise ValueError("hand regions: no pictures; give one entry a picture, None where no hand was found")
    return torch.stack([hand_region(hand, height, width) for hand in landmarks])
