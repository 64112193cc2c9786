"""A generated signer spells a text: poses, the movement between them, and what the camera sees of it.

Between poses joints, wrist and hand move with minimum jerk (Flash and Hogan 1985); each finger and the wrist leave a
little earlier or later than the others, and a letter leans towards its neighbours the more, the faster the signer is.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from signtok.data.compose import rest_to_rest
from signtok.data.gestures import J_END, gesture, pointing
from signtok.data.hand_model import axis_angle, clamp, joints, multiply, pinhole, rotation, to_tensor
from signtok.data.signers import GeneratedSigner

FINGERS = np.repeat(np.arange(5), (5, 4, 4, 4, 4))
"""To which finger each of the 21 angles belongs."""
PAUSE = 0.03
"""Chance that the hand rests for another 4 to 15 frames on a letter."""
MOVERS = 7
"""What starts on its own: five fingers, the wrist, the whole hand."""


@dataclass(frozen=True, eq=False)
class Poses:
    """K poses of a text. angles (K, 21), turns (K, 4), places (K, 2) in palm lengths, y down; hold and move (K,):
    frames for which each is held, and frames of the movement that leads to it; bounce (K,): palm lengths by which the
    hand is lifted on that way."""

    angles: Float[np.ndarray, "k 21"]
    turns: Float[np.ndarray, "k 4"]
    places: Float[np.ndarray, "k 2"]
    hold: Float[np.ndarray, " k"]
    move: Float[np.ndarray, " k"]
    bounce: Float[np.ndarray, " k"]


def poses_of(text: str, signer: GeneratedSigner, rng: np.random.Generator) -> tuple[Poses, np.ndarray]:
    """The poses of a text, and for each character the index of its last one.

    Raises ValueError for a character that the signer has no handshape for, and for no text.
    """
    if not text:
        raise ValueError("nothing to spell; give at least one character")
    signs: list[_Sign] = []
    place = np.zeros(2)
    for index, character in enumerate(text):
        doubled = index > 0 and text[index - 1] == character
        slides = doubled and rng.uniform() < signer.slides
        aside = np.array([rng.uniform(0.5, 1.2), 0])
        place = place + aside if slides else 0.9 * place + rng.normal(0, 0.1, 2)
        sign = _signed(character, signer, rng)
        if doubled and len(sign.path) == 1:
            sign = replace(signs[-1], path=signs[-1].path - signs[-1].path)
        lift = rng.uniform(0.3, 0.8) if doubled and not slides else 0.0
        signs.append(replace(sign, path=sign.path + place, bounce=lift))
    count = np.array([len(sign.path) for sign in signs])
    angles, turns, wrist, path = (
        np.concatenate([getattr(sign, name) for sign in signs]) for name in ("angles", "turns", "wrist", "path")
    )
    frames = signer.frames_a_letter * np.exp(rng.normal(0, 0.25, len(text))) * (1 + 0.25 * (count - 1))
    frames += (rng.uniform(size=len(text)) < PAUSE) * rng.uniform(4, 15, len(text))
    each = np.repeat(frames / count, count)
    held = np.repeat(np.where(count > 1, 0.2, signer.held), count)
    bounce = np.zeros(len(path))
    last = np.cumsum(count) - 1
    bounce[last - count + 1] = [sign.bounce for sign in signs]
    turns = multiply(axis_angle(to_tensor(wrist)), to_tensor(turns)).numpy()
    return Poses(angles, turns, path, held * each, (1 - held) * each, bounce), last


@dataclass(frozen=True, eq=False)
class _Sign:
    """One character, this time: angles (k, 21), turns (k, 4), wrist (k, 3), a rotation vector that comes on top, and
    path (k, 2)."""

    angles: np.ndarray
    turns: np.ndarray
    wrist: np.ndarray
    path: np.ndarray
    bounce: float = 0.0


def _signed(character: str, signer: GeneratedSigner, rng: np.random.Generator) -> _Sign:
    form = gesture(character)
    shape = next((c for c in form.shape if c in signer.characters), None)
    if shape is None:
        raise ValueError(f"no handshape for {character!r}; there are {''.join(sorted(signer.characters))!r}")
    row = signer.characters.index(shape)
    wobble = signer.wobble[row] @ rng.standard_normal(24)
    path = np.asarray(form.path)
    wrist = wobble[None, 21:].repeat(len(path), 0)
    if len(path) > 1:
        path = path * rng.uniform(0.7, 1.3, 2)
    if form.points:
        wrist = wrist + pointing(path)
    angles = (signer.angles[row] + wobble[:21])[None].repeat(len(path), 0)
    turns = _swung(row, signer, rng) if form.swings else signer.turns[row][None].repeat(len(path), 0)
    return _Sign(angles, turns, wrist, path)


def _swung(row: int, signer: GeneratedSigner, rng: np.random.Generator) -> np.ndarray:
    """Orientations of a J: from that of the I to the signer's own J, as the table has it, or to where J ends."""
    start = signer.turns[signer.characters.index("i")] if "i" in signer.characters else signer.turns[row]
    end = signer.turns[row] if rng.uniform() < 0.4 else np.asarray(J_END, np.float32)
    return blend(start, end, np.array([0, 0.1, 0.6, 1])[:, None] * rng.uniform(0.7, 1.0))


