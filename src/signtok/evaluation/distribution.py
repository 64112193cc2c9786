"""How far apart two sets of pictures are as distributions, by features (N, D) of a network; sums are in float64.

Fewer pictures mean a larger Frechet distance and a larger biased MMD: compare only at equal N.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from signtok.evaluation.score import Interval

Before = Float[Tensor, "n d"]
After = Float[Tensor, "m _"]
"""(N, D) and (M, D): other features are refused in words."""
Kernel = Callable[[Tensor, Tensor], Tensor]
"""(n, D), (m, D) to (n, m)."""

CMMD_SIGMA, CMMD_SCALE = 10.0, 1000.0
BLOCK = 1024
"""Rows of a kernel matrix that are worked out at once: memory stays flat."""
MEDIAN_OF = 1000
RESAMPLES = 20


def frechet_distance(before: Before, after: After) -> float:
    """Squared Frechet distance of the Gaussians with the sets' means and covariances (Heusel et al. 2017).

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), 0 for equal sets. With S = R'R the eigenvalues of S1 S2 are the squared
    singular values of R1 R2', so no root of a matrix is taken: as exact where there are fewer pictures than features.
    Raises ValueError for sets of less than two or of different features.
    """
    x, y = _checked(before), _checked(after, like=before)
    root_x, root_y = _root(x), _root(y)
    between = torch.linalg.svdvals(root_x @ root_y.T).sum()
    spread = root_x.square().sum() + root_y.square().sum() - 2 * between
    return max(float((x.mean(0) - y.mean(0)).square().sum() + spread), 0.0)


def _root(x: Float[Tensor, "n d"]) -> Float[Tensor, "r d"]:
    """R with R'R the covariance (over n - 1), of at most d rows."""
    scaled = (x - x.mean(0)) / (len(x) - 1) ** 0.5
    return torch.linalg.qr(scaled, mode="r").R if len(x) > x.shape[1] else scaled


def kernel_distance(before: Before, after: After) -> float:
    """Squared MMD with the kernel (x.y / D + 1)^3, unbiased: with Inception's features KID (Binkowski et al. 2018).

    About 0, so also negative, for two sets of one distribution. Of the whole sets: the mean over subsets estimates the
    same, with more noise. Raises ValueError as `frechet_distance`.
    """
    x, y = _checked(before), _checked(after, like=before)
    dim = x.shape[1]

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / dim + 1) ** 3

    def within(z: Tensor) -> float:
        """Mean over pairs of different pictures."""
        itself = float(((z.square().sum(1) / dim + 1) ** 3).sum())
        return (_sum(kernel, z, z) - itself) / (len(z) * (len(z) - 1))

    return within(x) + within(y) - 2 * _sum(kernel, x, y) / (len(x) * len(y))


def mmd(before: Before, after: After, sigma: float) -> float:
    """Squared MMD with the kernel exp(-|x - y|^2 / 2 sigma^2), biased (Gretton et al. 2012, equation 5).

    0 for equal sets, never negative. Raises ValueError as `frechet_distance`.
    """
    x, y = _checked(before), _checked(after, like=before)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        squares = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
        return torch.exp(-squares.clamp(min=0) / (2 * sigma**2))

    n, m = len(x), len(y)
    return _sum(kernel, x, x) / n**2 + _sum(kernel, y, y) / m**2 - 2 * _sum(kernel, x, y) / (n * m)


def cmmd(before: Before, after: After) -> float:
    """1000 times `mmd` of embeddings scaled to unit length, sigma 10 (Jayasumana et al. 2024).

    Its name is only right for CLIP's embeddings. Raises ValueError as `frechet_distance`.
    """
    x, y = (torch.nn.functional.normalize(embeddings.double(), dim=1) for embeddings in (before, after))
    return CMMD_SCALE * mmd(x, y, CMMD_SIGMA)


def median_distance(features: Before) -> float:
    """Median distance of two pictures, of at most MEDIAN_OF evenly spaced ones: the usual sigma where none is given.

    Take it of the real pictures, so that all that are compared with them are measured with one sigma.
    Raises ValueError where it is 0.
    """
    x = _checked(features)
    rows = torch.linspace(0, len(x) - 1, min(len(x), MEDIAN_OF)).round().long()
    median = float(torch.nn.functional.pdist(x[rows]).median())
    if not median > 0:
        raise ValueError("median distance: most of these pictures have the same features; give different pictures")
    return median


def with_interval(
    distance: Callable[[Tensor, Tensor], float], before: Before, after: After, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The distance and 1.96 standard errors to either side: the deviation over bootstrap resamples of the pictures.

    No percentiles: a resample repeats pictures, which makes every such distance larger, so that they would leave the
    value out. 20 resamples give the error within a sixth. Sets of one length are resampled together, as a picture and
    its reconstruction belong together (and where they do not, it is as good). n: pictures in the smaller set.
    """
    value = distance(before, after)
    generator = np.random.default_rng(seed)
    values = np.empty(resamples)
    for index in range(resamples):
        rows = generator.integers(0, len(before), len(before))
        others = rows if len(before) == len(after) else generator.integers(0, len(after), len(after))
        values[index] = distance(before[rows], after[others])
    error = 1.96 * float(values.std(ddof=1))
    return Interval(value, value - error, value + error, min(len(before), len(after)))


def _sum(kernel: Kernel, x: Tensor, y: Tensor) -> float:
    return sum(float(kernel(block, y).sum()) for block in x.split(BLOCK))


def _checked(features: Float[Tensor, "n d"], like: Float[Tensor, "m _"] | None = None) -> Float[Tensor, "n d"]:
    if len(features) < 2 or not features.isfinite().all():
        raise ValueError(f"features {tuple(features.shape)}: give those of two pictures or more, and finite ones")
    if like is not None and like.shape[1] != features.shape[1]:
        raise ValueError(f"features of {like.shape[1]} and of {features.shape[1]} numbers: take both from one network")
    return features.double()
