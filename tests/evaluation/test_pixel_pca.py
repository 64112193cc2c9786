"""Principal components in pieces, against the exact decomposition of all at once."""

import numpy as np
import pytest
import torch

from signtok.evaluation import pixel_pca
from signtok.evaluation.pixel_pca import Rows, fit_pca


@pytest.fixture
def pixels():
    """60 pictures of 10 x 10, a few directions larger than the others, none clipped."""
    rng = np.random.default_rng(0)
    scale = 40 * 0.8 ** np.arange(30)
    directions = np.linalg.qr(rng.standard_normal((300, 30)))[0]
    flat = 128 + (rng.standard_normal((60, 30)) * scale) @ directions.T
    return flat.round().clip(0, 255).astype(np.uint8).reshape(60, 10, 10, 3)


def test_it_is_the_singular_value_decomposition(pixels, monkeypatch):
    monkeypatch.setattr(pixel_pca, "CHUNK", 7)
    rows = np.arange(0, 60, 2)
    found = fit_pca(Rows(pixels, rows), 5)
    x = torch.from_numpy(pixels[rows]).flatten(1).double() / 255
    _, _, vh = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    torch.testing.assert_close(found.mean.double(), x.mean(0), atol=1e-6, rtol=0)
    overlap = (vh[:5] @ found.directions.double()).abs()
    torch.testing.assert_close(overlap, torch.eye(5, dtype=torch.float64), atol=1e-2, rtol=0)
    others = np.arange(1, 60, 2)
    y = torch.from_numpy(pixels[others]).flatten(1).double() / 255 - x.mean(0)
    errors = (y - y @ vh[:5].T @ vh[:5]).square().mean(1)
    torch.testing.assert_close(found.squared_errors(Rows(pixels, others)).double(), errors, rtol=1e-2, atol=1e-7)
    torch.testing.assert_close(
        found.encode(Rows(pixels, others)).double().abs(), (y @ vh[:5].T).abs(), atol=1e-2, rtol=0
    )


def test_more_components_never_lose(pixels):
    every = Rows(pixels, np.arange(60))
    errors = [float(fit_pca(every, count).squared_errors(every).mean()) for count in (1, 4, 16)]
    assert errors == sorted(errors, reverse=True)


def test_no_more_components_than_pictures(pixels):
    few = Rows(pixels, np.arange(3))
    found = fit_pca(few, 64)
    assert found.directions.shape == (300, 3)
    assert found.squared_errors(few).max() < 1e-8


def test_the_mean_takes_no_direction(pixels, monkeypatch):
    monkeypatch.setattr(pixel_pca, "OVERSAMPLING", 0)
    monkeypatch.setattr(pixel_pca, "ROUNDS", 40)
    every = Rows(pixels, np.arange(60))
    x = torch.from_numpy(pixels).flatten(1).double() / 255
    left = torch.linalg.svdvals(x - x.mean(0))[3:].square().sum() / x.numel()
    assert float(fit_pca(every, 3).squared_errors(every).mean()) == pytest.approx(float(left), rel=1e-3)
