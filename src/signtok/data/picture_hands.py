"""Where the hands are in the pictures of a folder: landmarks from a file, matched to them by class and number."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from signtok.data.hands import landmarks_of
from signtok.data.npz_file import Arrays, load_arrays
from signtok.data.picture import fit_points, picture_size
from signtok.data.picture_folder import Pictures
from signtok.data.recording import HAND_POINTS

KEYS = ("hand", "label", "frame")
Hand = Float[np.ndarray, "21 2"]
Picture = tuple[str, int]
"""Its class, in lower case, and its number."""


@dataclass(frozen=True, eq=False)
class PictureHands:
    """For each picture its hand, x and y in [0, 1] of its square, or None. source: name and hash of their file."""

    source: str
    hands: list[Hand | None]

    @property
    def known(self) -> int:
        """How many pictures have one."""
        return sum(hand is not None for hand in self.hands)


def hands_of_pictures(folder: Path, pictures: Pictures, rows: Int[np.ndarray, " n"], file: Path) -> PictureHands:
    """The hands of those rows of `pictures`, which `load_pictures` read from `folder`.

    file: .npz with hand (N, 21, 2 or 3), label (N,) and frame (N,): MediaPipe's 21 points, x and y in [0, 1] of the
    upright picture's width and height, its class, in whatever case, and its number. A hand that is all zero, or that
    lacks a point, was not seen. Where pictures share class and number nobody knows whose it is, and none has it.
    Raises ValueError for a file that is damaged or of another layout, and where it has no hand for any of them.
    """
    arrays = load_arrays(file)
    found = _by_picture(arrays, str(file))
    names = [
        (pictures.classes[label].lower(), number)
        for label, number in zip(pictures.labels.tolist(), pictures.numbers.tolist(), strict=True)
    ]
    count = Counter(names)
    hands = []
    for row in rows.tolist():
        hand = found.get(names[row]) if count[names[row]] == 1 else None
        place = folder / pictures.names[row]
        hands.append(None if hand is None else fit_points(hand, picture_size(place), pictures.pixels.shape[1]))
    if all(hand is None for hand in hands):
        label, number = names[rows[0]]
        raise ValueError(f"{file}: no hand of any of {len(rows)} pictures, such as {label} {number}; give their file")
    return PictureHands(f"{file.name} {_hash(arrays)}", hands)


def _by_picture(arrays: Arrays, what: str) -> Mapping[Picture, Hand]:
    if missing := [key for key in KEYS if key not in arrays]:
        raise ValueError(f"{what}: has no {' and no '.join(missing)}; landmarks of pictures have {', '.join(KEYS)}")
    hand, label, frame = (arrays[key] for key in KEYS)
    fits = hand.shape[1:2] == (HAND_POINTS,) and label.shape == frame.shape == hand.shape[:1] != (0,)
    if not fits or frame.dtype.kind not in "iu":
        raise ValueError(
            f"{what}: hand {hand.shape}, label {label.shape}, frame {frame.dtype} {frame.shape}; expected "
            f"(N, {HAND_POINTS}, 3), (N,), and whole numbers (N,)"
        )
    points = landmarks_of(hand, what)[:, -HAND_POINTS:]
    names = [(name.lower(), number) for name, number in zip(label.astype(str).tolist(), frame.tolist(), strict=True)]
    twice, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{what}: {times} hands of picture {twice[0]} {twice[1]}; leave one")
    seen = np.isfinite(points).all((1, 2)).tolist()
    return {name: point for name, point, there in zip(names, points, seen, strict=True) if there}


def _hash(arrays: Arrays) -> str:
    """16 hexadecimal digits that tell the hands and whose they are."""
    digest = hashlib.sha256()
    for key in KEYS:
        digest.update(np.ascontiguousarray(arrays[key]).tobytes())
    return digest.hexdigest()[:16]
