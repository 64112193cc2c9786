"""Residual vector quantisation: each codebook codes what the ones before it left over (paper 002, section 4).

The gradient goes straight through the sum of the codes, once (as in AudioCraft; once per level would multiply it by
Q), and the commitment loss pulls h towards its codes.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from signtok.config import ResidualVQConfig
from signtok.nn.memo import Memo
from signtok.tokenizer import ranks
from signtok.tokenizer.bottleneck import Latent, check_ids
from signtok.tokenizer.codebook import GRACE, Codebooks, kmeans
from signtok.tokenizer.nearest import Scorer
from signtok.tokenizer.residual import Quantised, nearest_ids, quantise, residuals


class StraightThrough(torch.autograd.Function):
    """z and the commitment loss as functions of h, which is all that has a gradient: one node with a closed form.

    loss = sum_q |r_q - sg(c_q)|^2 / (Q n), r_q = h - sg(c_1 + ... + c_{q-1}), so dloss/dh = 2 / (Q n) sum_q r_{q+1}.
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, mask: Tensor, q: Quantised) -> tuple[Tensor, Tensor]:
        ctx.terms = q.ids.shape[1] * mask.sum().clamp(min=1)
        ctx.save_for_backward(mask, q.left)
        return q.z.view_as(h), q.square / ctx.terms

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        mask, left = ctx.saved_tensors
        grad_z, grad_loss = grads
        grad = grad_z * mask[..., None]
        return grad.addcmul_(left.view_as(grad), grad_loss * 2 / ctx.terms), None, None


