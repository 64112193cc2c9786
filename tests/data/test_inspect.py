"""Counts worked out by hand, and a picture with something in every cell."""

import numpy as np
import pytest
from PIL import Image

from signtok.data.hands import landmarks_of
from signtok.data.inspect import CAPTION, CELL, contact_sheet, dominant_hand, inspect
from signtok.data.recording import Recording
from signtok.draw import PAPER


@pytest.fixture
def takes(hand_motion):
    """Right, left and both hands; 4, 6 and 8 frames, two of the last without a hand."""
    right, both = landmarks_of(hand_motion(4), "x"), np.tile(hand_motion(8), (1, 2, 1))
    left = np.roll(landmarks_of(hand_motion(6), "x"), 21, axis=1)
    both[6:] = np.nan
    return [
        Recording(right, np.arange(4), text="a", label="A", signer="s", licence="MIT", source="x", frames_dropped=2),
        Recording(left, np.arange(6), text="a", label="A", signer="t", licence="MIT", source="x"),
        Recording(both, np.arange(8), name="no label", licence="CC0", source="y"),
    ]


def test_counts(takes):
    found = inspect(iter(takes))
    assert (found.recordings, found.frames, found.frames_dropped) == (3, 18, 2)
    assert (found.length_min, found.length_median, found.length_max) == (4, 6, 8)
    assert found.length_97 == pytest.approx(7.88)
    assert found.frames_missing == pytest.approx(4 / 20)
    assert (found.right, found.left, found.both) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert (found.texts, found.signers) == ({"a": 2}, {"s": 1, "t": 1})
    assert (found.licences, found.sources) == ({"MIT": 2, "CC0": 1}, {"x": 2, "y": 1})
    assert [dominant_hand(take) for take in takes] == ["right", "left", "both"]


def test_table(takes):
    lines = str(inspect(takes)).splitlines()
    assert lines[0].split() == ["recordings", "3"]
    assert lines[3].split()[-4:] == ["20.0%", "of", "the", "frames"]
    assert any("'MIT' 2, 'CC0' 1" in line for line in lines)


def test_contact_sheet(tmp_path, takes):
    contact_sheet(takes, tmp_path / "sheet.png", columns=1)
    sheet = Image.open(tmp_path / "sheet.png").convert("RGB")
    assert sheet.size == (CELL, 2 * (CELL + CAPTION)), "one cell a label, the unlabelled under its name"
    paper = Image.new("RGB", (1, 1), PAPER).getpixel((0, 0))
    rows = np.split(np.asarray(sheet), [CELL, CELL + CAPTION, 2 * CELL + CAPTION])
    assert all((row != paper).any(-1).mean() > 0.01 for row in rows)


def test_faults(tmp_path):
    with pytest.raises(ValueError, match="no recordings to inspect"):
        inspect([])
    with pytest.raises(ValueError, match="no recordings to draw"):
        contact_sheet([], tmp_path / "x.png")
