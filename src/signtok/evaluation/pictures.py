"""How far decoded pictures are from the real ones: MSE, PSNR, SSIM and LPIPS, of the whole picture and of a region.

Pictures are float tensors (B, 3, H, W) in [0, 1]. Whole pictures give one value each, regions one Ratio each.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from signtok.evaluation.score import Ratio
from signtok.nn.perceptual import Lpips

Before = Float[Tensor, "b 3 h w"]
After = Float[Tensor, "_ 3 _ _"]
Mask = Bool[Tensor, "_ _ _"]
"""(B, 3, H, W) and (B, H, W) of the same pictures: what does not fit is refused in words."""

MOST_DECIBELS = 100.0
"""PSNR in dB of equal pictures, where the formula says infinity. One number of an 8-bit 200x200 off by 1 is 98.9 dB."""
WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03
CHUNK = 8
"""Pictures that LPIPS sees at once: at 200x200 the first layer of VGG16 takes 20 MB for each of a pair."""
TOLERANCE = 1e-3
"""How far beyond [0, 1] rounding may carry a picture."""


def mse(before: Before, after: After) -> Float[Tensor, " b"]:
    """Mean squared error of each picture. Raises ValueError for different shapes and for values outside [0, 1]."""
    check_pictures(before, after)
    return (after - before).square().mean((1, 2, 3))


def psnr(before: Before, after: After) -> Float[Tensor, " b"]:
    """10 log10(1 / MSE) of each picture, in dB, at most MOST_DECIBELS.

    The mean over pictures is not the PSNR of the mean MSE: it is higher, as good pictures pull it up. Literature mostly
    means the mean over pictures. Raises ValueError as `mse` does.
    """
    return decibels(mse(before, after))


def decibels(squared_error: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """PSNR of mean squared errors of values in [0, 1]; NaN stays NaN."""
    return -10 * squared_error.clamp(min=10 ** (-MOST_DECIBELS / 10)).log10()


def ssim(before: Before, after: After) -> Float[Tensor, " b"]:
    """Mean structural similarity of each picture (Wang et al. 2004), -1 to 1, and 1 for equal ones (within 1e-5).

    Gaussian window of 11x11 with deviation 1.5, only where all of it lies in the picture (some libraries mirror the rim
    and count it too); K1 .01, K2 .03; each colour by itself, then their mean.
    Raises ValueError as `mse` does, and for pictures smaller than the window.
    """
    return similarity_map(before, after).mean((1, 2))


def similarity_map(before: Before, after: After) -> Float[Tensor, "b h-10 w-10"]:
    """SSIM at every place whose window lies in the picture, the mean over colours: place (y, x) is pixel (y+5, x+5)."""
    check_pictures(before, after)
    height, width = before.shape[-2:]
    if min(height, width) < WINDOW:
        raise ValueError(f"SSIM needs pictures of {WINDOW} pixels or more, got {height}x{width}: enlarge them")
    # Two banded matrices: on a CPU many times faster than convolution with one channel.
    rows, columns = _window(height, before), _window(width, before).T
    moments = torch.stack([before, after, before * before, after * after, before * after])
    mean_x, mean_y, square_x, square_y, product = rows @ moments @ columns  # each (b, 3, h-10, w-10)
    c1, c2 = K1**2, K2**2
    variances = square_x - mean_x**2 + square_y - mean_y**2
    covariance = product - mean_x * mean_y
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return (similarity / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))).mean(1)


def _window(size: int, like: Tensor) -> Float[Tensor, "m n"]:
    """Row i holds the Gaussian window over i ... i+10."""
    offset = torch.arange(WINDOW, dtype=like.dtype, device=like.device) - WINDOW // 2
    gauss = torch.exp(-(offset**2) / (2 * SIGMA**2))
    band = like.new_zeros(size - WINDOW + 1, size)
    index = torch.arange(len(band), device=like.device)[:, None]
    band[index, index + torch.arange(WINDOW, device=like.device)] = gauss / gauss.sum()
    return band


@torch.no_grad()
def lpips(network: Lpips, before: Before, after: After, mask: Mask | None = None) -> Float[Tensor, " b"]:
    """LPIPS of each picture, carried to the network's [-1, 1]. mask: average over these places only, NaN where empty.

    The features inside a mask still see some of what surrounds it. Raises ValueError as `masked_mse` does, and for
    pictures too small for the network.
    """
    check_pictures(before, after, mask)
    values = []
    for start in range(0, len(before), CHUNK):
        chunk = slice(start, start + CHUNK)
        where = None if mask is None else mask[chunk].to(before.dtype)
        values.append(network(2 * before[chunk] - 1, 2 * after[chunk] - 1, where))
    return torch.cat(values)


def per_picture(values: Float[Tensor, " b"]) -> list[Ratio]:
    """One Ratio a picture, all of one weight; of weight 0 where there was nothing to measure (NaN)."""
    return [Ratio(value, 1.0) if value == value else Ratio(0.0, 0.0) for value in values.tolist()]


def masked_mse(before: Before, after: After, mask: Mask) -> list[Ratio]:
    """Squared errors where mask is True, summed, over how many: every number weighs the same, not every picture.

    Raises ValueError as `mse` does, and for masks of another shape.
    """
    check_pictures(before, after, mask)
    return _over((after - before).square().sum(1), 3, mask)


def masked_psnr(before: Before, after: After, mask: Mask) -> list[Ratio]:
    """PSNR of each picture inside its mask, from its own masked MSE; of weight 0 where the mask is empty."""
    errors = [ratio.value for ratio in masked_mse(before, after, mask)]
    return per_picture(decibels(torch.tensor(errors, dtype=torch.float64)))


def masked_ssim(before: Before, after: After, mask: Mask) -> list[Ratio]:
    """SSIM at the places inside the mask, summed, over how many. Raises ValueError as `ssim` and `masked_mse` do."""
    check_pictures(before, after, mask)
    edge = WINDOW // 2
    return _over(similarity_map(before, after), 1, mask[:, edge:-edge, edge:-edge])


def _over(values: Float[Tensor, "b h w"], colours: int, mask: Bool[Tensor, "b h w"]) -> list[Ratio]:
    sums = torch.where(mask, values, 0).double().sum((1, 2))
    counts = colours * mask.sum((1, 2))
    return [Ratio(top, float(bottom)) for top, bottom in zip(sums.tolist(), counts.tolist(), strict=True)]


def check_pictures(before: Tensor, after: Tensor, mask: Tensor | None = None) -> None:
    """Raises ValueError unless both have one shape, which fits that of the mask, and lie in [0, 1]."""
    if before.shape != after.shape:
        raise ValueError(f"pictures before {tuple(before.shape)} and after {tuple(after.shape)} must have one shape")
    if mask is not None and (len(before), *before.shape[2:]) != mask.shape:
        raise ValueError(f"mask {tuple(mask.shape)} does not fit pictures {tuple(before.shape)}: give one (H, W) each")
    for name, pictures in (("before", before), ("after", after)):
        low, high = (bound.item() for bound in pictures.aminmax()) if pictures.numel() else (0.0, 1.0)
        if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):
            raise ValueError(
                f"pictures {name} reach from {low:.3g} to {high:.3g}: give [0, 1], (x + 1) / 2 clamped or x / 255"
            )
