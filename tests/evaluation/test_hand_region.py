"""The region of the hand: shape, invariances, what stands in."""

import numpy as np
import pytest
import torch

from signtok.evaluation.hand_region import CENTRE_BOX, hand_region, hand_regions


@pytest.fixture
def hand(hand_motion):
    return hand_motion(1)[0].astype(np.float64)


def at(mask, point):
    height, width = mask.shape
    return bool(mask[int(point[1] * height), int(point[0] * width)])


def test_landmarks_and_bones_are_inside_and_far_places_are_not(hand):
    mask = hand_region(hand, 200, 200)
    assert all(at(mask, point) for point in hand)
    for start, end in ((0, 5), (5, 6), (7, 8), (0, 17), (13, 17), (19, 20)):
        assert at(mask, (hand[start] + hand[end]) / 2)
    assert at(mask, hand[[0, 5, 9, 13, 17]].mean(0)), "the palm is filled"
    palm = np.linalg.norm(hand[0] - hand[9])
    rows, columns = np.indices(mask.shape) / 200
    distance = np.hypot(columns[..., None] - hand[:, 0], rows[..., None] - hand[:, 1]).min(-1)
    assert not mask.numpy()[distance > 0.6 * palm].any()


def test_it_moves_and_grows_with_the_hand(hand):
    around = hand - hand.mean(0)
    small, large = (hand_region(0.5 + scale * around, 400, 400) for scale in (1, 2))
    assert large.sum() / small.sum() == pytest.approx(4, rel=0.05)
    moved = hand_region(0.5 + around + [0.1, -0.05], 400, 400)
    assert torch.equal(moved, small.roll((-20, 40), (0, 1)))
    mirrored = hand_region((0.5 + around) * [-1, 1] + [1, 0], 400, 400)
    assert (mirrored != small.flip(1)).float().mean() < 0.01


def test_wide_pictures_are_taken_as_such(hand):
    wide = hand_region(hand, 100, 200)
    assert wide.shape == (100, 200)
    assert all(at(wide, point) for point in hand)


def test_unseen_points_are_left_out(hand):
    tipless = hand.copy()
    tipless[20] = np.nan
    mask, whole = hand_region(tipless, 200, 200), hand_region(hand, 200, 200)
    assert not at(mask, hand[20] + 0.8 * (hand[20] - hand[19]))
    assert at(whole, hand[20] + 0.3 * (hand[20] - hand[19]))
    assert at(mask, hand[19])
    assert (mask & ~whole).sum() == 0
    thumbless = hand.copy()
    thumbless[1:5] = np.nan
    assert at(hand_region(thumbless, 200, 200), hand[[0, 5, 9, 13, 17]].mean(0))


def test_the_centre_stands_in_where_there_is_no_hand(hand):
    box = hand_region(None, 100, 60)
    assert box.float().mean() == pytest.approx(CENTRE_BOX**2, rel=0.05)
    assert torch.equal(box, box.flip(0, 1))
    fingers = hand.copy()
    fingers[[0, 1, 5, 9, 13]] = np.nan
    assert torch.equal(hand_region(fingers, 100, 60), box)


def test_a_hand_out_of_the_picture_leaves_nothing(hand):
    assert not hand_region(hand + 3, 50, 50).any()
    assert not hand_region(hand + 1e9, 50, 50).any()


def test_a_batch(hand):
    masks = hand_regions([hand, None], 64, 64)
    assert masks.shape == (2, 64, 64)
    assert torch.equal(masks[0], hand_region(hand, 64, 64))
    with pytest.raises(ValueError, match="no pictures"):
        hand_regions([], 64, 64)
