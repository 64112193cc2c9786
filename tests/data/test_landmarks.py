"""Readers of .npz, .npy and .pose files, and the one way in to all."""

import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from recordings import assert_same, collections, recordings

from signtok.data.corpus import pack
from signtok.data.hands import landmarks_of
from signtok.data.kaggle_writer import write_kaggle
from signtok.data.labels import take_name, take_number, text_of_label
from signtok.data.landmarks import open_recordings
from signtok.data.npz_file import read_array, read_npz, write_npz
from signtok.data.pose_file import read_pose, read_pose_folder, write_pose
from signtok.data.recording import Recording
from signtok.data.sources import PERMISSIVE, SOURCES, find_sources, read_source


@pytest.fixture
def hand(hand_motion):
    """(6, 21, 3), as MediaPipe gives it."""
    return np.concatenate([hand_motion(6), np.ones((6, 21, 1), np.float32)], axis=-1)


def test_labels():
    labels = ["A", "space", "nine", "ten", "del", "7", "é"]
    assert [text_of_label(label) for label in labels] == ["a", " ", "9", None, None, "7", None]
    assert take_number(take_name("A", 12)) == 12
    with pytest.raises(ValueError, match="'A' has no take number"):
        take_number("A")


def test_zero_is_not_a_position(hand):
    both = np.concatenate([hand, hand], axis=1)
    both[2, :21] = 0
    both[3, 25] = 0
    found = landmarks_of(both, "x")
    assert np.isnan(found[2, :21]).all()
    assert np.isfinite(found[2, 21:]).all()
    assert (found[3, 25] == 0).all(), "a single point may well lie in the corner"


def test_stills_are_put_in_video_order(tmp_path, hand):
    np.savez(tmp_path / "s.npz", hand=hand, label=["B", "A", "A", "space", "A", "del"], frame=[1, 9, 4, 2, 6, 3])
    found = {take.label: take for take in read_npz(tmp_path / "s.npz")}
    assert {label: take.text for label, take in found.items()} == {"A": "a", "B": "b", "space": " ", "del": None}
    assert found["A"].frame_numbers.tolist() == [4, 6, 9]
    np.testing.assert_array_equal(found["A"].landmarks[:, 21:], hand[[2, 4, 1], :, :2])
    assert np.isnan(found["A"].landmarks[:, :21]).all()


def test_signers_of_stills(tmp_path, hand):
    stills = {"hand": hand, "label": ["A"] * 6, "frame": [1, 250, 251, 500, 501, 900]}
    np.savez(tmp_path / "s.npz", **stills)
    assert [len(take) for take in read_npz(tmp_path / "s.npz")] == [6]
    assert [(t.signer, len(t)) for t in read_npz(tmp_path / "s.npz", (250, 500))] == [("1", 2), ("2", 2), ("3", 2)]
    np.savez(tmp_path / "s.npz", **stills, signer=["x", "y"] * 3)
    assert [(t.signer, t.frame_numbers[-1]) for t in read_npz(tmp_path / "s.npz")] == [("x", 501), ("y", 900)]


def test_named_pictures_have_nothing_to_do_with_each_other(tmp_path, hand):
    names = [f"hand{1 + i // 3}_a_{i}.jpeg" for i in range(6)]
    np.savez(tmp_path / "s.npz", hand=hand, label=["A"] * 6, frame=np.ones(6, int), filename=names)
    found = list(read_npz(tmp_path / "s.npz"))
    assert [take.signer for take in found] == ["hand1", "hand2"]
    assert found[0].frame_numbers.tolist() == [0, 1000, 2000]


@pytest.mark.parametrize("nothing", [0, np.nan])
def test_takes_drop_and_count_empty_frames(tmp_path, hand, nothing):
    takes = np.stack([hand, hand])
    takes[1, [0, 3]] = nothing
    np.savez(tmp_path / "t.npz", hand=takes, label=["A", "J"], take=[0, 25])
    first, second = read_npz(tmp_path / "t.npz")
    assert (first.name, take_number(second.name), second.text) == ("A/take0", 25, "j")
    assert (len(first), first.frames_dropped) == (6, 0)
    assert (second.frame_numbers.tolist(), second.frames_dropped) == ([1, 2, 4, 5], 2)
    kept = list(read_npz(tmp_path / "t.npz", drop_empty=False))[1]
    assert (len(kept), kept.frames_dropped, kept.present.any(-1).sum()) == (6, 0, 4)


