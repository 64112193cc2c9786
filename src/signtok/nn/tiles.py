"""Large maps in overlapping tiles that are blended into each other: no seam shows, memory stays flat, and normalisation
and attention see as much at once as they did in training."""

from collections.abc import Callable, Sequence
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

SHARED = 0.5
"""Of a tile, what it shares with the next one."""


def starts(length: int, tile: int) -> list[int]:
    """Where tiles of `tile` places begin, so that they cover `length` places; the last one is moved in."""
    if length <= tile:
        return [0]
    step = max(1, round(tile * (1 - SHARED)))
    return [*range(0, length - tile, step), length - tile]


def ramp(length: int, rise: int) -> Float[Tensor, " length"]:
    """A weight for each place of a tile: from its two ends it rises to 1 within `rise` places, and is never 0."""
    from_end = torch.arange(length).add(0.5)
    return (torch.minimum(from_end, from_end.flip(0)) / rise).clamp(max=1)


def in_tiles(work: Callable[..., Tensor], maps: Sequence[Tensor], places: tuple[int, int], tile: int) -> Tensor:
    """`work` on the pieces of the maps that lie over each tile, put together again.

    places: y and x of the grid; each map (..., rows, columns), and what `work` returns, has so many rows and columns or
        a multiple of them.
    tile: places of a side. What is no larger than a tile is done at once.
    """
    if max(places) <= tile:
        return work(*maps)
    total, weights = None, None
    for corner in product(*(starts(length, tile) for length in places)):
        # A grid that is narrower than a tile has a narrower one.
        sides = [min(tile, length) for length in places]
        piece = work(*(_cut(m, corner, sides, places) for m in maps))
        factor = [there // side for there, side in zip(piece.shape[-2:], sides, strict=True)]
        if total is None or weights is None:
            whole = [length * f for length, f in zip(places, factor, strict=True)]
            total, weights = piece.new_zeros(*piece.shape[:-2], *whole), piece.new_zeros(whole)
        ramps = [ramp(n, max(1, round(n * SHARED))).to(piece) for n in piece.shape[-2:]]
        weight = ramps[0][:, None] * ramps[1]
        at = [slice(c * f, c * f + n) for c, f, n in zip(corner, factor, piece.shape[-2:], strict=True)]
        total[..., at[0], at[1]] += weight * piece
        weights[at[0], at[1]] += weight
    assert total is not None
    assert weights is not None
    return total / weights


def _cut(whole: Tensor, corner: Sequence[int], sides: Sequence[int], places: Sequence[int]) -> Tensor:
    factors = [there // length for there, length in zip(whole.shape[-2:], places, strict=True)]
    y, x = (slice(c * f, (c + s) * f) for c, s, f in zip(corner, sides, factors, strict=True))
    return whole[..., y, x]
