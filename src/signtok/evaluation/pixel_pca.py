"""Pictures as their largest principal components: what a linear tokenizer could do, and the yardstick of any other."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

CHUNK = 256
OVERSAMPLING, ROUNDS = 10, 5


@dataclass(frozen=True, eq=False)
class Rows:
    """Some of a set of pictures, which may lie on the disk, as rows of numbers in [0, 1], in pieces."""

    pixels: UInt8[np.ndarray, "n s s 3"]
    rows: Int[np.ndarray, " m"]

    def pieces(self) -> Iterator[Float[Tensor, "b d"]]:
        for start in range(0, len(self.rows), CHUNK):
            piece = np.ascontiguousarray(self.pixels[self.rows[start : start + CHUNK]])
            yield torch.from_numpy(piece).flatten(1).float() / 255


@dataclass(frozen=True, eq=False)
class PixelPca:
    """mean: of the pictures; directions: orthonormal, the one of the largest variance first."""

    mean: Float[Tensor, " d"]
    directions: Float[Tensor, "d k"]

    def encode(self, pictures: Rows) -> Float[Tensor, "m k"]:
        return torch.cat([(piece - self.mean) @ self.directions for piece in pictures.pieces()])

    def squared_errors(self, pictures: Rows) -> Float[Tensor, " m"]:
        """MSE of each picture decoded from its numbers, clipped to [0, 1]."""
        errors = []
        for piece in pictures.pieces():
            decoded = self.mean + (piece - self.mean) @ self.directions @ self.directions.T
            errors.append((decoded.clamp(0, 1) - piece).square().mean(1))
        return torch.cat(errors)


def fit_pca(pictures: Rows, count: int) -> PixelPca:
    """The `count` largest components, fewer where there are fewer pictures or numbers.

    By subspace iteration from random directions (Halko, Martinsson and Tropp 2011, algorithm 4.4), so that all pictures
    never stand in memory at once.
    """
    mean = torch.stack([piece.sum(0) for piece in pictures.pieces()]).sum(0) / len(pictures.rows)
    count = min(count, len(pictures.rows), len(mean))
    drawn = min(count + OVERSAMPLING, len(mean))
    basis = torch.randn(len(mean), drawn, generator=torch.Generator().manual_seed(0))
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(_times_covariance(pictures, mean, basis)).Q
    along = torch.cat([(piece - mean) @ basis for piece in pictures.pieces()])
    turn = torch.linalg.svd(along, full_matrices=False).Vh[:count].T
    return PixelPca(mean, basis @ turn)


def _times_covariance(pictures: Rows, mean: Tensor, basis: Float[Tensor, "d k"]) -> Float[Tensor, "d k"]:
    product = torch.zeros_like(basis)
    for piece in pictures.pieces():
        centred = piece - mean
        product += centred.T @ (centred @ basis)
    return product
