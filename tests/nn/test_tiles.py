"""Tiles: what is local comes out as if done at once, what is not changes without a step."""

import pytest
import torch
import torch.nn.functional as F

from signtok.nn.tiles import in_tiles, ramp, starts

PLACES = [(4, 4), (5, 9), (8, 3), (17, 12), (1, 30)]


@pytest.mark.parametrize("tile", [1, 2, 4, 5])
@pytest.mark.parametrize("length", [1, 2, 5, 8, 13, 40])
def test_tiles_cover_everything_and_go_nowhere_else(length, tile):
    covered = [i for start in starts(length, tile) for i in range(start, start + min(tile, length))]
    assert set(covered) == set(range(length))
    assert len(set(starts(length, tile))) == len(starts(length, tile))


@pytest.mark.parametrize("places", PLACES, ids=str)
@pytest.mark.parametrize("factor", [1, 3])
def test_a_local_function_is_the_same_in_tiles(places, factor):
    z = torch.randn(2, 3, *places)
    noise = torch.randn(1, 3, *(factor * n for n in places))

    def work(z, noise):
        return F.interpolate(z, scale_factor=float(factor)).sin() + noise

    torch.testing.assert_close(in_tiles(work, [z, noise], places, 4), work(z, noise))
    small = F.avg_pool2d(noise, factor)
    torch.testing.assert_close(in_tiles(lambda x: F.avg_pool2d(x, factor), [noise], places, 4), small)


def test_no_seam_between_tiles_that_disagree():
    """Each tile gets a level of its own, as a normalisation would give it: neighbouring pixels still differ little."""
    levels = iter(torch.tensor([0.0, 1.0]).repeat(100))
    out = in_tiles(lambda z: torch.full((1, 1, 32, 32), float(next(levels))), [torch.zeros(1, 1, 24, 24)], (24, 24), 8)
    steps = max(float(out.diff(dim=d).abs().max()) for d in (-1, -2))
    assert out.max() - out.min() > 0.5
    assert steps < 2 / 16 + 1e-6


def test_what_is_small_is_done_at_once():
    calls = []
    in_tiles(lambda z: (calls.append(z.shape), z)[1], [torch.zeros(1, 1, 3, 4)], (3, 4), 4)
    assert calls == [(1, 1, 3, 4)]


def test_ramps_are_never_0():
    assert ramp(8, 4).tolist() == [0.125, 0.375, 0.625, 0.875, 0.875, 0.625, 0.375, 0.125]
    assert ramp(1, 1).tolist() == [0.5]


def test_gradients_pass():
    z = torch.randn(1, 1, 9, 9, requires_grad=True)
    in_tiles(torch.sin, [z], (9, 9), 4).sum().backward()
    torch.testing.assert_close(z.grad, z.detach().cos())
