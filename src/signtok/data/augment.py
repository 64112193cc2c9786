"""Other signers, other cameras, other places: geometric augmentation of a phrase, which its target follows.

Every function takes and gives a hand (T, 21, 2) in palm sizes with its middle near 0, and draws from `rng`.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from signtok.config import AugmentConfig
from signtok.data.compose import Phrase, join, place
from signtok.data.normalise import mirror
from signtok.data.recording import HAND_POINTS, Recording

Hand = Float[np.ndarray, "t 21 2"]
FINGER_JOINTS = np.arange(1, 21).reshape(5, 4)


def other_anatomy(hand: Hand, config: AugmentConfig, rng: np.random.Generator) -> Hand:
    """Another signer's bones and habits: each bone longer or shorter, each finger turned a little about its knuckle."""
    joints = hand[:, FINGER_JOINTS]  # (T,5,4,2)
    origin = np.broadcast_to(hand[:, None, None, 0], joints[:, :, :1].shape)
    bones = np.diff(joints, axis=2, prepend=origin)
    length = np.exp(config.bone * (rng.standard_normal((5, 1)) + 0.5 * rng.standard_normal((5, 4))))
    turn = np.deg2rad(config.finger_degrees) * rng.standard_normal((5, 1)) * np.array([0.3, 1, 1, 1])
    cos, sin = length * np.cos(turn), length * np.sin(turn)
    turned = np.stack([cos * bones[..., 0] - sin * bones[..., 1], sin * bones[..., 0] + cos * bones[..., 1]], -1)
    out = hand.copy()
    out[:, FINGER_JOINTS] = origin + turned.cumsum(axis=2)
    return out.astype(np.float32)


def other_camera(hand: Hand, config: AugmentConfig, rng: np.random.Generator) -> Hand:
    """Rotation in the picture, tilt out of it (a homography of the hand's plane), another aspect of the pixels."""
    turn, pitch, yaw = (
        np.deg2rad([config.rotate_degrees, config.tilt_degrees, config.tilt_degrees])
        * np.clip(rng.standard_normal(3), -2, 2)
        * np.array([1, 0.5, 0.5])
    )
    cos, sin = np.cos(turn), np.sin(turn)
    x = cos * hand[..., 0] - sin * hand[..., 1]
    y = sin * hand[..., 0] + cos * hand[..., 1]
    depth = 1 + (x * np.sin(yaw) + y * np.sin(pitch)) / rng.uniform(10, 40)
    aspect = np.exp(0.5 * config.aspect * rng.standard_normal())
    return np.stack([x * np.cos(yaw) / depth * aspect, y * np.cos(pitch) / depth / aspect], -1).astype(np.float32)


def jumping(hand: Hand, config: AugmentConfig, rng: np.random.Generator) -> Hand:
    """Pictures with a moment between them, or a slow tracker: from one frame to the next the hand is elsewhere, turned
    and nearer or farther, and nothing was spelled by that. In most phrases it never is."""
    if rng.uniform() >= config.jump:
        return hand
    often, far = rng.uniform(0.05, 1), rng.uniform(0, 1)
    place = np.cumsum(rng.uniform(size=len(hand)) < often)  # (T,) which of the places each frame is at
    draws = far * rng.standard_normal((place[-1] + 1, 4))[place, None]  # (T, 1, 4)
    middle = hand.mean(1, keepdims=True)
    turn, size = 0.15 * draws[..., 2], np.exp(0.12 * draws[..., 3])
    cos, sin = size * np.cos(turn), size * np.sin(turn)
    x, y = np.moveaxis(hand - middle, -1, 0)
    turned = np.stack([cos * x - sin * y, sin * x + cos * y], -1)
    return (turned + middle + 0.7 * draws[..., :2]).astype(np.float32)


def drift(frames: int, amount: float, rng: np.random.Generator) -> Float[np.ndarray, "t 1 2"]:
    """A smooth wandering of about `amount`: three slow sinusoids in x and y."""
    rate = rng.uniform(0.01, 0.08, (3, 1, 2))
    phase = rng.uniform(0, 2 * np.pi, (3, 1, 2))
    wave = np.sin(rate * np.arange(frames)[None, :, None] + phase) * rng.normal(0, 1, (3, 1, 2))
    return (amount * wave.mean(0)[:, None]).astype(np.float32)


