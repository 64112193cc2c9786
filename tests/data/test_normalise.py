"""Into the coordinates that models see and back; the mirror; who is left-handed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import make_hand_motion
from signtok.data.normalise import Placement, denormalise, hand_motion, is_left_handed, mirror, normalise

kinds = st.sampled_from(["hand", "video"])
generators = st.integers(0, 2**32).map(np.random.default_rng)


@st.composite
def landmarks(draw):
    """One to eight frames anywhere, each hand there or not, single landmarks missing too."""
    rng, frames = draw(generators), draw(st.integers(1, 8))
    array = rng.uniform(-0.5, 1.5, (frames, 42, 2)).astype(np.float32)
    array[rng.uniform(size=(frames, 42)) < draw(st.sampled_from([0, 0.1, 0.9]))] = np.nan
    array[:, :21][rng.uniform(size=frames) < draw(st.sampled_from([0, 0.5, 1]))] = np.nan
    array[:, 21:][rng.uniform(size=frames) < draw(st.sampled_from([0, 0.5, 1]))] = np.nan
    if np.isnan(array).all():
        array[0, draw(st.integers(0, 41))] = rng.uniform(size=2)
    return array


def one_hand(frames=10, side="right", seed=0, fingers=0.6):
    array = np.full((frames, 42, 2), np.nan, np.float32)
    array[:, 21 * (side == "right") :][:, :21] = make_hand_motion(frames, seed, fingers)
    return array


def both_hands(left, right, frames=10):
    """Hands whose fingers bend by so much."""
    array = one_hand(frames, "right", fingers=right)
    array[:, :21] = mirror(one_hand(frames, "right", fingers=left))[:, :21]
    return array


@settings(max_examples=150, deadline=None)
@given(array=landmarks(), kind=kinds, dominant=st.booleans())
def test_denormalise_undoes_normalise(array, kind, dominant):
    before = array.copy()
    x, present, placement = normalise(array, kind, dominant)
    assert x.dtype == np.float32
    assert np.isfinite(x).all()
    assert (x[~present] == 0).all()
    assert present.any()
    np.testing.assert_allclose(denormalise(x, present, placement), before, rtol=0, atol=1e-6)  # NaN where NaN was
    np.testing.assert_array_equal(array, before)  # the caller's array is as it was


@given(array=landmarks())
@settings(max_examples=50, deadline=None)
def test_mirror_is_its_own_inverse(array):
    np.testing.assert_allclose(mirror(mirror(array)), array, rtol=0, atol=2e-7)
    pixels = np.round(array * 1024) / 1024
    np.testing.assert_array_equal(mirror(mirror(pixels)), pixels)


def test_mirror_by_hand():
    array = np.full((1, 42, 2), np.nan, np.float32)
    array[0, 0], array[0, 25] = (0.25, 0.5), (1.0, 0.125)
    seen = mirror(array)
    np.testing.assert_array_equal(seen[0, 21], [0.75, 0.5])
    np.testing.assert_array_equal(seen[0, 4], [0.0, 0.125])
    assert np.isfinite(seen).all(-1).sum() == 2


@pytest.mark.parametrize("kind", ["hand", "video"])
@pytest.mark.parametrize("array", [one_hand(), both_hands(left=0.05, right=0.6)], ids=["one hand", "two hands"])
def test_left_handed_signer_gives_the_same_coordinates(array, kind):
    x, present, placement = normalise(array, kind)
    y, seen, other = normalise(mirror(array), kind)
    assert not placement.mirrored
    assert other.mirrored
    np.testing.assert_array_equal(present, seen)
    np.testing.assert_allclose(x, y, rtol=0, atol=1e-4)
    np.testing.assert_allclose(denormalise(y, seen, other), mirror(array), rtol=0, atol=1e-6)
    assert not normalise(mirror(array), kind, dominant=False)[2].mirrored


def test_the_same_hand_on_either_side_is_told_apart():
    assert is_left_handed(one_hand(side="left"))
    assert not is_left_handed(one_hand(side="right"))


def test_of_two_hands_the_one_that_moves_signs():
    assert is_left_handed(both_hands(left=0.6, right=0.05))
    assert not is_left_handed(both_hands(left=0.05, right=0.6))


def test_the_hand_that_is_there_signs_even_if_the_other_one_moves_more():
    array = both_hands(left=0.05, right=0.6)
    array[:5, 21:] = np.nan
    assert is_left_handed(array)


def test_one_frame_of_both_hands_is_right_handed():
    assert hand_motion(one_hand(1)[:, 21:]) == 0
    assert not is_left_handed(both_hands(0.6, 0.6, frames=1))


@settings(max_examples=50, deadline=None)
@given(shift=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)), scale=st.floats(0.25, 2), seed=st.integers(0, 99))
def test_neither_place_nor_size_changes_a_hand(shift, scale, seed):
    array = both_hands(left=0.05, right=0.6)
    moved = (array * scale + np.array(shift)).astype(np.float32)
    np.testing.assert_allclose(normalise(moved)[0], normalise(array)[0], rtol=0, atol=1e-3)


def test_one_scale_for_both_axes_keeps_the_shape():
    array = one_hand()
    x, _, placement = normalise(array)
    assert placement.scale[0] == placement.scale[1]
    stretched, _, _ = normalise(array * np.array([2, 1], np.float32))
    assert np.abs(stretched - x).max() > 0.1


def test_motion_of_the_hand_does_not_change_its_size():
    still = one_hand()
    wandering = still + np.linspace(0, 0.5, len(still), dtype=np.float32)[:, None, None]
    assert normalise(still)[2].scale == pytest.approx(normalise(wandering)[2].scale, rel=1e-5)


def test_video_statistics_are_those_of_paper_002():
    """Mean 0 and deviation 1 of each coordinate over the whole video, both hands together."""
    x, present, placement = normalise(both_hands(0.6, 0.6), "video", dominant=False)
    np.testing.assert_allclose(x[present].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(x[present].std(0), 1, atol=1e-5)
    assert placement.scale[0] != placement.scale[1]


def test_hand_statistics_by_hand():
    """Two points of the right hand, 0.2 apart in x: 0.1 from their middle, so 0.1 / sqrt(2) a coordinate."""
    array = np.full((1, 42, 2), np.nan, np.float32)
    array[0, 21], array[0, 22] = (0.4, 0.5), (0.6, 0.5)
    x, _, placement = normalise(array)
    assert placement.mean == pytest.approx((0.5, 0.5))
    assert placement.scale == pytest.approx((0.1 / 2**0.5,) * 2)
    np.testing.assert_allclose(x[0, 21:23, 0], [-(2**0.5), 2**0.5], rtol=1e-5)


def test_a_landmark_alone_stays_where_it_is():
    array = np.full((3, 42, 2), np.nan, np.float32)
    array[1, 7] = 0.3, 0.8
    back = denormalise(*normalise(array))
    np.testing.assert_allclose(back, array, atol=1e-6)


def test_placement_may_be_plain_numbers():
    x = np.ones((1, 42, 2), np.float32)
    back = denormalise(x, np.ones((1, 42), bool), Placement((0.5, 0.25), (0.1, 0.2)))
    np.testing.assert_allclose(back, np.broadcast_to([0.6, 0.45], back.shape), atol=1e-6)
