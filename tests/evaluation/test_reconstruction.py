"""Reconstruction errors in hand sizes, worked by hand."""

import numpy as np
import pytest

from signtok.data.recording import check_landmarks
from signtok.evaluation.reconstruction import hand_size, jitter, landmark_error


def straight_hands(frames=10, left=0.4, right=0.2):
    """Both hands; the middle fingers straight, of the lengths given."""
    hands = np.zeros((frames, 42, 2), np.float32)
    hands[:] = np.random.default_rng(0).uniform(0, 0.1, (42, 2))
    for start, length in ((0, left), (21, right)):
        for joint, share in zip((0, 9, 10, 11, 12), (0, 0.5, 0.7, 0.9, 1.0), strict=True):
            hands[:, start + joint] = (0.5, 0.9 - share * length)
    return hands


def test_hand_size_of_a_straight_finger():
    np.testing.assert_allclose(hand_size(straight_hands()), [0.4, 0.2], atol=1e-6)


def test_hand_size_of_a_fist_is_that_of_the_spread_hand():
    hands = straight_hands()
    tip = hands[:, 21 + 12].copy()
    hands[:, 21 + 12] = 2 * hands[:, 21 + 11] - tip  # the last bone folded back
    np.testing.assert_allclose(hand_size(hands), [0.4, 0.2], atol=1e-6)


def test_hand_size_ignores_foreshortened_and_unseen_frames():
    hands = straight_hands(20)
    hands[:14, 21:] *= 0.5
    hands[14, 21:] = np.nan
    np.testing.assert_allclose(hand_size(hands), [0.4, 0.2], atol=1e-6)
    hands[:, :21] = np.nan
    np.testing.assert_allclose(hand_size(hands), [0.2, 0.2], atol=1e-6)
    hands[:, 33] = np.nan
    with pytest.raises(ValueError, match="no frame shows a whole middle finger"):
        hand_size(hands)


def test_hand_size_scales_and_does_not_move(hand_motion):
    hands = check_landmarks(hand_motion(30))
    np.testing.assert_allclose(hand_size(hands * 2 - 0.3), 2 * hand_size(hands), rtol=1e-5)


def test_errors_worked_by_hand():
    before = straight_hands(2)
    after = before.copy()
    after[0, 21 + 8] += (0.03, 0.04)  # an error of .05 on a right fingertip: a quarter of that hand's size
    after[1, 5] += (0.0, 0.04)  # a tenth of the left hand's size, not on a tip
    after[0, 3] = np.nan
    before[1, 30] = np.nan
    error = landmark_error(before, after, size=np.array([0.4, 0.2]))
    assert error.all.numerator == pytest.approx(0.35, abs=1e-5)
    assert error.all.denominator == 82
    assert error.fingertips.numerator == pytest.approx(0.25, abs=1e-5)
    assert error.fingertips.denominator == 20
    assert error.left.numerator == pytest.approx(0.1, abs=1e-5)
    assert error.right.numerator == pytest.approx(0.25, abs=1e-5)
    assert (error.left.denominator, error.right.denominator) == (41, 41)
    assert (error.missing.numerator, error.missing.denominator) == (1, 83)


def test_size_is_taken_from_before():
    before = straight_hands()
    error = landmark_error(before, before * 1.1)
    expected = landmark_error(before, before * 1.1, size=np.array([0.4, 0.2]))
    assert error.all.value == pytest.approx(expected.all.value, rel=1e-5)


def test_one_hand(hand_motion):
    hands = check_landmarks(hand_motion(5))
    error = landmark_error(hands, hands)
    assert error.all.value == error.right.value == error.missing.value == 0
    assert np.isnan(error.left.value)


def test_shapes_must_match():
    with pytest.raises(ValueError, match="must have one shape"):
        landmark_error(straight_hands(3), straight_hands(4))


def test_jitter_worked_by_hand():
    still = straight_hands(4)
    before, after = still.copy(), still.copy()
    before[1] += 0.1  # second differences -.2 and .1
    after[1] += 0.3
    assert jitter(before, after).value == pytest.approx(3, rel=1e-4)
    assert jitter(before, before + 0.5).value == pytest.approx(1, rel=1e-4)
    cut = np.array([0, 1, 2, 90])  # only the first three frames are in a row
    assert jitter(before, after, cut).denominator == pytest.approx(42 * 0.2 * np.sqrt(2), rel=1e-4)
    after[1, :21] = np.nan
    assert jitter(before, after).denominator == pytest.approx(21 * 0.3 * np.sqrt(2), rel=1e-4)
    assert np.isnan(jitter(still[:2], still[:2]).value)
