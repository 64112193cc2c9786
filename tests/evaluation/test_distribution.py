"""Distances of sets of features: theory, hand-worked cases, libraries as oracles."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from signtok.evaluation.distribution import (
    cmmd,
    frechet_distance,
    kernel_distance,
    median_distance,
    mmd,
    with_interval,
)

DISTANCES = [frechet_distance, kernel_distance, partial(mmd, sigma=3.0), cmmd]
every_distance = pytest.mark.parametrize("distance", DISTANCES, ids=["frechet", "kernel", "mmd", "cmmd"])


def normal(count, dim, seed, shift=0.0, scale=1.0):
    drawn = torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return shift + scale * drawn


def standardised(x):
    """Mean 0 and covariance 1 exactly."""
    centred = x - x.mean(0)
    return torch.linalg.solve_triangular(torch.linalg.cholesky(centred.T.cov(correction=1)), centred.T, upper=False).T


def test_frechet_is_the_closed_form_of_gaussians():
    """Diagonal covariances a^2, b^2: |m1 - m2|^2 + sum (a - b)^2."""
    x, y = standardised(normal(60, 4, 0)), standardised(normal(50, 4, 1))
    a, b = torch.tensor([1.0, 2.0, 3.0, 0.0]), torch.tensor([1.0, 0.5, 5.0, 2.0])
    distance = frechet_distance(x * a + 1, y * b - 1)
    assert distance == pytest.approx(4 * 4 + (1.5**2 + 2**2 + 2**2), abs=1e-9)


def root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.where(values > 1e-9 * values.max(), values, 0)) @ vectors.T


@pytest.mark.parametrize(("n", "m", "dim"), [(300, 200, 8), (20, 200, 32), (20, 15, 64)])
def test_frechet_is_that_of_matrix_roots(n, m, dim):
    """Also for less pictures than features, where the covariances are singular."""
    x, y = normal(n, dim, 0) @ normal(dim, dim, 3), normal(m, dim, 1, shift=0.3) @ normal(dim, dim, 4)
    s1, s2 = np.cov(x.numpy(), rowvar=False), np.cov(y.numpy(), rowvar=False)
    between = np.trace(root(root(s1) @ s2 @ root(s1)))
    oracle = float((x.mean(0) - y.mean(0)).square().sum()) + np.trace(s1 + s2) - 2 * between
    assert frechet_distance(x, y) == pytest.approx(oracle, rel=1e-6)


def test_frechet_is_that_of_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid", reason="torchmetrics is the oracle")
    x, y = normal(400, 12, 0) @ normal(12, 12, 3), normal(300, 12, 1, shift=0.5)
    oracle = fid._compute_fid(x.mean(0), x.T.cov(), y.mean(0), y.T.cov())
    assert frechet_distance(x, y) == pytest.approx(oracle.item(), rel=1e-6)


def test_kernel_distance_is_that_of_torchmetrics():
    kid = pytest.importorskip("torchmetrics.image.kid", reason="torchmetrics is the oracle")
    x, y = normal(90, 12, 0), normal(90, 12, 1, shift=0.2)
    assert kernel_distance(x, y) == pytest.approx(kid.poly_mmd(x, y).item(), rel=1e-9)


def test_kernel_distance_worked_by_hand():
    """Kernel (x y + 1)^3 on x = 0, 1 and y = 2, 0: pairs within (0, 1): 1 and (2, 0): 1; between 1, 1, 27, 1."""
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [0.0]])
    assert kernel_distance(x, y) == pytest.approx(1 + 1 - 2 * 30 / 4)


def test_mmd_worked_by_hand():
    """Of 0, 1 and 0, 0 with sigma 1: k(1) = exp(-1/2)."""
    x, y = torch.tensor([[0.0], [1.0]]), torch.zeros(2, 1)
    near = math.exp(-0.5)
    assert mmd(x, y, sigma=1.0) == pytest.approx((2 + 2 * near) / 4 + 1 - 2 * (2 + 2 * near) / 4)
    assert mmd(x, y, sigma=2.0) == pytest.approx(0.5 - math.exp(-1 / 8) / 2)


def test_cmmd_worked_by_hand():
    """(3, 0) and (0, 2) are (1, 0) and (0, 1) at unit length, 2 apart squared: 1000 (2 - 2 exp(-2 / 200))."""
    x, y = torch.tensor([[3.0, 0.0]] * 2), torch.tensor([[0.0, 2.0]] * 3)
    assert cmmd(x, y) == pytest.approx(1000 * (2 - 2 * math.exp(-0.01)), rel=1e-9)


@pytest.mark.parametrize("distance", [frechet_distance, partial(mmd, sigma=3.0), cmmd])
def test_equal_sets_are_0_apart_in_any_order(distance):
    for x in (normal(50, 6, 0), normal(6, 50, 0)):
        assert distance(x, x.flip(0)) == pytest.approx(0, abs=1e-9)


@every_distance
def test_distances_are_symmetric_and_grow_with_the_shift(distance):
    x, y = normal(300, 6, 0), normal(200, 6, 1)
    assert distance(x, y) == pytest.approx(distance(y, x), rel=1e-9)
    shifts = [distance(x, y + shift) for shift in (0.0, 0.5, 1.0)]
    assert shifts[0] < shifts[1] < shifts[2]


@every_distance
def test_distances_do_not_depend_on_the_axes(distance):
    x, y = normal(80, 6, 0, shift=1), normal(70, 6, 1, scale=2)
    turn = torch.linalg.qr(normal(6, 6, 2)).Q
    assert distance(x @ turn, y @ turn) == pytest.approx(distance(x, y), rel=1e-8)


def test_frechet_and_mmd_do_not_depend_on_the_origin():
    x, y = normal(80, 6, 0), normal(70, 6, 1, scale=2)
    for distance in (frechet_distance, partial(mmd, sigma=3.0)):
        assert distance(x + 5, y + 5) == pytest.approx(distance(x, y), rel=1e-8)


def test_only_the_kernel_distance_is_unbiased():
    """Two sets of one distribution, 200 times: its mean is 0 within the error, that of the others is above."""

    def values(distance):
        drawn = np.array([distance(normal(12, 3, 2 * i), normal(12, 3, 2 * i + 1)) for i in range(200)])
        return drawn.mean() / (drawn.std() / np.sqrt(len(drawn)))

    assert abs(values(kernel_distance)) < 3
    assert values(frechet_distance) > 10
    assert values(partial(mmd, sigma=3.0)) > 10


def test_blocks_of_rows_add_up(monkeypatch):
    x, y = normal(50, 6, 0), normal(41, 6, 1)
    whole = [distance(x, y) for distance in DISTANCES]
    monkeypatch.setattr("signtok.evaluation.distribution.BLOCK", 7)
    assert [distance(x, y) for distance in DISTANCES] == pytest.approx(whole, rel=1e-9)


def test_single_precision_is_not_lost():
    """Features far from 0 compared with their spread."""
    x, y = normal(100, 5, 0).float() + 1000, normal(100, 5, 1).float() + 1000
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(x.double() - 1000, y.double() - 1000), rel=1e-6)


def test_median_distance():
    assert median_distance(torch.tensor([[0.0], [1.0], [4.0]])) == 3  # of 1, 3, 4
    many = normal(3000, 4, 0)
    assert median_distance(many) == pytest.approx(torch.pdist(many[:1500]).median().item(), rel=0.03)
    with pytest.raises(ValueError, match="most of these pictures have the same features"):
        median_distance(torch.ones(4, 3))


def test_interval_has_the_width_of_theory():
    """FD in one dimension, of a shift by 2: the deviation of a squared difference of means is 2 * 2 times its own."""
    x, y = normal(800, 1, 0), normal(500, 1, 1, shift=2)
    interval = with_interval(frechet_distance, x, y, resamples=100)
    assert interval.value == frechet_distance(x, y)
    assert interval.n == 500
    half = 1.96 * 2 * 2 * np.sqrt(1 / 800 + 1 / 500)
    assert interval.high - interval.value == pytest.approx(half, rel=0.25)
    assert interval.value - interval.low == pytest.approx(interval.high - interval.value)
    assert with_interval(frechet_distance, x, y) == with_interval(frechet_distance, x, y)
    assert with_interval(frechet_distance, x, y, seed=1) != with_interval(frechet_distance, x, y)


def test_pairs_are_resampled_as_pairs():
    """A constant shift from each picture to its own: the same distance of means in every resample."""
    x = normal(200, 1, 0)
    together = with_interval(frechet_distance, x, x + 2)
    assert together.high - together.low == pytest.approx(0, abs=1e-9)
    assert together.value == pytest.approx(4)


@every_distance
def test_what_is_no_set_of_features_is_refused(distance):
    x = normal(5, 3, 0)
    with pytest.raises(ValueError, match="two pictures or more"):
        distance(x, x[:1])
    with pytest.raises(ValueError, match="finite"):
        distance(x * float("nan"), x)
    with pytest.raises(ValueError, match="features of 3 and of 2 numbers"):
        distance(x, x[:, :2])
    with pytest.raises(ValueError, match="two pictures or more"):
        with_interval(distance, x[:0], x)
