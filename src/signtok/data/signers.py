"""Generated signers: bones, habits, tempo and camera of a person who never lived."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from signtok.data.hand_model import Bones, axis_angle, clamp, multiply, to_tensor
from signtok.data.handshapes import Handshapes

LEFT_HANDED = 0.1
ASPECTS = (1.0, 3 / 4, 9 / 16, 4 / 3, 16 / 9)
"""Height by width of the pictures that cameras take; coordinates are shares of either, so hands are stretched by it."""
ASPECT_CHANCES = (0.35, 0.35, 0.1, 0.1, 0.1)
ALIKE = 0.7
"""Chance that a letter is held as the same signer of the table does, whose bones these are, and not as any other."""
FRAMES_A_LETTER = 7.0
"""At 30 frames/s, of an ordinary signer; 97 % of the phrases then end before frame 262 (paper 002)."""


@dataclass(frozen=True, eq=False)
class GeneratedSigner:
    """One person before one camera.

    characters: what this signer can spell; angles (C, 21), turns (C, 4): how, one row each; wobble (C, 24, 24): factors
        of the covariance of (angles, rotation vector) from one time to the next.
    frames_a_letter: tempo; held: share of it in which the hand rests; melt: how far letters lean towards their
        neighbours, 0 to 1; slides: chance that a doubled letter slides, and does not bounce.
    distance: of the camera, in palm lengths; aspect: see ASPECTS; drift: of the hand, in palm lengths; tremor: of the
        joints in radians.
    """

    name: str
    characters: tuple[str, ...]
    angles: Float[np.ndarray, "c 21"]
    turns: Float[np.ndarray, "c 4"]
    wobble: Float[np.ndarray, "c 24 24"]
    bones: Bones
    left_handed: bool
    frames_a_letter: float
    held: float
    melt: float
    slides: float
    distance: float
    aspect: float
    drift: float
    tremor: float


def draw_signer(table: Handshapes, rng: np.random.Generator, name: str = "") -> GeneratedSigner:
    """A signer who holds each letter as somebody in the table does, give or take."""
    characters = table.characters
    signer = int(rng.integers(len(table.base)))
    chosen = table.choose(signer, ALIKE, rng)
    habit = np.einsum("cij,cj->ci", table.factor, rng.standard_normal((len(characters), 24)))
    habit[:, :21] += rng.normal(0, 0.05, 21)
    own = table.angles[chosen] + habit[:, :21]
    camera = rng.normal(0, 1, 3) * np.radians([10, 16, 8])
    wrist = habit[:, 21:] + rng.normal(0, 0.12, (len(characters), 3))
    turns = multiply(axis_angle(to_tensor(wrist)), to_tensor(table.turns[chosen]))
    turns = multiply(axis_angle(to_tensor(camera)), turns)
    return GeneratedSigner(
        name=name,
        characters=characters,
        angles=clamp(to_tensor(own)).numpy(),
        turns=turns.numpy(),
        wobble=0.4 * table.factor,
        bones=Bones(
            base=to_tensor(table.base[signer] + rng.normal(0, 0.02, (5, 3))),
            lengths=to_tensor(table.lengths[signer] * np.exp(rng.normal(0, 0.05, (5, 3)))),
            splay=to_tensor(table.splay[signer] + rng.normal(0, 0.05, 4)),
        ),
        left_handed=bool(rng.uniform() < LEFT_HANDED),
        frames_a_letter=float(FRAMES_A_LETTER * np.exp(rng.normal(0, 0.2))),
        held=float(rng.uniform(0.35, 0.7)),
        melt=float(rng.uniform(0, 0.25)),
        slides=float(rng.uniform()),
        distance=float(8 * np.exp(np.clip(rng.normal(0, 0.4), -0.8, 1.2))),
        aspect=float(rng.choice(ASPECTS, p=ASPECT_CHANCES) * np.exp(rng.normal(0, 0.05))),
        drift=float(abs(rng.normal(0, 0.25))),
        tremor=float(abs(rng.normal(0, 0.01))),
    )
