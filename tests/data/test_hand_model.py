"""The kinematic hand: bones keep their lengths, angles come back from points, cameras see what they should."""

import math

import torch
from torch.testing import assert_close

from signtok.data.hand_model import (
    ANGLES,
    AVERAGE,
    LIMITS,
    Bones,
    axis_angle,
    clamp,
    inverse,
    joints,
    multiply,
    project,
    rotation,
    rotation_vector,
)

HAND = Bones(AVERAGE.base.double(), AVERAGE.lengths.double(), AVERAGE.splay.double())


def random_angles(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    low, high = LIMITS.double().unbind(1)
    return low + (high - low) * torch.rand(n, 21, generator=generator, dtype=torch.float64)


def random_turns(n, seed=0):
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_bones_keep_their_lengths_and_the_palm_its_shape():
    points = joints(random_angles(50), HAND)
    assert (points[:, 0] == 0).all()
    chains = points[:, 1:].unflatten(1, (5, 4))
    assert_close(chains[:, :, 0], HAND.base.expand(50, 5, 3))
    assert_close(chains.diff(dim=2).norm(dim=-1), HAND.lengths.expand(50, 5, 3))


def test_angles_come_back_from_the_points():
    """Forward kinematics inverted by hand, finger by finger and for the thumb."""
    angles = random_angles(200)
    bones = joints(angles, HAND)[:, 1:].unflatten(1, (5, 4)).diff(dim=2)  # (n,5,3,3)
    fingers = bones[:, 1:]
    bend = torch.atan2(fingers[..., 2], _along(fingers, angles[:, 5::4] + HAND.splay))
    expected = angles[:, 5:].unflatten(1, (4, 4))[..., 1:].cumsum(-1)
    assert_close(torch.cos(bend - expected), torch.ones_like(bend))
    thumb = bones[:, 0] / bones[:, 0].norm(dim=-1, keepdim=True)
    assert_close(torch.atan2(thumb[:, 0, 0], thumb[:, 0, 1]).cos(), angles[:, 0].cos())
    assert_close(thumb[:, 0, 2].asin().sin(), angles[:, 1].sin())
    assert_close((thumb[:, 0] * thumb[:, 1]).sum(-1), angles[:, 3].cos())
    assert_close((thumb[:, 1] * thumb[:, 2]).sum(-1), angles[:, 4].cos())


def _along(fingers, turn):
    flat = torch.stack([turn.sin(), turn.cos()], -1)[:, :, None]
    return (fingers[..., :2] * flat).sum(-1)


def test_an_open_hand_by_hand():
    """All angles zero: straight fingers in the plane of the palm, the thumb's tip at its length above its base."""
    points = joints(torch.zeros(1, 21, dtype=torch.float64), HAND)[0]
    assert_close(points[12], torch.tensor([0.0, 1 + 0.50 + 0.31 + 0.25, 0.0]).double())
    assert_close(points[4], torch.tensor([0.30, 0.25 + 0.42 + 0.36 + 0.30, 0.10]).double())
    assert points[8, 0] > points[20, 0]  # index finger on the thumb's side
    fist = torch.zeros(1, 21, dtype=torch.float64)
    fist[:, [6, 7, 8]] = math.pi / 2
    bent = joints(fist, HAND)[0]
    knuckle, length = HAND.base[1], HAND.lengths[1]
    splay = torch.stack([HAND.splay[0].sin(), HAND.splay[0].cos()])
    assert_close(bent[6] - knuckle, torch.tensor([0.0, 0.0, float(length[0])]).double())
    assert_close(bent[7, :2] - bent[6, :2], -length[1] * splay)
    assert_close(bent[8, 2] - bent[7, 2], -length[2])


def test_two_signers_at_once():
    n = 6
    both = Bones(
        *(torch.stack([x, 1.3 * x]).repeat_interleave(3, 0) for x in (HAND.base, HAND.lengths)),
        splay=HAND.splay.repeat(n, 1),
    )
    angles = random_angles(3).repeat(2, 1)
    points = joints(angles, both)
    assert_close(points[3:], 1.3 * points[:3])


def test_clamp_holds_the_limits():
    wild = 10 * torch.randn(100, 21, generator=torch.Generator().manual_seed(0))
    held = clamp(wild)
    assert (held >= LIMITS[:, 0]).all()
    assert (held <= LIMITS[:, 1]).all()
    inside = clamp(random_angles(100))
    assert_close(inside, random_angles(100), rtol=0, atol=1e-6)
    assert len(ANGLES) == 21


def test_rotations():
    quaternion = random_turns(100)
    turn = rotation(quaternion)
    assert_close(turn @ turn.mT, torch.eye(3).double().expand(100, 3, 3))
    assert_close(torch.linalg.det(turn), torch.ones(100).double())
    unit = quaternion / quaternion.norm(dim=-1, keepdim=True)
    assert_close(rotation(multiply(unit, unit.roll(1, 0))), turn @ turn.roll(1, 0))
    assert_close(rotation(inverse(unit)), turn.mT)
    vectors = rotation_vector(quaternion)
    assert (vectors.norm(dim=-1) <= math.pi + 1e-9).all()
    assert_close(rotation(axis_angle(vectors)), turn)
    tiny = 1e-9 * torch.randn(10, 3, dtype=torch.float64)
    assert_close(rotation_vector(axis_angle(tiny)), tiny)
    quarter = rotation(axis_angle(torch.tensor([0.0, 0.0, math.pi / 2]).double()))
    assert_close(quarter @ torch.tensor([1.0, 0.0, 0.0]).double(), torch.tensor([0.0, 1.0, 0.0]).double())


def test_a_camera_by_hand():
    points = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 2.0, 0.0], [1.0, 2.0, 2.0]]])
    far = project(points, torch.eye(3)[None], torch.tensor([1e9]))
    assert_close(far[0], torch.tensor([[0.0, 0.0], [1.0, -2.0], [1.0, -2.0]]))
    near = project(points, torch.eye(3)[None], torch.tensor([4.0]))
    assert_close(near[0, 2], torch.tensor([2.0, -4.0]))  # half as far from the camera, twice as large
