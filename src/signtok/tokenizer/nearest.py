"""The nearest code of each vector: fast, and the same whatever else is in the batch.

|r - c|^2 = |r|^2 + (|c|^2 - 2 r c), so one biased product scores all codes. Products are rounded in an order that
depends on how many rows there are, on the number of threads and on the machine; two codes nearly as close could
then swap. So a score is only trusted to the bound of its rounding error (Higham 2002, section 3.1: a dot product of n
terms is wrong by n u |a| |b| at most), and codes within that bound of the best are compared again, in float64 and in an
order of additions that is written down here. The result is the exact nearest code, the lowest id among equals.
"""

from dataclasses import dataclass, replace
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

ROWS = 512
"""Rows to score at a time: their 512 x 1024 scores stay in the second-level cache."""
BLOCK = 64
"""The minimum of each block of scores is found first, then its place within the best block: faster than one argmin."""
PAIRS = 16_384
"""Pairs of a vector and a code compared in float64 at a time: 16 MB at 128 dimensions."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """A codebook made ready: scores = bias + weight r, padded to a multiple of BLOCK with codes that never win."""

    codes: Float[Tensor, "v d"]
    weight: Float[Tensor, "p d"]
    bias: Float[Tensor, " p"]
    reach: Float[Tensor, ""]
    """The length of the longest code."""
    packed: Tensor | None
    """The weight in oneDNN's own order, where there is oneDNN."""

    @classmethod
    def of(cls, codes: Float[Tensor, "v d"]) -> "Scorer":
        padding = -len(codes) % BLOCK
        square = codes.double().square().sum(1)
        weight = F.pad(codes * -2, (0, 0, 0, padding))
        bias = F.pad(square.float(), (0, padding), value=torch.inf)
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS) if onednn(codes.device.type) else None
        return cls(codes, weight, bias, square.max().sqrt().float(), packed)

    def without_repeats(self) -> "Scorer":
        """Of equal codes only the first can win: a collapsed codebook would else be compared again code by code."""
        _, group = torch.unique(self.codes, dim=0, return_inverse=True)
        order = torch.arange(len(group), device=group.device)
        first = torch.full_like(group, len(group)).scatter_reduce_(0, group, order, "amin")
        bias = self.bias.clone()
        bias[: len(group)][first[group] != order] = torch.inf
        return replace(self, bias=bias)

    def __call__(self, rows: Float[Tensor, "n d"]) -> Float[Tensor, "n p"]:
        if self.packed is not None and len(rows) >= BLOCK:
            return torch.ops.mkldnn._linear_pointwise(rows, self.packed, self.bias, "none", [], "")
        return torch.addmm(self.bias, rows, self.weight.T)


@cache
def onednn(device: str) -> bool:
    """Whether oneDNN's product, faster than MKL's on AMD, can be had directly. It is private in torch: so try."""
    if device != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    a, bias = torch.linspace(-1, 1, BLOCK * BLOCK).view(BLOCK, BLOCK), torch.ones(BLOCK)
    try:
        packed = torch.ops.mkldnn._reorder_linear_weight(a, BLOCK)
        product = torch.ops.mkldnn._linear_pointwise(a, packed, bias, "none", [], "")
    except (AttributeError, RuntimeError, TypeError):
        return False
    return torch.allclose(product, torch.addmm(bias, a, a.T), atol=1e-4)


def nearest(rows: Float[Tensor, "n d"], scorer: Scorer, exact: bool) -> Int[Tensor, " n"]:
    """Ids of the nearest codes, for some hundred float32 rows. Not `exact`: near ties fall as the product rounds."""
    scores = scorer(rows)
    n, blocks = len(rows), scores.shape[1] // BLOCK
    minima = scores.view(n, blocks, BLOCK).amin(2)  # (n, blocks)
    block = minima.argmin(1)
    start = torch.arange(0, n * blocks, blocks, device=rows.device)
    inside = scores.view(-1, BLOCK).index_select(0, start + block)  # (n, BLOCK)
    best, place = inside.min(1, keepdim=True)
    ids = place[:, 0].add_(block, alpha=BLOCK)
    if exact:
        limit = best + rounding_bound(rows, scorer)
        rivals = torch.cat([minima, inside], 1) <= limit  # two a row where the best stands alone
        if rivals.count_nonzero() > 2 * n:
            close = (rivals.sum(1) > 2).nonzero()[:, 0]
            ids[close] = compare_again(rows[close], scores[close] <= limit[close], scorer.codes)
    return ids


def rounding_bound(rows: Float[Tensor, "n d"], scorer: Scorer) -> Float[Tensor, "n 1"]:
    """How much the difference of two scores of a row can be wrong by."""
    unit = product_roundoff(rows.device)
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    terms = rows.shape[1] + 8  # 8 for the bias, for -2 c, and for the rounding of this bound itself
    return (length * 2 + scorer.reach) * (scorer.reach * (2 * terms * unit))


def product_roundoff(device: torch.device) -> float:
    """The unit roundoff of float32 products: people may have allowed faster and coarser ones."""
    backend = torch.backends.cuda if device.type == "cuda" else torch.backends.mkldnn
    allowed = {backend.matmul.fp32_precision, torch.backends.fp32_precision}  # type: ignore[attr-defined]
    return 2.0**-8 if "bf16" in allowed else 2.0**-11 if "tf32" in allowed else 2.0**-24


def compare_again(
    rows: Float[Tensor, "n d"], rival: Bool[Tensor, "n p"], codes: Float[Tensor, "v d"]
) -> Int[Tensor, " n"]:
    """The nearest of each row's rivals (a bool for each code), by float64 distances with a fixed order of additions."""
    distance = torch.full(rival.shape, torch.inf, dtype=torch.float64, device=rows.device)
    for row, code in (pairs.unbind(1) for pairs in rival.nonzero().split(PAIRS)):
        distance[row, code] = sum_by_halves((rows[row].double() - codes[code].double()).square())
    return distance.argmin(1)


def sum_by_halves(x: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """Neighbours are added until one number is left. A library's sum may take another order on another machine."""
    while x.shape[1] > 1:
        x = F.pad(x, (0, x.shape[1] % 2))
        x = x[:, ::2] + x[:, 1::2]
    return x[:, 0]
