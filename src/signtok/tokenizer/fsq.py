"""Finite scalar quantisation (Mentzer et al. 2024): each number is bounded and rounded to one of a few levels. No
codebook, so none of it can die."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from signtok.config import FSQConfig
from signtok.tokenizer.bottleneck import Latent, check_ids
from signtok.tokenizer.rvq import usage

SLACK = 1e-3
"""How far beyond the outermost level, as a share of the way to it, a number can get (epsilon of their code)."""


class FiniteScalars(nn.Module):
    """A vector is `config.codebooks` groups of len(levels) numbers, each group one id: the levels of its numbers as
    digits, the first the lowest. z lies in [-1, 1]. Always float32 inside and out, under autocast too."""

    heads = 1
    levels: Tensor
    basis: Tensor

    def __init__(self, config: FSQConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("levels", torch.tensor(config.levels), persistent=False)
        bases = [math.prod(config.levels[:i]) for i in range(len(config.levels))]
        self.register_buffer("basis", torch.tensor(bases), persistent=False)

    def forward(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Latent:
        """Rounded, with the gradient of what was not; where mask is False z and ids are 0."""
        with torch.autocast(h.device.type, enabled=False):
            bounded = self._bounded(h.float())
            steps = bounded + (bounded.round() - bounded).detach()
            z = (steps / (self.levels // 2)).flatten(-2) * mask[..., None]
            ids = self._ids(bounded) * mask[..., None]
        return Latent(z, ids, h.new_zeros(()), usage(ids[mask], self.config.codes))

    @torch.no_grad()
    def encode(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Int[Tensor, "b *grid q"]:
        """Ids alone."""
        with torch.autocast(h.device.type, enabled=False):
            return self._ids(self._bounded(h.float()))

    def from_ids(self, ids: Int[Tensor, "b *grid q"]) -> Float[Tensor, "b *grid d"]:
        """The vectors of ids. Raises ValueError for ids that there are not, and for another number of them."""
        if ids.shape[-1] != self.config.codebooks:
            raise ValueError(f"ids of {ids.shape[-1]} groups, this tokenizer has {self.config.codebooks}: give all")
        check_ids(ids, self.config.codes)
        half = self.levels // 2
        return (((ids[..., None] // self.basis) % self.levels - half) / half).flatten(-2)

    def _bounded(self, h: Float[Tensor, "b *grid d"]) -> Float[Tensor, "b *grid q l"]:
        """Numbers that round to -(L // 2) ... (L - 1) // 2. An even L has one more level below 0 than above."""
        h = h.unflatten(-1, (self.config.codebooks, len(self.config.levels)))
        reach = (self.levels - 1) * (1 + SLACK) / 2
        offset = torch.where(self.levels % 2 == 0, 0.5, 0.0)
        return (h + (offset / reach).atanh()).tanh() * reach - offset

    def _ids(self, bounded: Float[Tensor, "b *grid q l"]) -> Int[Tensor, "b *grid q"]:
        return ((bounded.round().long() + self.levels // 2) * self.basis).sum(-1)
