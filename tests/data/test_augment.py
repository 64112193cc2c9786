"""Each part of the augmentation does its own thing and nothing else, and zero turns it off."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signtok.config import AugmentConfig, ComposeConfig
from signtok.data.augment import (
    augment,
    augmented_recording,
    drift,
    jumping,
    other_anatomy,
    other_camera,
    other_tracker,
    with_gaps,
    with_other_hand,
)
from signtok.data.compose import compose
from tiny import NO_AUGMENT, bank, right_hand

BANK = bank()
BONES = [(0 if joint % 4 == 1 else joint - 1, joint) for joint in range(1, 21)]
seeds = st.integers(0, 10**6)


def only(**parts) -> AugmentConfig:
    return NO_AUGMENT.model_copy(update=parts)


def phrase(seed=0):
    return compose(BANK, ComposeConfig(), np.random.default_rng(seed), 60)


def bones(hand):
    """(T, 20, 2)"""
    return np.stack([hand[:, end] - hand[:, start] for start, end in BONES], 1)


def distances(hand):
    return np.linalg.norm(hand[:, :, None] - hand[:, None], axis=-1)


@pytest.mark.parametrize("part", [other_anatomy, other_camera, jumping, other_tracker])
def test_zero_is_the_identity_of_each_part(part):
    hand = phrase().hand
    np.testing.assert_allclose(part(hand, NO_AUGMENT, np.random.default_rng(1)), hand, rtol=0, atol=1e-5)


def test_no_drift_is_none():
    assert (drift(50, 0.0, np.random.default_rng(0)) == 0).all()


def test_zero_is_the_identity_of_the_whole():
    one = phrase()
    same = augment(one, NO_AUGMENT, np.random.default_rng(1))
    np.testing.assert_allclose(same.hand, one.hand, rtol=0, atol=1e-4)


def test_the_text_stays_and_the_phrase_is_not_changed_in_place():
    one = phrase()
    before = one.hand.copy()
    other = augment(one, AugmentConfig(), np.random.default_rng(1))
    assert other.text == one.text
    assert other.signer is one.signer
    assert np.isfinite(other.hand).all()
    assert np.abs(other.hand[: len(before)] - before).max() > 0.1
    np.testing.assert_array_equal(one.hand, before)


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_bones_have_one_length_for_the_whole_phrase(seed):
    before = bones(phrase().hand)
    after = bones(other_anatomy(phrase().hand, only(bone=0.1), np.random.default_rng(seed)))
    ratio = np.linalg.norm(after, axis=-1) / np.linalg.norm(before, axis=-1)
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:1], ratio.shape), rtol=1e-3)
    assert ratio[0].std() > 0.01
    cosine = (before * after).sum(-1) / np.linalg.norm(before, axis=-1) / np.linalg.norm(after, axis=-1)
    np.testing.assert_allclose(cosine, 1, atol=1e-4)  # every bone points where it did


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_fingers_turn_about_their_knuckle_and_keep_their_length(seed):
    before = phrase().hand
    after = other_anatomy(before, only(finger_degrees=6), np.random.default_rng(seed))
    a, b = bones(before), bones(after)
    np.testing.assert_allclose(np.linalg.norm(b, axis=-1), np.linalg.norm(a, axis=-1), rtol=1e-4)
    turn = np.angle((b[..., 0] + 1j * b[..., 1]) / (a[..., 0] + 1j * a[..., 1]))  # (T, 20)
    np.testing.assert_allclose(turn, np.broadcast_to(turn[:1], turn.shape), atol=1e-3)
    np.testing.assert_allclose(turn[0].reshape(5, 4)[:, 0], 0.3 * turn[0].reshape(5, 4)[:, 1], atol=1e-3)
    assert 1e-4 < np.abs(turn).max() < np.deg2rad(6) * 6


def test_rotation_keeps_all_distances():
    hand = phrase().hand
    turned = other_camera(hand, only(rotate_degrees=20), np.random.default_rng(0))
    assert np.abs(turned - hand).max() > 0.05
    np.testing.assert_allclose(distances(turned), distances(hand), rtol=1e-3, atol=1e-4)


def test_aspect_stretches_one_axis_as_much_as_it_shrinks_the_other():
    hand = phrase().hand
    out = other_camera(hand, only(aspect=0.25), np.random.default_rng(0))
    ratio = out / hand
    assert ratio[..., 0].std() < 1e-4
    assert ratio[0, 0, 0] != pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(ratio[..., 0] * ratio[..., 1], 1, rtol=1e-4)


def test_tilt_keeps_straight_lines_straight():
    """A homography: points of a line stay on a line, though their distances change."""
    line = np.linspace([-2, -1], [2, 3], 21, dtype=np.float32)[None].repeat(3, 0)
    out = other_camera(line, only(tilt_degrees=30), np.random.default_rng(0))[0].astype(float)
    a, b = out[1:-1] - out[0], out[-1] - out[0]
    np.testing.assert_allclose(a[:, 0] * b[1] - a[:, 1] * b[0], 0, atol=1e-4)
    assert not np.allclose(distances(out[None]), distances(line[:1]), rtol=0.02)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_jump_moves_turns_and_scales_the_whole_hand_and_keeps_its_shape(seed):
    hand = phrase().hand
    jumped = jumping(hand, only(jump=1.0), np.random.default_rng(seed))
    scale = distances(jumped)[:, 0, 9] / distances(hand)[:, 0, 9]
    np.testing.assert_allclose(distances(jumped), scale[:, None, None] * distances(hand), rtol=1e-3, atol=1e-4)
    assert 0.4 < scale.min() <= scale.max() < 2.5


def test_a_hand_that_is_held_jumps_by_more_than_half_a_palm():
    hand = np.repeat(phrase().hand[:1], 60, 0)
    travelled = [
        np.linalg.norm(np.diff(jumping(hand, only(jump=1.0), np.random.default_rng(seed)).mean(1), axis=0), axis=-1)
        for seed in range(20)
    ]
    assert np.mean([step.max() > 0.5 for step in travelled]) > 0.7


def test_a_smoothing_tracker_lags_and_never_overshoots():
    step = np.zeros((20, 21, 2), np.float32)
    step[5:] = 1
    outs = [other_tracker(step, only(smooth=0.6), np.random.default_rng(seed)) for seed in range(30)]
    still = [np.array_equal(out, step) for out in outs]
    assert 5 < sum(still) < 25
    for out in outs:
        assert (np.diff(out, axis=0) >= 0).all()
        assert (out[:5] == 0).all()
        assert 0.4 <= out[5].min() <= out.max() <= 1


@settings(max_examples=60, deadline=None)
@given(seed=seeds, frames=st.integers(1, 80))
def test_gaps_never_erase_the_whole(seed, frames):
    recording = right_hand(frames)
    out = with_gaps(recording, np.random.default_rng(seed))
    seen = out.present.any(-1)
    assert seen.any()
    assert (out.present == recording.present)[seen].all()
    np.testing.assert_array_equal(out.landmarks[seen], recording.landmarks[seen])
    assert frames < 8 or not seen.all()
    assert recording.present[:, 21:].all()  # the original is as it was


@settings(max_examples=60, deadline=None)
@given(seed=seeds, frames=st.integers(1, 60))
def test_the_other_hand_is_a_left_one(seed, frames):
    recording = right_hand(frames)
    out = with_other_hand(recording, phrase(), np.random.default_rng(seed))
    np.testing.assert_array_equal(out.landmarks[:, 21:], recording.landmarks[:, 21:])
    left = out.present[:, :21]
    assert (left.all(-1) == left.any(-1)).all()  # whole or not at all
    assert np.isnan(recording.landmarks[:, :21]).all()


def test_the_other_hand_is_about_as_large():
    sizes = []
    for seed in range(20):
        out = with_other_hand(right_hand(30), phrase(), np.random.default_rng(seed)).landmarks
        out = out[np.isfinite(out).all((1, 2))]
        if len(out):
            left, right = (hand.std(1).mean() for hand in (out[:, :21], out[:, 21:]))
            sizes.append(left / right)
    assert 0.5 < np.median(sizes) < 2


def test_chances_are_kept():
    """Off means never, 1 means always."""
    always = only(other_hand=1, gap=1)
    for seed in range(10):
        off = augmented_recording(phrase(), NO_AUGMENT, np.random.default_rng(seed))
        on = augmented_recording(phrase(), always, np.random.default_rng(seed))
        assert off.present[:, 21:].all()
        assert not off.present[:, :21].any()
        assert not on.present.any(-1).all()
        assert off.source == on.source == "composed from invented"
        assert off.text == on.text == phrase().text


def test_a_raised_hand_lengthens_the_phrase_and_keeps_what_is_spelled():
    one = phrase()
    out = augment(one, only(rise=1), np.random.default_rng(0))
    assert 6 <= len(out.hand) - len(one.hand) <= 22
    assert out.hand[[0, -1], :, 1].mean() > one.hand[..., 1].mean() + 1  # it starts and ends lower: y points down