def test_two_hands(tmp_path, hand):
    left = np.zeros_like(hand)
    left[4] = hand[0]
    np.savez(tmp_path / "v.npz", right_hand=hand, left_hand=left, offsets=[0, 2, 6], label=["one", "ten"], fps=29.97)
    one, ten = read_npz(tmp_path / "v.npz")
    assert (one.text, one.label, ten.text, ten.frames_per_second) == ("1", "one", None, 29.97)
    assert ten.present[:, :21].any(-1).tolist() == [False, False, True, False]
    np.testing.assert_array_equal(ten.landmarks[2, :21], hand[0, :, :2])


def test_asl_signs(tmp_path, hand, caplog):
    hands = np.concatenate([np.full_like(hand, np.nan), hand], axis=1)
    hands[4:] = np.nan
    signs = {"sign": ["hello", "thankyou"], "participant_id": [16069, 4], "sequence_id": [11, 12]}
    np.savez(tmp_path / "k.npz", hands=hands, offsets=[0, 4, 6], **signs)
    (only,) = read_npz(tmp_path / "k.npz")
    assert (only.name, only.signer, only.label, only.text) == ("11", "16069", "hello", None)
    assert "left out 1 recordings without any hand" in caplog.text


@settings(max_examples=40, deadline=None)
@given(takes=collections())
def test_npz_round_trip(tmp_path_factory, takes):
    path = tmp_path_factory.mktemp("npz") / "own.npz"
    write_npz(path, takes)
    for one, other in zip(takes, read_npz(path), strict=True):
        assert_same(one, other)


def test_bare_arrays(tmp_path, hand):
    np.save(tmp_path / "a.npy", hand)
    np.savez(tmp_path / "b.npz", landmarks=hand[..., :2], text="hi", frames_per_second=60)
    (first,), (second,) = read_array(tmp_path / "a.npy"), read_npz(tmp_path / "b.npz")
    assert (first.name, first.text, len(first)) == ("a", "a", 6)
    assert (second.text, second.frames_per_second) == ("hi", 60.0)
    np.testing.assert_array_equal(first.landmarks, second.landmarks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"landmarks": None, "points": np.ones(3)}, "unknown layout with keys offsets, points; known are landmarks"),
        ({"offsets": [0, 4]}, "offsets must be integers that rise from 0 to 6"),
        ({"offsets": [0, 5, 3, 6]}, "offsets must be integers"),
        ({"text": ["a", "b", "c"]}, "text has 3 entries; expected 1 or 2"),
        ({"frame_numbers": [1, 2]}, r"frame_numbers has shape \(2,\); expected 6 entries"),
        ({"landmarks": np.ones((6, 40, 2))}, r"recording 0: expected shape \(T, 42, 2\)"),
        ({"landmarks": np.full((6, 42, 2), 400.0)}, "divide pixels"),
        ({"text": np.array([None, "a"])}, "not a complete NumPy file of plain arrays"),
    ],
)
def test_faults_of_npz(tmp_path, hand, change, message):
    arrays = {"landmarks": hand, "offsets": [0, 2, 6], **change}
    np.savez(tmp_path / "x.npz", **{key: value for key, value in arrays.items() if value is not None})
    with pytest.raises(ValueError, match=message) as caught:
        list(read_npz(tmp_path / "x.npz"))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "x.npz") in str(caught.value)


def test_truncated_npz(tmp_path, hand):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, landmarks=np.random.default_rng(0).random((200, 42, 2)))
    whole = path.read_bytes()
    for share in (0, 0.3, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ValueError, match=r"not a complete NumPy file.*copy it again"):
            list(read_npz(path))
    with pytest.raises(ValueError, match="no such file"):
        list(read_npz(tmp_path / "y.npz"))


@settings(max_examples=40, deadline=None)
@given(take=recordings())
def test_pose_round_trip(tmp_path_factory, take):
    path = tmp_path_factory.mktemp("pose") / "x.pose"
    write_pose(path, take)
    (back,) = read_pose(path)
    assert_same(take, back, "text", "name", "signer", "label", "source", "licence", "frames_dropped", "frame_numbers")
    np.testing.assert_array_equal(back.frame_numbers, take.frame_numbers - take.frame_numbers[0])
    assert back.frames_dropped == sum(after - before - 1 for before, after in pairwise(take.frame_numbers))