def other_tracker(hand: Hand, config: AugmentConfig, rng: np.random.Generator) -> Hand:
    """Some trackers smooth over time: an exponential average with a random memory, in half of the phrases none."""
    memory = config.smooth * max(0.0, rng.uniform(-1, 1))
    if memory == 0:
        return hand
    out = hand.copy()
    for t in range(1, len(hand)):
        out[t] += memory * (out[t - 1] - out[t])
    return out


def raised_and_lowered(phrase: Phrase, config: AugmentConfig, rng: np.random.Generator) -> Phrase:
    """Recordings begin and end with a hand that comes up and goes down again, in no particular shape."""
    parts = [phrase.hand]
    for end in (0, -1):
        if rng.uniform() < config.rise:
            low = any_shape(phrase, rng) * 0.9 + np.array([rng.normal(0, 2), rng.uniform(2, 9)], np.float32)
            path = join(low, phrase.hand[end], int(rng.integers(3, 12)))
            parts = [path, *parts] if end == 0 else [*parts, path[::-1]]
    return replace(phrase, hand=np.concatenate(parts))


def any_shape(phrase: Phrase, rng: np.random.Generator) -> Float[np.ndarray, "21 2"]:
    """The hand in a frame of the phrase, its middle at 0."""
    frame = phrase.hand[rng.integers(len(phrase.hand))]
    return frame - frame.mean(0)


def augment(phrase: Phrase, config: AugmentConfig, rng: np.random.Generator) -> Phrase:
    """Another signer before another camera signs the same."""
    hand = raised_and_lowered(phrase, config, rng).hand
    hand = other_anatomy(hand, config, rng)
    hand = other_camera(hand, config, rng)
    hand = other_tracker(hand, config, rng)
    hand = jumping(hand, config, rng)  # not smoothed: what takes some frames is a slide, which doubles a letter
    hand = hand * (1 + drift(len(hand), config.drift / 3, rng)[..., :1]) + drift(len(hand), 3 * config.drift, rng)
    return replace(phrase, hand=hand)


def with_other_hand(recording: Recording, phrase: Phrase, rng: np.random.Generator) -> Recording:
    """An idle left hand beside the one that signs the phrase: it holds one shape, or moves slowly to another."""
    first, second = any_shape(phrase, rng), any_shape(phrase, rng)
    frames = len(recording)
    idle = join(first, second if rng.uniform() < 0.5 else first, frames) + drift(frames, 0.5, rng)
    idle = mirror(np.concatenate([np.full_like(idle, np.nan), idle * 0.07 + 0.5], 1))[:, :HAND_POINTS]
    landmarks = recording.landmarks.copy()
    landmarks[:, :HAND_POINTS] = idle + rng.normal([0.35, 0.1], 0.1)
    start, stop = sorted(rng.integers(0, frames + 1, 2)) if rng.uniform() < 0.5 else (0, frames)
    landmarks[:start, :HAND_POINTS] = np.nan
    landmarks[stop:, :HAND_POINTS] = np.nan
    return _with(recording, landmarks)


def with_gaps(recording: Recording, rng: np.random.Generator) -> Recording:
    """Runs of one to six frames in which no hand was found, never the whole recording."""
    landmarks = recording.landmarks.copy()
    for _ in range(1 + len(landmarks) // 60):
        start = int(rng.integers(1, max(len(landmarks), 2)))
        landmarks[start : start + int(rng.integers(1, 7))] = np.nan
    return _with(recording, landmarks)


def _with(recording: Recording, landmarks: np.ndarray) -> Recording:
    return Recording(**{**vars(recording), "landmarks": landmarks.astype(np.float32)})


def augmented_recording(phrase: Phrase, config: AugmentConfig, rng: np.random.Generator) -> Recording:
    """What training sees: the phrase by another signer, sometimes with a second hand or with gaps."""
    recording = place(augment(phrase, config, rng))
    if rng.uniform() < config.other_hand:
        recording = with_other_hand(recording, phrase, rng)
    if rng.uniform() < config.gap:
        recording = with_gaps(recording, rng)
    return recording
