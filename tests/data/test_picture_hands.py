"""Landmarks find their pictures by class and number, and go with them into the square."""

import numpy as np
import pytest
from PIL import Image

from signtok.data.picture_folder import load_pictures
from signtok.data.picture_hands import hands_of_pictures

SIZE = 16
HAND = np.stack([np.linspace(0.2, 0.8, 21), np.linspace(0.1, 0.9, 21), np.zeros(21)], -1).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """A1 square, A2 wide, A3 tall; space7; and B1 twice."""
    sizes = {
        "A/A1": (16, 16),
        "A/A2": (40, 20),
        "A/A3": (20, 40),
        "space/space7": (16, 16),
        "B/B1": (9, 9),
        "x/B/B1": (9, 9),
    }
    for name, size in sizes.items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(tmp_path / "set" / f"{name}.png")
    return tmp_path / "set"


def save(path, labels, frames, hand=None):
    hands = np.stack([HAND] * len(labels)) if hand is None else hand
    np.savez(path, hand=hands, label=np.array(labels), frame=np.array(frames))
    return path


def found(folder, file, rows=None):
    pictures = load_pictures(folder, SIZE, folder.parent / "cache")
    rows = np.arange(len(pictures)) if rows is None else rows
    hands = hands_of_pictures(folder, pictures, rows, file)
    return hands, dict(zip([pictures.names[row] for row in rows], hands.hands, strict=True))


def test_by_class_and_number_in_the_square(folder, tmp_path):
    hands, by_name = found(folder, save(tmp_path / "h.npz", ["a", "A", "A", "Space", "A"], [1, 2, 3, 7, 99]))
    x, y = HAND[:, 0], HAND[:, 1]
    np.testing.assert_allclose(by_name["A/A1.png"], np.stack([x, y], -1))
    np.testing.assert_allclose(by_name["A/A2.png"], np.stack([x, y / 2 + 0.25], -1))
    np.testing.assert_allclose(by_name["A/A3.png"], np.stack([x / 2 + 0.25, y], -1))
    assert by_name["space/space7.png"] is not None
    assert hands.known == 4


def test_rows_in_their_order(folder, tmp_path):
    _, by_name = found(folder, save(tmp_path / "h.npz", ["A"], [3]), np.array([2, 0]))
    assert [name for name, hand in by_name.items() if hand is not None] == ["A/A3.png"]
    assert [*by_name] == ["A/A3.png", "A/A1.png"]


def test_two_pictures_of_one_name_have_none(folder, tmp_path):
    _, by_name = found(folder, save(tmp_path / "h.npz", ["A", "B"], [1, 1]))
    assert by_name["B/B1.png"] is by_name["x/B/B1.png"] is None
    assert by_name["A/A1.png"] is not None


def test_hands_not_seen_are_none(folder, tmp_path):
    gone = np.stack([HAND, np.zeros_like(HAND), HAND])
    gone[2, 4, 1] = np.nan
    hands, by_name = found(folder, save(tmp_path / "h.npz", ["A"] * 3, [1, 2, 3], gone))
    assert hands.known == 1
    assert by_name["A/A1.png"] is not None


def test_another_file_is_another_source(folder, tmp_path):
    sources = [found(folder, save(tmp_path / "h.npz", ["A"], [number]))[0].source for number in (1, 2, 1)]
    assert sources[0] == sources[2] != sources[1]
    assert sources[0].startswith("h.npz ")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"hand": HAND[None], "label": ["A"]}, "has no frame"),
        ({"hand": HAND[None], "label": ["A", "A"], "frame": [1, 2]}, "expected"),
        ({"hand": HAND[None, :20], "label": ["A"], "frame": [1]}, "expected"),
        ({"hand": HAND[None], "label": ["A"], "frame": [1.5]}, "whole numbers"),
        ({"hand": HAND[None][:0], "label": np.zeros(0, str), "frame": np.zeros(0, int)}, "expected"),
        ({"hand": np.stack([HAND] * 2), "label": ["A", "a"], "frame": [1, 1]}, "2 hands of picture a 1"),
        ({"hand": HAND[None], "label": ["Z"], "frame": [1]}, "no hand of any of 6 pictures"),
        ({"hand": HAND[None] * 1e4, "label": ["A"], "frame": [1]}, "divide pixels by the picture's size"),
        ({"hand": np.array([None], object), "label": ["A"], "frame": [1]}, "plain arrays"),
    ],
)
def test_what_cannot_be_used(folder, tmp_path, arrays, message):
    np.savez(tmp_path / "h.npz", **{key: np.asarray(array) for key, array in arrays.items()})
    with pytest.raises(ValueError, match=message) as error:
        found(folder, tmp_path / "h.npz")
    assert "h.npz" in str(error.value)
    assert "\n" not in str(error.value)
