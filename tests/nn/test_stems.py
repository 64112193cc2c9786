"""The ways in and out: shapes, presence, the shape of a hand, and that padding is as if it were not there."""

import pytest
import torch
from torch.testing import assert_close

from signtok.config import ConvolutionStem, HandStem
from signtok.nn.stems import PALM, build_enter, build_leave, hand_shape

STEMS = {"convolution": ConvolutionStem(channels=4), "hand": HandStem(width=24)}
stems = pytest.mark.parametrize("stem", STEMS.values(), ids=STEMS)
modes = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


def lengths_mask(lengths, frames):
    return torch.arange(frames) < torch.tensor(lengths)[:, None]


def landmarks(frames=8, batch=3):
    x = torch.randn(batch, frames, 42, 2, generator=torch.Generator().manual_seed(1))
    present = torch.rand(batch, frames, 42, generator=torch.Generator().manual_seed(2)) > 0.2
    return x * present[..., None], present


@stems
@modes
def test_padding_does_not_matter_on_the_way_in(stem, train):
    torch.manual_seed(0)
    state = build_enter(stem, 42, 16).state_dict()
    x, present = landmarks()
    lengths, results = [8, 3, 5], []
    for frames, noise in ((8, 0.0), (8, 100.0), (15, 100.0)):
        module = build_enter(stem, 42, 16).train(train)
        module.load_state_dict(state)
        mask = lengths_mask(lengths, frames)
        wide, seen = torch.zeros(3, frames, 42, 2), torch.zeros(3, frames, 42, dtype=torch.bool)
        wide[:, :8], seen[:, :8] = x, present
        wide = torch.where(mask[..., None, None], wide, noise * torch.randn_like(wide))
        out = module(wide, seen, mask)
        assert (out[~mask] == 0).all()
        results.append((out[mask], dict(module.named_buffers())))
    for out, buffers in results[1:]:
        assert_close(out, results[0][0], rtol=1e-5, atol=1e-5)
        assert_close(buffers, results[0][1], rtol=1e-5, atol=1e-6)


@stems
@modes
def test_padding_does_not_matter_on_the_way_out(stem, train):
    torch.manual_seed(0)
    state = build_leave(stem, 42, 16).state_dict()
    x, lengths, results = torch.randn(3, 8, 16), [8, 3, 5], []
    for frames, noise in ((8, 0.0), (8, 100.0), (15, 100.0)):
        module = build_leave(stem, 42, 16).train(train)
        module.load_state_dict(state)
        mask = lengths_mask(lengths, frames)
        wide = torch.cat([x, torch.zeros(3, frames - 8, 16)], 1)
        out, presence = module(torch.where(mask[..., None], wide, noise * torch.randn_like(wide)), mask)
        results.append((out[mask], None if presence is None else presence[mask], dict(module.named_buffers())))
    for result in results[1:]:
        assert_close(result, results[0], rtol=1e-5, atol=1e-5)


@stems
def test_shapes(stem):
    x, present = landmarks()
    enter, leave = build_enter(stem, 42, 16), build_leave(stem, 42, 16)
    h = enter(x, present, None)
    assert h.shape == (3, 8, 16)
    out, presence = leave(h, None)
    assert out.shape == x.shape
    if isinstance(stem, HandStem):
        assert presence.shape == present.shape
    else:
        assert presence is None


@stems
def test_one_frame_is_enough(stem):
    x, present = landmarks(frames=1, batch=1)
    h = build_enter(stem, 42, 16).eval()(x, present, None)
    assert build_leave(stem, 42, 16).eval()(h, None)[0].shape == (1, 1, 42, 2)


def test_hand_shape_is_the_same_wherever_and_however_large():
    torch.manual_seed(0)
    x, present = torch.randn(2, 5, 42, 2), torch.ones(2, 5, 42, dtype=torch.bool)
    shape = hand_shape(x, present)
    assert_close(hand_shape(2 * x + torch.tensor([3.0, -1.0]), present), shape, rtol=1e-3, atol=1e-3)
    apart = x + torch.cat([torch.zeros(21, 2), torch.ones(21, 2)])  # each hand about its own palm
    assert_close(hand_shape(apart, present), shape, rtol=1e-3, atol=1e-3)
    assert (hand_shape(x * torch.tensor([1.0, 2.0]), present) - shape).abs().max() > 0.1
    palm = shape.view(2, 5, 2, 21, 2)[..., PALM, :]
    assert_close(palm.mean(-2), torch.zeros(2, 5, 2, 2), atol=1e-4, rtol=0)


def test_hand_shape_of_what_was_not_seen_is_zero_and_changes_nothing():
    torch.manual_seed(0)
    x, present = torch.randn(1, 1, 42, 2), torch.ones(1, 1, 42, dtype=torch.bool)
    present[..., [0, 8]] = False  # a wrist and a fingertip of the left hand
    present[..., 21:] = False
    other = torch.where(present[..., None], x, 50.0)
    assert_close(hand_shape(other, present), hand_shape(x, present), atol=1e-5, rtol=1e-5)
    assert (hand_shape(x, present)[~present] == 0).all()
    assert hand_shape(x, torch.zeros_like(present)).eq(0).all()