def blend(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Rotations on the shorter way from one to another (normalised linear interpolation of quaternions)."""
    end = np.where((start * end).sum(-1, keepdims=True) < 0, -end, end)
    mixed = start + share * (end - start)
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True).clip(1e-6)


def melted(poses: Poses, melt: float) -> Poses:
    """Each pose but the first and the last moved by `melt` towards the middle of its neighbours."""
    if len(poses.angles) < 3 or melt == 0:
        return poses
    angles = poses.angles.copy()
    angles[1:-1] += melt * (0.5 * (angles[:-2] + angles[2:]) - angles[1:-1])
    return replace(poses, angles=angles)


@dataclass(frozen=True, eq=False)
class Movement:
    """T frames at 30 frames/s: angles (T, 21), turns (T, 4), places (T, 2)."""

    angles: Float[np.ndarray, "t 21"]
    turns: Float[np.ndarray, "t 4"]
    places: Float[np.ndarray, "t 2"]


def moved(poses: Poses, rng: np.random.Generator) -> Movement:
    """The movement through the poses."""
    leave = np.cumsum(poses.hold + poses.move) - poses.move[0]  # (k,) when each pose is left, the first held from 0
    frames = max(1, int(np.ceil(leave[-1])))
    early = np.append(rng.normal(0, 0.12, MOVERS - 1), 0.0) * np.mean(poses.move)
    time = np.arange(frames)[:, None] + early  # (t, movers)
    at = np.minimum(np.searchsorted(leave, time, side="right"), len(leave) - 1)  # the pose that is held or moved to
    before = np.maximum(at - 1, 0)
    share = rest_to_rest(np.clip((time - leave[before]) / np.maximum(poses.move[at], 1e-6), 0, 1))
    share = np.where(at == 0, 1.0, share)
    finger_at, finger_before, finger_share = at[:, FINGERS], before[:, FINGERS], share[:, FINGERS]
    column = np.arange(21)
    start = poses.angles[finger_before, column]
    angles = start + finger_share * (poses.angles[finger_at, column] - start)
    turns = blend(poses.turns[before[:, 5]], poses.turns[at[:, 5]], share[:, 5, None])
    way = share[:, 6, None]
    places = poses.places[before[:, 6]] + way * (poses.places[at[:, 6]] - poses.places[before[:, 6]])
    places[:, 1] -= poses.bounce[at[:, 6]] * 4 * (way * (1 - way))[:, 0]
    return Movement(angles, turns, places)


def wandering(frames: int, channels: int, rng: np.random.Generator) -> Float[np.ndarray, "t c"]:
    """Smooth, of mean square 1: three slow sinusoids a channel, of periods from 2 to 15 seconds at 30 frames/s."""
    rate = rng.uniform(0.014, 0.1, (3, 1, channels))
    phase = rng.uniform(0, 2 * np.pi, (3, 1, channels))
    return np.sqrt(2 / 3) * np.sin(rate * np.arange(frames)[None, :, None] + phase).sum(0)


def performed(movement: Movement, signer: GeneratedSigner, rng: np.random.Generator) -> Float[torch.Tensor, "t 21 3"]:
    """The right hand before the camera, in palm lengths: x to the right, y up, z towards the camera, the wrist at 0."""
    frames = len(movement.angles)
    angles = movement.angles + rng.normal(0, signer.tremor, movement.angles.shape) + 0.04 * wandering(frames, 21, rng)
    sway = axis_angle(to_tensor(0.05 * wandering(frames, 3, rng)))
    turn = rotation(multiply(sway, to_tensor(movement.turns)))
    return joints(clamp(to_tensor(angles)), signer.bones) @ turn.mT


def filmed(movement: Movement, signer: GeneratedSigner, rng: np.random.Generator) -> Float[np.ndarray, "t 21 2"]:
    """What the signer's camera sees: a right hand in palm lengths, y down."""
    points = performed(movement, signer, rng)
    frames = len(points)
    seen = pinhole(points, torch.full((frames,), signer.distance)).numpy()
    seen = seen + (movement.places + signer.drift * wandering(frames, 2, rng))[:, None]
    return (seen * [signer.aspect**0.5, signer.aspect**-0.5]).astype(np.float32)


def spell_out(
    text: str, signer: GeneratedSigner, rng: np.random.Generator, max_frames: int | None = None
) -> tuple[str, Float[np.ndarray, "t 21 2"]]:
    """The hand of a spelled text, in palm lengths. Letters that would end after `max_frames` are left out, of the text
    too; at least one stays."""
    poses, last = poses_of(text, signer, rng)
    if max_frames is not None:
        ends = (np.cumsum(poses.hold + poses.move) - poses.move[0])[last]
        letters = max(1, int((ends <= max_frames).sum()))
        poses = Poses(*(getattr(poses, name)[: last[letters - 1] + 1] for name in vars(poses)))
        text = text[:letters]
    hand = filmed(moved(melted(poses, signer.melt), rng), signer, rng)
    return text, hand[:max_frames]
