"""MSE, PSNR, SSIM and LPIPS of pictures and regions: worked by hand, and against torchmetrics."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from signtok.evaluation.pictures import (
    MOST_DECIBELS,
    lpips,
    masked_mse,
    masked_psnr,
    masked_ssim,
    mse,
    per_picture,
    psnr,
    similarity_map,
    ssim,
)
from signtok.evaluation.score import bootstrap
from signtok.nn.perceptual import Lpips

GREY = torch.full((2, 3, 16, 20), 0.5)


def noisy_pair(size=(37, 52), count=3, seed=0):
    """Smooth pictures and the same with more and more noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    before = nn.functional.interpolate(coarse, size, mode="bilinear")
    noise = torch.randn(before.shape, generator=generator) * torch.linspace(0.02, 0.3, count).view(-1, 1, 1, 1)
    return before, (before + noise).clamp(0, 1)


def half_mask(pictures):
    mask = torch.zeros(len(pictures), *pictures.shape[-2:], dtype=torch.bool)
    mask[..., : pictures.shape[-1] // 2] = True
    return mask


def test_mse_and_psnr_worked_by_hand():
    after = GREY.clone()
    after[0] += 0.1
    after[1, 0, 0, 0] += 0.3
    torch.testing.assert_close(mse(GREY, after), torch.tensor([0.01, 0.09 / (3 * 16 * 20)]))
    torch.testing.assert_close(psnr(GREY, after), torch.tensor([20.0, -10 * math.log10(0.09 / 960)]))


def test_psnr_of_equal_pictures_is_finite_and_above_any_other():
    assert psnr(GREY, GREY).tolist() == [MOST_DECIBELS] * 2
    large, off = torch.full((1, 3, 200, 200), 0.5), torch.full((1, 3, 200, 200), 0.5)
    off[0, 0, 0, 0] += 1 / 255
    assert MOST_DECIBELS - 2 < psnr(large, off).item() < MOST_DECIBELS


def test_mean_psnr_is_not_psnr_of_the_mean():
    before, after = noisy_pair()
    assert psnr(before, after).mean() > -10 * mse(before, after).mean().log10() + 1


def test_ssim_is_that_of_torchmetrics():
    image = pytest.importorskip("torchmetrics.functional.image", reason="torchmetrics is the oracle")
    before, after = noisy_pair()
    _, oracle = image.structural_similarity_index_measure(
        after, before, data_range=1.0, reduction="none", return_full_image=True
    )
    inside = oracle[..., 5:-5, 5:-5]  # torchmetrics mirrors the rim
    torch.testing.assert_close(similarity_map(before, after), inside.mean(1), atol=1e-4, rtol=0)
    torch.testing.assert_close(ssim(before, after), inside.mean((1, 2, 3)), atol=1e-5, rtol=0)
    assert ssim(before, after).min() < 0.5 < ssim(before, after).max()


def test_ssim_worked_by_hand():
    """Flat pictures have no variance: the term of the means is left. Stripes and their negative covary negatively."""
    a, b = torch.full((1, 3, 11, 11), 0.2), torch.full((1, 3, 11, 11), 0.6)
    assert ssim(a, b).item() == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4), rel=1e-4)
    assert ssim(a, a).item() == pytest.approx(1, abs=1e-4)
    stripes = (torch.arange(64) % 2).float().expand(1, 3, 64, 64)
    assert ssim(stripes, 1 - stripes).item() == pytest.approx(-1, abs=0.01)


def test_ssim_is_symmetric_and_local():
    before, after = noisy_pair()
    torch.testing.assert_close(ssim(before, after), ssim(after, before))
    turned = ssim(before.transpose(2, 3).contiguous(), after.transpose(2, 3).contiguous())
    torch.testing.assert_close(turned, ssim(before, after))
    changed = before.clone()
    changed[..., 20, 30] = 1 - changed[..., 20, 30]
    differs = (similarity_map(before, changed) < 0.9999).nonzero()[:, 1:] + 5
    assert (differs - torch.tensor([20, 30])).abs().max() <= 5


