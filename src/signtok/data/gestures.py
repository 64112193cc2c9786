"""How each character is signed: the poses that the hand goes through, most often a single one.

J is the I hand whose little finger draws the letter, Z the index finger that draws it (both as the signer sees them).
The signs of addresses have no form that everybody uses: what stands here for . - / _ @ are the marks themselves, drawn
by the index finger. They are stand-ins: a model that has learned them has not learned anyone's real ones.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

STROKES: dict[str, tuple[tuple[float, float], ...]] = {
    "z": ((0.5, -0.4), (-0.5, -0.4), (0.5, 0.5), (-0.5, 0.5)),
    "-": ((0.5, 0.0), (-0.5, 0.0)),
    "_": ((0.5, 0.8), (-0.5, 0.8)),
    "/": ((-0.4, -0.6), (0.4, 0.6)),
    "@": ((0.0, -0.5), (-0.5, 0.0), (0.0, 0.5), (0.5, 0.0), (0.0, -0.5)),
    ".": ((0.0, 0.0), (0.0, 0.25), (0.0, 0.0)),
}
"""Where the hand goes, in palm lengths as the camera sees it, x to the right, y down."""

POINT_ROLL = 18.0
"""Degrees by which the wrist rolls towards the side that it draws on, at half a palm length."""
POINT_PITCH = 25.0
"""Degrees by which a finger that draws points towards the camera."""

J_END = (0.0, math.sqrt(0.5), math.sqrt(0.5), 0.0)
"""Orientation at the end of a J: fingers to the signer's left, palm to the signer. Half a turn about (1, 1, 0)."""


@dataclass(frozen=True)
class Gesture:
    """shape: whose handshape it is, by character, the first that a table has. path: where the hand goes, in palm
    lengths; points: the wrist turns with the path as a finger draws; swings: it turns as in a J."""

    shape: tuple[str, ...]
    path: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    points: bool = False
    swings: bool = False


@cache
def gesture(character: str) -> Gesture:
    """Of any character: without a movement it is its own handshape, held."""
    if character == "j":
        return Gesture(("j", "i"), ((0.0, -0.2), (0.0, 0.3), (0.1, 0.4), (0.3, 0.2)), swings=True)
    if character in STROKES:
        return Gesture(("z", "d") if character == "z" else ("1", "d"), STROKES[character], points=True)
    return Gesture((character,))


@cache
def alphabet_of(characters: tuple[str, ...]) -> str:
    """What can be written with these handshapes."""
    every = "abcdefghijklmnopqrstuvwxyz0123456789 .-/_@"
    return "".join(c for c in every if any(shape in characters for shape in gesture(c).shape))


def pointing(path: np.ndarray) -> np.ndarray:
    """Rotation vectors (k, 3), radians, of a wrist that draws `path` (k, 2)."""
    roll = -np.radians(POINT_ROLL) * path[:, 0] / 0.5
    pitch = np.full(len(path), np.radians(POINT_PITCH))
    return np.stack([pitch, np.zeros(len(path)), roll], -1)
