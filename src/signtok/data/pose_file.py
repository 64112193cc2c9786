"""Hands in .pose files (the pose-format package, an optional extra)."""

import csv
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float

from signtok.atomic import atomic_path
from signtok.data.hands import keep_seen, landmarks_of
from signtok.data.labels import text_of_label
from signtok.data.recording import HAND_POINTS, LANDMARKS, Recording

COMPONENTS = ("LEFT_HAND_LANDMARKS", "RIGHT_HAND_LANDMARKS")
POINTS = ["WRIST"] + [
    f"{finger}_{joint}"
    for finger, joints in (
        ("THUMB", ("CMC", "MCP", "IP", "TIP")),
        *((name, ("MCP", "PIP", "DIP", "TIP")) for name in ("INDEX_FINGER", "MIDDLE_FINGER", "RING_FINGER", "PINKY")),
    )
    for joint in joints
]
BONES = [(0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1) for finger in range(5) for joint in range(4)]
SIDE = 1024
"""Width and height written to the header: a power of two, so that float32 coordinates come back exactly."""


def read_pose(path: str | os.PathLike[str], label: str | None = None, drop_empty: bool = True) -> Iterator[Recording]:
    """The one recording of a .pose file: both hands of the first person, in picture coordinates.

    Points that are masked or of confidence 0 were not seen. The label is the file's name where none is given.
    drop_empty: leave out frames without any hand; they are counted in `frames_dropped`.
    Raises ValueError for a damaged file, one without hands, and where pose-format is not installed.
    """
    path = Path(path)
    pose = _parse(path)
    size = pose.header.dimensions
    if not (size.width and size.height):
        raise ValueError(f"{path}: the header gives no picture size; coordinates cannot be told in parts of it")
    points = np.concatenate([_hand(pose, name, path) for name in COMPONENTS], axis=1)
    landmarks = landmarks_of(points / np.array([size.width, size.height], np.float32), str(path), zero_is_unseen=False)
    label = path.stem if label is None else label
    recording = Recording(
        landmarks=landmarks,
        frame_numbers=np.arange(len(landmarks)),
        frames_per_second=float(pose.body.fps),
        name=path.stem,
        text=text_of_label(label),
        label=label,
    )
    yield from keep_seen([recording], str(path), drop_empty)


def read_pose_folder(folder: str | os.PathLike[str], drop_empty: bool = True) -> Iterator[Recording]:
    """The recordings of all .pose files of a folder, by name.

    An index.csv in the folder or beside it, with columns path (relative to itself) and words, gives their labels: the
    lexicon layout of the spoken-to-signed package.
    """
    folder = Path(folder)
    labels = _lexicon(folder)
    for path in sorted(folder.glob("*.pose")):
        yield from read_pose(path, labels.get(path.resolve()), drop_empty)


def write_pose(path: str | os.PathLike[str], recording: Recording) -> None:
    """Write a recording as a .pose file with two components of 21 points, atomically; `read_pose` gives it back.

    Frames that are missing between two frame numbers are written as frames without hands, so that time stays right.
    Of the rest only the rate is kept: the format has no place for text. Raises ValueError for numbers that do not rise.
    """
    steps = recording.frame_numbers - recording.frame_numbers[0]
    if (np.diff(steps) <= 0).any():
        raise ValueError(f"{recording.name or path}: frame_numbers must rise from frame to frame")
    landmarks = np.full((int(steps[-1]) + 1, 1, LANDMARKS, 2), np.nan, np.float32)
    landmarks[steps, 0] = recording.landmarks * SIDE
    confidence = np.isfinite(landmarks).all(-1).astype(np.float32)
    body = _pose_format(path, "pose_format.numpy").NumPyPoseBody(
        recording.frames_per_second, np.nan_to_num(landmarks, nan=0.0), confidence
    )
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        _pose_format(path).Pose(_header(path), body).write(file)


def _header(what: object) -> Any:
    header = _pose_format(what, "pose_format.pose_header")
    colours = [(0, 0, 0)] * len(BONES)
    components = [header.PoseHeaderComponent(name, POINTS, BONES, colours, "XYC") for name in COMPONENTS]
    return header.PoseHeader(header.VERSION, header.PoseHeaderDimensions(SIDE, SIDE), components)


def _parse(path: Path) -> Any:
    module = _pose_format(path)
    try:
        return module.Pose.read(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except Exception as error:  # pose-format has no exceptions of its own: a damaged file may raise anything
        raise ValueError(f"{path} is not a complete .pose file ({error}): copy it again") from error


def _hand(pose: Any, component: str, path: Path) -> Float[np.ndarray, "t 21 2"]:
    """The first person's points of one component, in pixels, NaN where not seen."""
    start = 0
    for found in pose.header.components:
        if found.name == component and len(found.points) == HAND_POINTS:
            break
        start += len(found.points)
    else:
        names = ", ".join(f"{found.name} ({len(found.points)} points)" for found in pose.header.components)
        raise ValueError(f"{path}: no component {component} of {HAND_POINTS} points; it has {names}")
    part = slice(start, start + HAND_POINTS)
    # pose-format masks what has confidence 0.
    return np.ma.filled(pose.body.data[:, 0, part, :2].astype(np.float32), np.nan)


def _lexicon(folder: Path) -> dict[Path, str]:
    """The label of each file that an index.csv in the folder or beside it lists."""
    for base in (folder, folder.resolve().parent):
        index = base / "index.csv"
        if index.exists():
            with open(index, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            return {(base / row["path"]).resolve(): row["words"] for row in rows if {"path", "words"} <= row.keys()}
    return {}


def _pose_format(what: object, module: str = "pose_format") -> ModuleType:
    """A module of pose-format, imported when it is first needed: the package is an optional extra."""
    try:
        return import_module(module)
    except ImportError:
        raise ValueError(f"{what}: .pose files need the package pose-format: pip install signtok[pose]") from None
