"""Finite scalar quantisation (Mentzer et al. 2024): each number is bounded and rounded to one of a few levels. No
codebook, so none of it can die; but numbers that are small all round to 0, and an encoder that starts as a transform
has such. So the first batch of training says how large each is, as it gives residual VQ its codes."""

import math

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from signtok.config import FSQConfig
from signtok.tokenizer import ranks
from signtok.tokenizer.bottleneck import Latent, check_ids
from signtok.tokenizer.rvq import usage

SLACK = 1e-3
"""How far beyond the outermost level, as a share of the way to it, a number can get (epsilon of their code)."""
SPREAD = 0.7
"""Root mean square of each number of the first batch before it is bounded: of what errs least (.5 and .7
of .3 to 2, docs/log.md) the one that uses more ids."""


class FiniteScalars(nn.Module):
    """A vector is `config.codebooks` groups of len(levels) numbers, each group one id: the levels of its numbers as
    digits, the first the lowest. Always float32 inside and out, under autocast too.

    z = size * levels / (L // 2), levels = round(bound(gain * h)): gain makes a number SPREAD large, size is that of the
    least squared error to h, both by the first batch of training. Until then they are 1, as in the paper.
    """

    heads = 1
    levels: Tensor
    basis: Tensor
    gain: Tensor
    size: Tensor
    initialised: Tensor

    def __init__(self, config: FSQConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("levels", torch.tensor(config.levels), persistent=False)
        bases = [math.prod(config.levels[:i]) for i in range(len(config.levels))]
        self.register_buffer("basis", torch.tensor(bases), persistent=False)
        self.register_buffer("gain", torch.ones(config.dim))
        self.register_buffer("size", torch.ones(config.dim))
        self.register_buffer("initialised", torch.tensor(False))

    def forward(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Latent:
        """Rounded, with the gradient of what was not; where mask is False z and ids are 0."""
        with torch.autocast(h.device.type, enabled=False):
            if self.training and not self.initialised:
                self._initialise(ranks.gather(h.detach()[mask].float()))
            bounded = self._bounded(h.float())
            z = self._vectors(bounded + (bounded.round() - bounded).detach()) * mask[..., None]
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
        return self._vectors((ids[..., None] // self.basis) % self.levels - self.levels // 2)

    @torch.no_grad()
    def _initialise(self, h: Float[Tensor, "n d"]) -> None:
        """A number that is always 0 stays at 1, as it was."""
        if not len(h):
            return
        size = h.square().mean(0).sqrt()
        self.gain.copy_(torch.where(size > 0, SPREAD / size, 1.0))
        z = self._vectors(self._bounded(h).round())
        square = z.square().sum(0)
        self.size.copy_(torch.where(square > 0, (z * h).sum(0) / square, 1.0))
        for buffer in (self.gain, self.size):
            ranks.agree(buffer)
        self.initialised.fill_(True)

    def _vectors(self, steps: Shaped[Tensor, "b *grid q l"]) -> Float[Tensor, "b *grid d"]:
        return (steps / (self.levels // 2)).flatten(-2) * self.size

    def _bounded(self, h: Float[Tensor, "b *grid d"]) -> Float[Tensor, "b *grid q l"]:
        """Numbers that round to -(L // 2) ... (L - 1) // 2. An even L has one more level below 0 than above."""
        h = (h * self.gain).unflatten(-1, (self.config.codebooks, len(self.config.levels)))
        reach = (self.levels - 1) * (1 + SLACK) / 2
        offset = torch.where(self.levels % 2 == 0, 0.5, 0.0)
        return (h + (offset / reach).atanh()).tanh() * reach - offset

    def _ids(self, bounded: Float[Tensor, "b *grid q l"]) -> Int[Tensor, "b *grid q"]:
        return ((bounded.round().long() + self.levels // 2) * self.basis).sum(-1)
