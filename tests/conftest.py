"""One thread, and hands that need no data set."""

import logging
import os
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch

from signtok.cli import main

torch.set_num_threads(1)


def make_hand_motion(frames: int, seed: int = 0, fingers: float = 0.6) -> np.ndarray:
    """float32 (T, 21, 2): a hand whose five fingers bend smoothly, in picture coordinates. Not a real sign."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, 5)
    speed = rng.uniform(0.05, 0.25, 5)
    time = np.arange(frames)[:, None]
    bend = fingers * (0.5 + 0.5 * np.sin(phase + speed * time))  # (T, 5)
    base = np.deg2rad([-60, -25, -5, 15, 35])
    hand = np.zeros((frames, 21, 2))
    for finger in range(5):
        point = 0.09 * np.array([np.sin(base[finger]), -np.cos(base[finger])]) * np.ones((frames, 1))
        hand[:, 1 + 4 * finger] = point
        angle = np.full(frames, base[finger])
        for joint in range(3):
            angle = angle + bend[:, finger]
            point = point + 0.035 * np.stack([np.sin(angle), -np.cos(angle)], -1)
            hand[:, 2 + 4 * finger + joint] = point
    centre = 0.5 + 0.05 * np.stack([np.sin(0.03 * time[:, 0]), np.cos(0.02 * time[:, 0])], -1)
    return (hand + centre[:, None]).astype(np.float32)


@pytest.fixture
def hand_motion():
    return make_hand_motion


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys, monkeypatch):
    """`main` as a shell would see it: what it prints, warnings included, and how it ends."""

    def call(*arguments) -> Ended:
        monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own would keep warnings off stderr
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code or 0
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return call
