"""Hands drawn as skeletons, with Pillow alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from signtok.data.recording import HAND_POINTS

PAPER, INK, EDGE = "#fbfaf7", "#39424e", "#e3e0d8"
PALM = ((0, 5), (5, 9), (9, 13), (13, 17), (17, 0))
PALM_COLOUR = "#98a2ae"
# After Okabe and Ito: told apart by colour-blind readers too. Thumb to little finger.
FINGERS = (
    ("#d55e00", (0, 1, 2, 3, 4)),
    ("#e69f00", (5, 6, 7, 8)),
    ("#009e73", (9, 10, 11, 12)),
    ("#0072b2", (13, 14, 15, 16)),
    ("#a0529c", (17, 18, 19, 20)),
)
MARGIN = 0.08
SUPERSAMPLING = 2


@dataclass(frozen=True)
class ViewBox:
    """The square of the picture that is drawn, and the usual width or height of a hand in it: picture coordinates."""

    left: float
    top: float
    side: float
    hand: float

    @property
    def stroke(self) -> float:
        """Width of a bone, as a share of the side: thinner where the hand is small."""
        return min(max(self.hand / self.side, 0.3), 1.0) / 50


def view_box(*landmarks: Float[np.ndarray, "... 42 2"]) -> ViewBox:
    """The smallest square, with a margin, around every landmark seen in any of the arrays.

    Computed once over whole recordings, so that the camera stands still; the unit square where nothing was seen.
    """
    hands = np.concatenate([array.reshape(-1, HAND_POINTS, 2) for array in landmarks]).astype(np.float64)
    hands[~np.isfinite(hands).all(-1)] = np.nan
    hands = hands[np.isfinite(hands).any((1, 2))]
    if len(hands) == 0:
        return ViewBox(0.0, 0.0, 1.0, hand=0.5)
    low, high = np.nanmin(hands, (0, 1)), np.nanmax(hands, (0, 1))
    extents = np.nanmax(hands, 1) - np.nanmin(hands, 1)
    side = max(float((high - low).max()), 1e-3) * (1 + 2 * MARGIN)
    left, top = (low + high) / 2 - side / 2
    return ViewBox(float(left), float(top), side, hand=float(np.median(extents.max(-1))))


def draw_hands(landmarks: Float[np.ndarray, "42 2"], size: int = 320, box: ViewBox | None = None) -> Image.Image:
    """An RGB picture (size, size) of one frame's hands; landmarks not seen (NaN) and their bones are left out.

    `box`: what of the picture to show; by default the hands of this frame.
    """
    box = box or view_box(landmarks)
    big = size * SUPERSAMPLING
    image = Image.new("RGB", (big, big), PAPER)
    pen = ImageDraw.Draw(image)
    pixels = (np.asarray(landmarks, np.float64) - (box.left, box.top)) * (big / box.side)
    # Pillow cannot draw what lies absurdly far off; a wild decoder must not stop the film.
    pixels = np.clip(pixels, -10 * big, 10 * big)
    for hand in (pixels[:HAND_POINTS], pixels[HAND_POINTS:]):
        _draw_hand(pen, hand, width=big * box.stroke)
    return image.reduce(SUPERSAMPLING)


def _draw_hand(pen: ImageDraw.ImageDraw, hand: Float[np.ndarray, "21 2"], width: float) -> None:
    for bone in PALM:
        _draw_chain(pen, hand[list(bone)], PALM_COLOUR, width * 0.8)
    for colour, joints in FINGERS:
        _draw_chain(pen, hand[list(joints)], colour, width)
        for point in hand[list(joints)]:
            _draw_dot(pen, point, width * 0.95, PAPER)
            _draw_dot(pen, point, width * 0.65, colour)
    _draw_dot(pen, hand[0], width * 1.4, PAPER)
    _draw_dot(pen, hand[0], width * 1.0, INK)


def _draw_chain(pen: ImageDraw.ImageDraw, points: Float[np.ndarray, "n 2"], colour: str, width: float) -> None:
    for start, end in pairwise(points):
        if np.isfinite([start, end]).all():
            pen.line([*start, *end], fill=colour, width=round(width))


def _draw_dot(pen: ImageDraw.ImageDraw, point: Float[np.ndarray, " 2"], radius: float, colour: str) -> None:
    if np.isfinite(point).all():
        x, y = point
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)


def draw_panels(
    frames: Sequence[Float[np.ndarray, "42 2"]], captions: Sequence[str], size: int = 320, box: ViewBox | None = None
) -> Image.Image:
    """Frames side by side in one RGB picture, each under its caption, all seen through one box."""
    box = box or view_box(*frames)
    heading = size // 9
    image = Image.new("RGB", (size * len(frames), size + heading), PAPER)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=max(8, heading * 0.5))
    for column, (landmarks, caption) in enumerate(zip(frames, captions, strict=True)):
        left = column * size
        image.paste(draw_hands(landmarks, size, box), (left, heading))
        pen.text((left + size / 2, heading * 0.55), caption, fill=INK, font=font, anchor="mm")
        if column:
            pen.line([left, heading, left, size + heading - 1 - heading // 2], fill=EDGE, width=2)
    return image


def draw_strip(
    rows: Sequence[Float[np.ndarray, "t 42 2"]], captions: Sequence[str], columns: int = 12, size: int = 150
) -> Image.Image:
    """Recordings of one length under each other: `columns` frames of each, evenly spaced."""
    at = np.linspace(0, len(rows[0]) - 1, columns).round().astype(int)
    margin = size // 2
    image = Image.new("RGB", (margin + size * columns, size * len(rows)), PAPER)
    font = ImageFont.load_default(size=size // 9)
    pen = ImageDraw.Draw(image)
    for row, caption in enumerate(captions):
        pen.text((size // 12, size * (row + 0.5)), caption, fill=INK, font=font, anchor="lm")
    for column, frame in enumerate(at):
        box = view_box(*(landmarks[frame] for landmarks in rows))
        for row, landmarks in enumerate(rows):
            image.paste(draw_hands(landmarks[frame], size, box), (margin + size * column, size * row))
    return image