class ResidualVQ(nn.Module):
    """Q codebooks of V codes in D dimensions.

    In training each batch moves the codebooks, after it was quantised with them as they were. In evaluation, or with
    `frozen` set, nothing changes and all codebooks are used. Always float32 inside and out, under autocast too.
    Distributed training gives the codebooks that one process would get from all the data.
    """

    heads = 1
    codebooks: Tensor
    cluster_size: Tensor
    embed_sum: Tensor
    initialised: Tensor

    def __init__(self, config: ResidualVQConfig) -> None:
        super().__init__()
        self.config = config
        self.frozen = False
        self._memo: Memo[list[Scorer]] = Memo()
        shape = (config.codebooks, config.codes)
        self.register_buffer("codebooks", torch.randn(*shape, config.dim) / config.dim**0.5)
        self.register_buffer("cluster_size", torch.ones(shape))
        self.register_buffer("embed_sum", self.codebooks.clone())
        self.register_buffer("initialised", torch.tensor(False))

    def forward(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Latent:
        """h to its codes where mask is True; elsewhere z and ids are 0 and h counts for nothing."""
        with torch.autocast(h.device.type, enabled=False):
            h = h.float()
            rows, index = flat(h.detach(), mask)
            with torch.no_grad():
                if self.training and not self.frozen:
                    q = self._train(rows, index)
                else:
                    q = quantise(rows, index, self.scorers(), exact=True)
            z, loss = StraightThrough.apply(h, mask, q)
            if self.training and self.config.bypass:
                z = torch.where(self._bypassed(mask), h, z)
        logs = usage(q.ids.index_select(0, index), self.config.codes)
        return Latent(z, q.ids.view(*mask.shape, q.ids.shape[1]), loss, logs)

    @torch.no_grad()
    def encode(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Int[Tensor, "b *grid q"]:
        """Ids alone, in any mode. A vector's depend on it and the codebooks only, whatever stands beside it."""
        with torch.autocast(h.device.type, enabled=False):
            rows, index = flat(h.float(), mask)
            return nearest_ids(rows, index, self.scorers()).view(*mask.shape, self.config.codebooks)

    @torch.no_grad()
    def some(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Float[Tensor, "b *grid d"]:
        """z by as many codebooks as a batch may have in training; nothing is learnt."""
        ids = self.encode(h, mask)[..., : self._draw_levels(h.device)]
        return self.from_ids(ids) * mask.unsqueeze(-1)

    @torch.no_grad()
    def from_ids(self, ids: Int[Tensor, "b *grid q"]) -> Float[Tensor, "b *grid d"]:
        """The sum of codes of the first q codebooks. Raises ValueError for ids that no codebook has."""
        levels, most = ids.shape[-1], self.config.codebooks
        if levels > most:
            raise ValueError(f"ids of {levels} codebooks, this tokenizer has {most}: take ids[..., :{most}]")
        check_ids(ids, self.config.codes)
        z = self.codebooks.new_zeros(*ids.shape[:-1], self.config.dim)
        for level in range(levels):
            z += self.codebooks[level][ids[..., level]]
        return z

    def scorers(self) -> list[Scorer]:
        """One for each codebook, made anew when the codebooks have changed: in training that is always."""
        make = lambda: [Scorer.of(codes).without_repeats() for codes in self.codebooks]  # noqa: E731
        return self._memo.get(self.codebooks, None, make)

    def _train(self, rows: Float[Tensor, "n d"], index: Int[Tensor, " m"]) -> Quantised:
        """Quantise, then learn. `index` are the rows that count."""
        counts = ranks.row_counts(index)
        if not self.initialised and sum(counts) > 0:
            self._initialise(ranks.gather(rows.index_select(0, index)))
        levels = self._draw_levels(rows.device)
        sums = torch.zeros_like(self.embed_sum[:levels])
        q = quantise(rows, index, [Scorer.of(codes) for codes in self.codebooks[:levels]], exact=False, sums=sums)
        if sum(counts) > 0:
            self._learn(rows, q.ids, index, sums, counts)
        return q

    def _bypassed(self, mask: Bool[Tensor, " b *grid"]) -> Bool[Tensor, "b *grid 1"]:
        """The vectors of the sequences that the decoder sees unquantised."""
        chosen = torch.rand(len(mask), device=mask.device) < self.config.bypass
        return (mask & chosen.view(-1, *[1] * (mask.dim() - 1))).unsqueeze(-1)

    def _draw_levels(self, device: torch.device) -> int:
        """Quantiser dropout: how many of the codebooks this batch uses."""
        if self.config.dropout == 0:
            return self.config.codebooks
        levels = torch.randint(1, self.config.codebooks + 1, (1,))
        if torch.rand(()) >= self.config.dropout:
            levels.fill_(self.config.codebooks)
        return int(ranks.agree(levels.to(device)))

    def _initialise(self, residual: Float[Tensor, "n d"]) -> None:
        """k-means, level by level."""
        books = Codebooks(self.codebooks, self.cluster_size, self.embed_sum)
        everything = torch.arange(len(residual), device=residual.device)
        for level in range(self.config.codebooks):
            books.start(level, kmeans(residual, self.config.codes, self.config.kmeans_iterations))
            residual = residual - quantise(residual, everything, [Scorer.of(self.codebooks[level])], exact=False).z
        for buffer in (self.codebooks, self.cluster_size, self.embed_sum):
            ranks.agree(buffer)
        self.initialised.fill_(True)

    def _learn(self, rows: Tensor, ids: Tensor, index: Tensor, sums: Tensor, counts: list[int]) -> None:
        """Move the codebooks in use towards the batch, and bring back those codes that have died."""
        levels = ids.shape[1]
        books = Codebooks(self.codebooks[:levels], self.cluster_size[:levels], self.embed_sum[:levels])
        uses = ranks.add_up(histogram(ids.index_select(0, index), self.config.codes))
        sums = ranks.add_up(sums)
        if self.config.revive == "split":
            books.average(uses, sums, self.config)
            books.split(self.config.dead_below)
        else:
            before = books.codes.clone()
            books.average(uses, sums, self.config)
            self._sample(books, before, rows, ids, index, counts)

    def _sample(
        self, books: Codebooks, before: Tensor, rows: Tensor, ids: Tensor, index: Tensor, counts: list[int]
    ) -> None:
        """Put dead codes onto vectors of the batch, as they reached the codes' level when the codes were `before`."""
        dead = (books.cluster_size < self.config.dead_below).nonzero()
        if len(dead):
            picks = ranks.draw(sum(counts), len(dead), rows.device) - ranks.first_row(counts)
            mine = (picks >= 0) & (picks < len(index))
            at = index[picks[mine]]
            vectors = rows.new_zeros(len(dead), rows.shape[1])
            vectors[mine] = residuals(rows[at], ids[at], dead[mine, 0], before)
            books.replace(dead, ranks.add_up(vectors), GRACE * self.config.dead_below)


def flat(h: Tensor, mask: Tensor) -> tuple[Float[Tensor, "n d"], Int[Tensor, " m"]]:
    """All vectors as rows, and the numbers of the rows that count."""
    return h.reshape(mask.numel(), h.shape[-1]), mask.flatten().nonzero()[:, 0]


def histogram(ids: Int[Tensor, "n q"], codes: int) -> Float[Tensor, "q v"]:
    """How often each code is used at each level."""
    return torch.stack([level.bincount(minlength=codes) for level in ids.unbind(1)]).float()


def usage(ids: Int[Tensor, "n q"], codes: int) -> dict[str, Tensor | float]:
    """Of each level, counted from 1: `perplexity`, exp of the entropy of use, and `used`, the share of codes in use."""
    counts = histogram(ids, codes)
    share = counts / counts.sum(1, keepdim=True).clamp(min=1)
    perplexity = torch.special.entr(share).sum(1).exp()
    used = (counts > 0).float().mean(1)
    logs: dict[str, Tensor | float] = {f"perplexity_{q + 1}": x for q, x in enumerate(perplexity)}
    return logs | {f"used_{q + 1}": x for q, x in enumerate(used)}
