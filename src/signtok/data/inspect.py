"""What a set of recordings holds, in numbers and in a picture, before anything is trained on it."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from signtok.atomic import atomic_path
from signtok.data.recording import HAND_POINTS, Recording
from signtok.draw import INK, PAPER, draw_hands, view_box

CELL, CAPTION = 120, 22
"""Pixels of a contact sheet: the side of a hand's square, the height of the line below."""


@dataclass(frozen=True)
class Inspection:
    """What `inspect` counts.

    length_*: frames a recording. frames_missing: share of all frames, the dropped ones included, without any hand.
    right, left, both: share of the recordings in which that hand dominates (is seen in more than twice as many frames
    as the other), or neither does. texts, signers, licences, sources: number of recordings each; texts where known.
    """

    recordings: int
    frames: int
    frames_dropped: int
    length_min: int
    length_median: float
    length_97: float
    length_max: int
    frames_missing: float
    right: float
    left: float
    both: float
    texts: dict[str, int]
    signers: dict[str, int]
    licences: dict[str, int]
    sources: dict[str, int]

    def __str__(self) -> str:
        rows = [
            ("recordings", f"{self.recordings:,}"),
            ("frames", f"{self.frames:,}, and {self.frames_dropped:,} without a hand left out"),
            (
                "length",
                f"{self.length_min} to {self.length_max}, median {self.length_median:g}, 97 % {self.length_97:g}",
            ),
            ("no hand in", f"{self.frames_missing:.1%} of the frames"),
            ("dominant hand", f"right {self.right:.1%}, left {self.left:.1%}, neither {self.both:.1%}"),
            ("texts", count_of(self.texts)),
            ("signers", count_of(self.signers)),
            ("licences", count_of(self.licences)),
            ("sources", count_of(self.sources)),
        ]
        return "\n".join(f"{name:<14} {value}" for name, value in rows)


def inspect(recordings: Iterable[Recording]) -> Inspection:
    """Count what the recordings hold; they are read one at a time. Raises ValueError when there are none."""
    lengths: list[int] = []
    dropped = missing = 0
    hands: Counter[str] = Counter()
    texts, signers, licences, sources = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for recording in recordings:
        lengths.append(len(recording))
        dropped += recording.frames_dropped
        missing += int((~recording.present.any(-1)).sum())
        hands[dominant_hand(recording)] += 1
        texts.update([] if recording.text is None else [recording.text])
        for counter, value in ((signers, recording.signer), (licences, recording.licence), (sources, recording.source)):
            counter.update([value] if value else [])
    if not lengths:
        raise ValueError("no recordings to inspect")
    low, median, high_97, high = np.percentile(lengths, [0, 50, 97, 100])
    return Inspection(
        recordings=len(lengths),
        frames=sum(lengths),
        frames_dropped=dropped,
        length_min=int(low),
        length_median=float(median),
        length_97=float(high_97),
        length_max=int(high),
        frames_missing=(missing + dropped) / (sum(lengths) + dropped),
        right=hands["right"] / len(lengths),
        left=hands["left"] / len(lengths),
        both=hands["both"] / len(lengths),
        texts=dict(texts),
        signers=dict(signers),
        licences=dict(licences),
        sources=dict(sources),
    )


def dominant_hand(recording: Recording) -> str:
    """ "right" or "left", if that hand is seen in more than twice as many frames as the other; else "both"."""
    left, right = recording.present.reshape(len(recording), 2, HAND_POINTS).any(-1).sum(0)
    if right > 2 * left:
        return "right"
    return "left" if left > 2 * right else "both"


def contact_sheet(recordings: Iterable[Recording], path: str | os.PathLike[str], columns: int = 10) -> None:
    """Write a picture with one hand skeleton for each label: the middle frame of the first recording that has it.

    A recording without a label stands under its name. The format is told by the path's suffix. Raises ValueError when
    there are no recordings.
    """
    firsts: dict[str, Recording] = {}
    for recording in recordings:
        firsts.setdefault(recording.label or recording.name, recording)
    if not firsts:
        raise ValueError(f"{path}: no recordings to draw")
    rows = -(-len(firsts) // columns)
    sheet = Image.new("RGB", (min(columns, len(firsts)) * CELL, rows * (CELL + CAPTION)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for place, (caption, recording) in enumerate(firsts.items()):
        left, top = place % columns * CELL, place // columns * (CELL + CAPTION)
        sheet.paste(_middle_hand(recording), (left, top))
        font = ImageFont.load_default(size=min(14, 1.7 * CELL / max(len(caption), 1)))
        pen.text((left + CELL / 2, top + CELL + CAPTION / 2), caption, fill=INK, font=font, anchor="mm")
    with atomic_path(path) as temporary:
        sheet.save(temporary)


def _middle_hand(recording: Recording) -> Image.Image:
    """The middle one of the frames that show as many hands as the recording ever does."""
    points = recording.present.sum(-1)
    frames = np.flatnonzero(points == points.max())
    landmarks = recording.landmarks[frames[len(frames) // 2]]
    return draw_hands(landmarks, CELL, view_box(landmarks))


def count_of(counts: Mapping[str, int], shown: int = 6) -> str:
    """ "3: a 20, b 10, c 1"; of many, the most frequent."""
    if not counts:
        return "unknown"
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:shown]
    listed = ", ".join(f"{value!r} {number:,}" for value, number in most)
    return f"{len(counts)}: {listed}{', ...' if len(counts) > shown else ''}"
