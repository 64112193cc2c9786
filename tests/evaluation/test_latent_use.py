"""How latents use their numbers: cases whose answer is known."""

import pytest
import torch

from signtok.evaluation.latents import latent_use


def normal(count, dim, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def test_all_alike():
    use = latent_use(normal(20_000, 8) + 5)
    assert use.active == 8
    assert use.effective_rank == pytest.approx(8, rel=0.01)
    torch.testing.assert_close(use.share, torch.full((8,), 1 / 8, dtype=torch.float64), rtol=0.05, atol=0)


def test_two_of_eight_worked_by_hand():
    latents = torch.zeros(4, 8)
    latents[:, 2] = torch.tensor([3.0, -3.0, 3.0, -3.0])
    latents[:, 5] = torch.tensor([1.0, 1.0, -1.0, -1.0])
    use = latent_use(latents)
    assert use.share.tolist() == [0, 0, pytest.approx(0.9), 0, 0, pytest.approx(0.1), 0, 0]
    assert use.active == 2
    assert use.effective_rank == pytest.approx(0.9**-0.9 * 0.1**-0.1)


def test_threshold_of_active():
    scale = torch.ones(10)
    scale[0] = 0.05  # a variance of .0025, under a hundredth of the mean
    assert latent_use(normal(4000, 10) * scale).active == 9
    scale[0] = 0.15
    assert latent_use(normal(4000, 10) * scale).active == 10


def test_copies_of_one_number_are_active_but_of_rank_one():
    use = latent_use(normal(500, 1).expand(500, 6))
    assert use.active == 6
    assert use.effective_rank == pytest.approx(1, abs=1e-6)


def test_rank_does_not_depend_on_axes_place_or_scale():
    latents = normal(300, 5) * torch.tensor([4.0, 2.0, 1.0, 0.5, 0.1])
    turn = torch.linalg.qr(normal(5, 5, seed=1)).Q
    expected = latent_use(latents).effective_rank
    assert latent_use(7 * latents @ turn - 3).effective_rank == pytest.approx(expected, rel=1e-5)
    assert latent_use(latents[:3]).effective_rank < 2.01, "three latents span two directions"


def test_nothing_to_measure():
    for wrong in (normal(1, 4), normal(5, 4) * float("nan")):
        with pytest.raises(ValueError, match="at least two latents, all finite"):
            latent_use(wrong)
    with pytest.raises(ValueError, match="all 3 latents are the same"):
        latent_use(torch.ones(3, 4))
