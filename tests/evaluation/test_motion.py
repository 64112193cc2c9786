"""How real a movement looks: still, smoothed and trembling hands are all told from real ones."""

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from signtok.evaluation.distribution import frechet_distance
from signtok.evaluation.motion import motion_features, paired_motion

SIZE, FRAMES = np.array([0.4, 0.2]), np.arange(300)


def walk(seed=0):
    """Hands whose speed changes by chance and is soon forgotten."""
    pushes = np.random.default_rng(seed).normal(0, 0.002, (300, 42, 2))
    speed = lfilter([1], [1, -0.7], pushes, axis=0)
    return np.cumsum(speed, 0)


def test_speed_and_change_of_speed_in_hand_sizes():
    t = np.arange(300.0)[:, None, None]
    features = motion_features(np.broadcast_to(0.004 * t + 0.002 * t**2, (300, 42, 2)), SIZE, FRAMES)
    assert features.shape == (2 * 298, 84)
    left, right = features.reshape(298, 2, 84)[10].reshape(2, 2, 42)
    np.testing.assert_allclose(left[1], 0.004 / 0.4)
    np.testing.assert_allclose(right[1], 0.004 / 0.2)
    np.testing.assert_allclose(left[0], (0.004 + 0.002 * (12**2 - 11**2)) / 0.4)


def test_only_whole_hands_in_frames_in_a_row():
    hands, numbers = walk(), FRAMES.copy()
    hands[50, 7] = np.nan  # of the left hand
    numbers[200:] += 1
    assert len(motion_features(hands, SIZE, numbers)) == 2 * (298 - 2) - 3
    before, after = paired_motion(walk(), hands, SIZE, FRAMES)
    assert before.shape == after.shape == (2 * 298 - 3, 84)
    assert torch.equal(before, after)


@pytest.mark.parametrize("change", ["smoothed", "still", "trembling"])
def test_what_does_not_move_as_hands_do_is_far_away(change):
    hands, other = walk(), walk(1)
    rng = np.random.default_rng(2)
    changed = {
        "smoothed": lambda: np.apply_along_axis(lambda x: np.convolve(x, np.ones(7) / 7, "same"), 0, hands),
        "still": lambda: np.broadcast_to(hands[:1], hands.shape),
        "trembling": lambda: hands + rng.normal(0, 0.002, hands.shape),
    }[change]()
    real, alike, unlike = (torch.from_numpy(motion_features(h, SIZE, FRAMES)) for h in (hands, other, changed))
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(real, unlike) > 2 * frechet_distance(real, alike)
