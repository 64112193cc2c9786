"""One pass of vectors through the codebooks: algorithm 1 of SoundStream (Zeghidour et al. 2021, arXiv 2107.03312).

r_1 = h; at each level c_q = nearest code of r_q, r_{q+1} = r_q - c_q; z = c_1 + ... + c_Q. Worked off in pieces of some
hundred vectors, all levels at once, so that what a piece needs stays in cache.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from signtok.tokenizer.nearest import ROWS, Scorer, nearest


@dataclass(frozen=True, eq=False)
class Quantised:
    """N vectors after q levels.

    z: (N, D), the sum of the codes. ids: int64 (N, q).
    left: (N, D), r_2 + ... + r_{q+1}: the sum over levels of what each left over.
    square: |r_2|^2 + ... + |r_{q+1}|^2, summed over the vectors.
    """

    z: Float[Tensor, "n d"]
    ids: Int[Tensor, "n q"]
    left: Float[Tensor, "n d"]
    square: Float[Tensor, ""]


def quantise(
    h: Float[Tensor, "n d"],
    index: Int[Tensor, " m"],
    scorers: list[Scorer],
    exact: bool,
    sums: Float[Tensor, "q v d"] | None = None,
) -> Quantised:
    """The rows of h at `index`; the result is zero elsewhere. Each code's vectors are added to its place in `sums`."""
    whole = Quantised(
        torch.zeros_like(h), h.new_zeros(len(h), len(scorers), dtype=torch.int64), torch.zeros_like(h), h.new_zeros(())
    )
    for at in index.split(ROWS):
        piece = through_levels(h.index_select(0, at), scorers, exact, sums)
        whole.z.index_copy_(0, at, piece.z)
        whole.ids.index_copy_(0, at, piece.ids)
        whole.left.index_copy_(0, at, piece.left)
        whole.square.add_(piece.square)
    return whole


def nearest_ids(h: Float[Tensor, "n d"], index: Int[Tensor, " m"], scorers: list[Scorer]) -> Int[Tensor, "n q"]:
    """The ids that `quantise` gives when exact, and nothing else: a tenth faster."""
    ids = index.new_zeros(len(h), len(scorers))
    for at in index.split(ROWS):
        residual = h.index_select(0, at)
        for level, scorer in enumerate(scorers):
            best = nearest(residual, scorer, exact=True)
            residual -= scorer.codes.index_select(0, best)
            ids[at, level] = best
    return ids


def through_levels(
    residual: Float[Tensor, "n d"], scorers: list[Scorer], exact: bool, sums: Float[Tensor, "q v d"] | None = None
) -> Quantised:
    """One piece. `residual` is used up."""
    z, left, square = torch.zeros_like(residual), torch.zeros_like(residual), residual.new_zeros(())
    ids = residual.new_empty(len(residual), len(scorers), dtype=torch.int64)
    for level, scorer in enumerate(scorers):
        best = nearest(residual, scorer, exact)
        if sums is not None:
            sums[level].index_add_(0, best, residual)
        code = scorer.codes.index_select(0, best)
        ids[:, level] = best
        z += code
        residual -= code
        left += residual
        square += torch.dot(residual.view(-1), residual.view(-1))
    return Quantised(z, ids, left, square)


def residuals(
    h: Float[Tensor, "n d"], ids: Int[Tensor, "n q"], level: Int[Tensor, " n"], codes: Float[Tensor, "q v d"]
) -> Float[Tensor, "n d"]:
    """What is left of each vector when it reaches its level (from 0)."""
    for before in range(ids.shape[1] - 1):
        h = h - codes[before][ids[:, before]] * (level > before)[:, None]
    return h
