"""How a codebook learns: k-means on the first batch, then exponential moving averages, and codes that died come back.

The averages are SoundStream's (Zeghidour et al. 2021, arXiv 2107.03312, section III.C). It puts a dead code where a
random vector is, and so does paper 002; in 128 dimensions hardly any other vector is nearer to that one than to a
cluster's mean, and the code dies again. Ours splits a crowded cluster (Linde, Buzo and Gray 1980): both halves are used
at once. Two slips of the published code of paper 002, inherited from EnCodec, are not copied: there k-means leaves sums
that do not match the counts, so that the first update shrinks each code by its count, and a revived code is at once
overwritten by its old average.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from signtok.config import ResidualVQConfig
from signtok.tokenizer.nearest import ROWS, Scorer, nearest
from signtok.tokenizer.ranks import draw

GRACE = 2.0
"""A code that took a vector's place starts with this many times the least count of a live one: at decay 0.99, 69
batches to find use."""
CROWDED = 4.0
"""A cluster is split if it has this many times the least count of a live one, so that its halves live on."""
SPLIT = 0.01
"""The halves of a code c are (1 + SPLIT) c and (1 - SPLIT) c: near enough that they share its vectors."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """means (V, D), and counts (V), the number of vectors of each."""

    means: Float[Tensor, "v d"]
    counts: Float[Tensor, " v"]


def kmeans(vectors: Float[Tensor, "n d"], codes: int, iterations: int) -> Clusters:
    """Lloyd's algorithm from randomly drawn vectors. A cluster that loses all its vectors stays where it was."""
    means = vectors[draw(len(vectors), codes, vectors.device)]
    counts = vectors.new_zeros(codes)
    for _ in range(iterations):
        scorer = Scorer.of(means)
        sums, counts = torch.zeros_like(means), torch.zeros_like(counts)
        for rows in vectors.split(ROWS):
            ids = nearest(rows, scorer, exact=False)
            sums.index_add_(0, ids, rows)
            counts += ids.bincount(minlength=codes)
        means = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], means)
    return Clusters(means, counts)


def smoothed(cluster_size: Float[Tensor, "q v"], laplace: float) -> Float[Tensor, "q v"]:
    """Laplace smoothing that keeps the total: no count is zero, so no code is divided by zero."""
    total = cluster_size.sum(1, keepdim=True)
    return (cluster_size + laplace) / (total + cluster_size.shape[1] * laplace) * total


@dataclass(frozen=True, eq=False)
class Codebooks:
    """The averages behind q codebooks of V codes: views of the module's buffers, changed in place.

    codes (q, V, D) = embed_sum (q, V, D) / smoothed cluster_size (q, V).
    """

    codes: Float[Tensor, "q v d"]
    cluster_size: Float[Tensor, "q v"]
    embed_sum: Float[Tensor, "q v d"]

    def start(self, level: int, clusters: Clusters) -> None:
        """Take over k-means. A cluster without vectors gets next to no count: it keeps its place, and is soon dead."""
        counts = clusters.counts.clamp(min=0.01)
        self.codes[level] = clusters.means
        self.cluster_size[level] = counts
        self.embed_sum[level] = clusters.means * counts[:, None]

    def average(self, counts: Float[Tensor, "q v"], sums: Float[Tensor, "q v d"], config: ResidualVQConfig) -> None:
        """One step of the moving averages towards a batch's counts and sums."""
        self.cluster_size.mul_(config.decay).add_(counts, alpha=1 - config.decay)
        self.embed_sum.mul_(config.decay).add_(sums, alpha=1 - config.decay)
        self.codes.copy_(self.embed_sum / smoothed(self.cluster_size, config.laplace)[..., None])

    def replace(self, dead: Int[Tensor, "m 2"], vectors: Float[Tensor, "m d"], count: float) -> None:
        """Put codes (rows of level, code) where these vectors are, as if `count` vectors had been there."""
        level, code = dead.unbind(1)
        self.codes[level, code] = vectors
        self.cluster_size[level, code] = count
        self.embed_sum[level, code] = vectors * count

    def split(self, least: float) -> None:
        """Codes whose count is below `least` become halves of the most crowded ones, while there are such."""
        for codes, counts, sums in zip(self.codes, self.cluster_size, self.embed_sum, strict=True):
            dead = (counts < least).nonzero()[:, 0]
            crowded = counts.topk(len(dead)).indices
            crowded = crowded[counts[crowded] > CROWDED * least]
            dead = dead[: len(crowded)]
            half = counts[crowded, None] / 2
            counts[dead] = counts[crowded] = half[:, 0]
            codes[dead], codes[crowded] = (1 - SPLIT) * codes[crowded], (1 + SPLIT) * codes[crowded]
            sums[dead], sums[crowded] = codes[dead] * half, codes[crowded] * half
