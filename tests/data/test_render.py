"""Rendered hands: spheres look like spheres, what is in front hides what is behind, a seed is a picture."""

import numpy as np
import pytest
import torch

from signtok.data.handshapes import packaged_handshapes
from signtok.data.render import CAPSULES, CLASSES, NOWHERE, RADII, Scene, pictures, render, surface

TABLE = packaged_handshapes()


def ball(x=0.5, y=0.5, z=0.0, palm=1.0):
    """All joints in one place: the widest capsule is a sphere."""
    return Scene(torch.tensor([x, y, z]).expand(1, 22, 3), torch.tensor([palm]))


def test_a_sphere_by_hand():
    radius = float(RADII[:, 0].max())  # capsules of no length are as wide as they begin
    seen = surface(ball(), 64)
    axis = (torch.arange(64) + 0.5) / 64 - 0.5
    square = axis[:, None] ** 2 + axis[None] ** 2
    inside = square < (radius - 0.03) ** 2
    height = (radius**2 - square).clamp(min=0).sqrt()
    assert (seen.cover[0][inside] == 1).all()
    assert (seen.cover[0][square > (radius + 0.03) ** 2] == 0).all()
    torch.testing.assert_close(seen.height[0][inside], height[inside], atol=1e-5, rtol=0)
    expected = torch.stack([axis.expand(64, 64), axis[:, None].expand(64, 64), height], -1) / radius
    torch.testing.assert_close(seen.normal[0][inside], expected[inside], atol=1e-5, rtol=0)
    area = float(seen.cover.mean())
    assert area == pytest.approx(np.pi * radius**2, rel=0.02)  # the edge's pixels count for what is covered of them


def test_what_is_nearer_hides_what_is_behind():
    points = torch.full((1, 22, 3), -5.0)
    points[0, 8] = points[0, 7] = torch.tensor([0.5, 0.5, 0.4])  # the index's last bone, a ball before
    points[0, 20] = points[0, 19] = torch.tensor([0.5, 0.5, 0.0])  # the little finger's
    seen = surface(Scene(points, torch.tensor([1.0])), 33)
    bone = [tuple(pair) for pair in CAPSULES.tolist()].index((7, 8))
    assert seen.height[0, 16, 16] == pytest.approx(0.4 + float(RADII[bone].max()), abs=1e-3)


def test_nothing_is_nowhere():
    assert (surface(Scene(NOWHERE[None], torch.tensor([0.1])), 32).cover == 0).all()


def test_classes_are_those_of_the_asl_alphabet_set():
    assert len(CLASSES) == 29
    made = list(pictures(TABLE, 31, seed=0, size=32))
    assert [name for name, _ in made] == [*CLASSES, "A", "B"]
    assert all(picture.shape == (32, 32, 3) and picture.dtype == np.uint8 for _, picture in made)


def test_the_same_seed_is_the_same_picture():
    one, again, other = (list(pictures(TABLE, 3, seed, 40)) for seed in (1, 1, 2))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(one, again, strict=True))
    assert not any(np.array_equal(a[1], b[1]) for a, b in zip(one, other, strict=True))


def test_hands_are_in_the_picture():
    """A hand differs from the room behind it: the middle of hand pictures varies more than that of empty rooms."""
    rng = np.random.default_rng(0)
    hands = render(TABLE, ["B"] * 16, 64, rng)[:, 16:48, 16:48].astype(float)
    rooms = render(TABLE, ["nothing"] * 16, 64, rng)[:, 16:48, 16:48].astype(float)
    edges = [np.abs(np.diff(x, axis=2)).mean() for x in (hands, rooms)]
    assert edges[0] > edges[1]


@pytest.mark.parametrize("size", [31, 513])
def test_sizes_have_limits(size):
    with pytest.raises(ValueError, match="32 to 512"):
        render(TABLE, ["A"], size, np.random.default_rng(0))


def test_an_unknown_class_is_told_the_known_ones():
    with pytest.raises(ValueError, match="nothing, space"):
        render(TABLE, ["a"], 64, np.random.default_rng(0))
