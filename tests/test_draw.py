"""Skeletons on pictures, and films of them."""

import builtins

import numpy as np
import pytest
from PIL import Image

from signtok import film
from signtok.data.recording import Recording, check_landmarks
from signtok.draw import PAPER, ViewBox, draw_hands, draw_panels, view_box
from signtok.film import write_gif, write_mp4


@pytest.fixture
def recording(hand_motion):
    return Recording(check_landmarks(hand_motion(24)), np.arange(24), frames_per_second=30.0)


def ink(image):
    """bool (H, W): pixels that are not paper."""
    return (np.asarray(image) != np.asarray(Image.new("RGB", (1, 1), PAPER))[0, 0]).any(-1)


def test_box_is_square_and_holds_every_landmark(recording):
    box = view_box(recording.landmarks, recording.landmarks + 0.1)
    for points in (recording.landmarks, recording.landmarks + 0.1):
        inside = (points - (box.left, box.top)) / box.side
        assert np.nanmin(inside) > 0
        assert np.nanmax(inside) < 1
    assert view_box(np.full((3, 42, 2), np.nan)) == ViewBox(0.0, 0.0, 1.0, 0.5)


def test_the_hand_fills_the_picture(recording):
    drawn = ink(draw_hands(recording.landmarks[0], size=200))
    assert drawn.shape == (200, 200)
    rows, columns = np.nonzero(drawn)
    assert max(np.ptp(rows), np.ptp(columns)) > 150


def test_unseen_landmarks_are_not_drawn(recording):
    box = ViewBox(0.0, 0.0, 1.0, 0.5)
    frame = recording.landmarks[0].copy()
    whole = ink(draw_hands(frame, 200, box)).sum()
    frame[21 + 8] = np.nan
    assert 0 < ink(draw_hands(frame, 200, box)).sum() < whole
    assert not ink(draw_hands(np.full((42, 2), np.nan, np.float32), 200)).any()


def test_wild_landmarks_do_not_stop_the_drawing(recording):
    frame = recording.landmarks[0].copy()
    frame[30] = 1e12
    draw_hands(frame, 64, view_box(recording.landmarks))


def test_both_panels_share_the_box(recording):
    frame = recording.landmarks[0]
    panels = ink(draw_panels([frame, frame], ["", ""], size=90))[10:]
    np.testing.assert_array_equal(panels[:, 4:90], panels[:, 94:])


@pytest.mark.parametrize("frames_per_second", [30.0, 29.97, 24.0])
def test_gif_keeps_time(tmp_path, recording, frames_per_second):
    path = tmp_path / "hands.gif"
    write_gif(path, [recording, recording], ["before", "after"], frames_per_second, size=64)
    with Image.open(path) as image:
        assert image.size == (128, 64 + 64 // 9)
        assert image.n_frames == 24
        total = 0
        for index in range(image.n_frames):
            image.seek(index)
            total += image.info["duration"]
    assert abs(total / 1000 - 24 / frames_per_second) <= 0.005


def test_fast_gif_leaves_frames_out(tmp_path, recording):
    write_gif(tmp_path / "hands.gif", [recording], frames_per_second=120.0, size=32)
    with Image.open(tmp_path / "hands.gif") as image:
        assert image.n_frames == 8


def test_mp4(tmp_path, recording):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    path = tmp_path / "hands.mp4"
    write_mp4(path, [recording, recording], ["before", "after"], size=65)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec.name == "vp9"
        assert stream.average_rate == 30
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == 24
    expected = np.asarray(
        draw_panels([recording.landmarks[9]] * 2, ["before", "after"], 66, view_box(recording.landmarks))
    )
    assert np.abs(pictures[9].astype(int) - expected[: len(pictures[9])]).mean() < 8


def test_mp4_without_pyav_says_what_to_install(tmp_path, recording, monkeypatch):
    real = builtins.__import__

    def without_av(name, *rest):
        if name == "av":
            raise ImportError
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(ValueError, match=r"pip install signtok\[video\]"):
        write_mp4(tmp_path / "hands.mp4", [recording])


@pytest.mark.parametrize("write", [write_gif, write_mp4])
def test_an_error_in_the_middle_leaves_nothing(tmp_path, recording, monkeypatch, write):
    calls = iter(range(99))

    def draw(frames, captions, size, box):
        if next(calls) == 10:
            raise RuntimeError("disk gone")
        return draw_panels(frames, captions, size, box)

    monkeypatch.setattr(film, "draw_panels", draw)
    with pytest.raises(RuntimeError, match="disk gone"):
        write(tmp_path / "hands.out", [recording], size=32)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_gif, write_mp4])
def test_bad_calls(tmp_path, recording, write):
    with pytest.raises(ValueError, match=r"one length, at least one frame; got \[24, 23\]"):
        write(tmp_path / "x", [recording, recording.frames(np.arange(23))])
    with pytest.raises(ValueError, match="1 recordings but 2 captions"):
        write(tmp_path / "x", [recording], ["before", "after"])
    with pytest.raises(ValueError, match="at least one"):
        write(tmp_path / "x", [])