def test_pose_of_another_size_and_with_other_components(tmp_path, hand):
    """As MediaPipe Holistic gives it: pixels, three coordinates, confidence 0 where nothing was found."""
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import VERSION, PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    parts = (("POSE_LANDMARKS", 33), ("LEFT_HAND_LANDMARKS", 21), ("RIGHT_HAND_LANDMARKS", 21))
    components = [PoseHeaderComponent(n, [str(i) for i in range(k)], [], [], "XYZC") for n, k in parts]
    data = np.ones((6, 1, 75, 3), np.float32)
    data[:, 0, 54:, :2] = hand[..., :2] * (640, 480)
    confidence = np.ones((6, 1, 75), np.float32)
    confidence[:, 0, 33:54] = 0
    pose = Pose(PoseHeader(VERSION, PoseHeaderDimensions(640, 480), components), NumPyPoseBody(25, data, confidence))
    with open(tmp_path / "real.pose", "wb") as file:
        pose.write(file)
    (found,) = read_pose(tmp_path / "real.pose", label="J")
    np.testing.assert_allclose(found.landmarks[:, 21:], hand[..., :2], atol=1e-6)
    assert not found.present[:, :21].any()
    assert (found.text, found.frames_per_second, found.name) == ("j", 25.0, "real")


def test_labels_of_a_pose_lexicon(tmp_path, hand):
    take = Recording(landmarks_of(hand, "x"), np.arange(6))
    for name in ("q1", "q2"):
        write_pose(tmp_path / "ase" / f"{name}.pose", take)
    (tmp_path / "index.csv").write_text("path,words\nase/q2.pose,B\n")
    assert [(take.label, take.text) for take in read_pose_folder(tmp_path / "ase")] == [("q1", None), ("B", "b")]


def test_faults_of_pose(tmp_path, hand, monkeypatch):
    path = tmp_path / "x.pose"
    take = Recording(landmarks_of(hand, "x"), np.arange(6))
    with pytest.raises(ValueError, match="frame_numbers must rise"):
        write_pose(path, Recording(take.landmarks, np.zeros(6, np.int64)))
    write_pose(path, take)
    whole = path.read_bytes()
    for share in (0, 0.1, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ValueError, match=r"not a complete \.pose file.*copy it again"):
            list(read_pose(path))
    path.write_bytes(whole.replace(b"LEFT_HAND_LANDMARKS", b"LEFT_FOOT_LANDMARKS"))
    with pytest.raises(ValueError, match=r"no component LEFT_HAND_LANDMARKS of 21 points; it has LEFT_FOOT"):
        list(read_pose(path))
    monkeypatch.setitem(sys.modules, "pose_format", None)
    with pytest.raises(ValueError, match=r"pip install signtok\[pose\]"):
        list(read_pose(path))


def test_one_way_in(tmp_path, hand):
    takes = [Recording(landmarks_of(hand, "x"), np.arange(6), name="4", signer="2", text="a")]
    write_npz(tmp_path / "x.npz", takes)
    np.save(tmp_path / "x.npy", hand)
    write_pose(tmp_path / "poses" / "x.pose", takes[0])
    write_kaggle(tmp_path / "kaggle", takes)
    pack(takes, tmp_path / "corpus")
    for name in ("x.npz", "x.npy", "poses/x.pose", "poses", "kaggle", "kaggle/train_landmarks/0.parquet", "corpus"):
        (found,) = open_recordings(tmp_path / name)
        np.testing.assert_array_equal(found.landmarks, takes[0].landmarks)


@pytest.mark.parametrize("name", ["nothing.npz", "notes.txt", "folder"])
def test_what_cannot_be_opened(tmp_path, name):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"give \.npz, \.npy, \.pose, a \.parquet file"):
        open_recordings(tmp_path / name)


def test_sources(tmp_path, hand):
    np.savez(tmp_path / "letters_foursigner.npz", hand=hand, label=["A"] * 6, frame=[1, 2, 300, 600, 700, 900])
    np.savez(tmp_path / "letters_photos.npz", hand=hand, label=["A"] * 6, frame=range(6))
    found = find_sources(tmp_path)
    assert list(found) == ["letters_photos", "letters_foursigner"]
    takes = list(read_source(found["letters_foursigner"]))
    assert [(t.signer, len(t), t.source, t.licence) for t in takes][2] == ("3", 2, "letters_foursigner", "not stated")
    assert list(find_sources(tmp_path, without=["letters_photos"])) == ["letters_foursigner"]
    assert set(PERMISSIVE) < set(SOURCES)
    with pytest.raises(ValueError, match=r"unknown source 'letters'; the known ones are: letters_photos"):
        find_sources(tmp_path, ["letters"])
    with pytest.raises(ValueError, match=r"no letters_webcam\.npz"):
        find_sources(tmp_path, ["letters_webcam", "letters_photos"])
    with pytest.raises(ValueError, match=r"none of letters_photos\.npz"):
        find_sources(tmp_path / "elsewhere")