def test_regions_worked_by_hand():
    after, mask = GREY.clone(), half_mask(GREY)
    mask[1] = False
    after[..., :10] += 0.2
    after[..., 10:] += 0.4
    first, second = masked_mse(GREY, after, mask)
    assert first.denominator == 3 * 16 * 10
    assert first.value == pytest.approx(0.04, rel=1e-5)
    assert (second.numerator, second.denominator) == (0, 0)
    assert masked_psnr(GREY, after, mask)[0].value == pytest.approx(-10 * math.log10(0.04), rel=1e-5)
    assert masked_psnr(GREY, after, mask)[1].denominator == 0
    assert [ratio.denominator for ratio in masked_ssim(GREY, after, mask)] == [6 * 5, 0]
    pooled = bootstrap(*zip(*[(r.numerator, r.denominator) for r in (first, second)], strict=True))
    assert (pooled.value, pooled.n) == (pytest.approx(0.04, rel=1e-5), 1)


def test_a_region_of_everything_is_the_whole_picture():
    before, after = noisy_pair()
    everywhere = torch.ones(len(before), *before.shape[-2:], dtype=torch.bool)
    for masked, whole in ((masked_mse, mse), (masked_psnr, psnr), (masked_ssim, ssim)):
        values = [ratio.value for ratio in masked(before, after, everywhere)]
        torch.testing.assert_close(torch.tensor(values), whole(before, after), rtol=1e-5, atol=1e-6)


def test_what_is_outside_a_region_does_not_matter():
    before, after = noisy_pair()
    mask, other = half_mask(before), after.clone()
    other[..., 32:] = 0
    assert masked_mse(before, after, mask) == masked_mse(before, other, mask)
    assert masked_psnr(before, after, mask) == masked_psnr(before, other, mask)
    assert mse(before, after)[0] != mse(before, other)[0]


def colour_lpips():
    """An LPIPS whose only layer is the picture itself: it compares colours, whatever their brightness."""
    network = Lpips(nn.ModuleList([nn.Identity()]), [3], smallest=1)
    network.channel_weights[0].copy_(torch.tensor([1.0, 2.0, 3.0]))
    return network


def test_lpips_takes_pictures_in_chunks_and_in_regions():
    before, after = noisy_pair(count=19)
    network = colour_lpips()
    torch.testing.assert_close(lpips(network, before, after), network(2 * before - 1, 2 * after - 1))
    mask, patched = half_mask(before), before.clone()
    patched[..., 26:] = after[..., 26:]  # the right half alone
    assert lpips(network, before, patched, mask).abs().max() == 0
    assert (lpips(network, before, patched, ~mask) > lpips(network, before, patched)).all()
    mask[0] = False
    values = lpips(network, before, after, mask)
    assert values[0].isnan()
    assert values[1:].isfinite().all()
    assert [ratio.denominator for ratio in per_picture(values)][:2] == [0, 1]


@pytest.mark.parametrize("metric", [mse, psnr, ssim, lambda a, b: lpips(colour_lpips(), a, b)])
def test_what_is_no_pair_of_pictures_is_refused(metric):
    with pytest.raises(ValueError, match="must have one shape"):
        metric(GREY, GREY[..., 1:])
    for wrong in (2 * GREY - 1.5, 255 * GREY, GREY * float("nan")):
        with pytest.raises(ValueError, match=r"pictures after reach from .* give \[0, 1\]"):
            metric(GREY, wrong)
    metric(GREY, GREY + 0.5005)  # rounding


def test_small_pictures_and_foreign_masks_are_refused():
    small = torch.zeros(1, 3, 10, 30)
    with pytest.raises(ValueError, match="SSIM needs pictures of 11 pixels or more, got 10x30"):
        ssim(small, small)
    foreign = torch.ones(2, 16, 19, dtype=torch.bool)
    for metric in (masked_mse, masked_psnr, masked_ssim, partial(lpips, colour_lpips())):
        with pytest.raises(ValueError, match=r"mask \(2, 16, 19\) does not fit pictures \(2, 3, 16, 20\)"):
            metric(GREY, GREY, foreign)
