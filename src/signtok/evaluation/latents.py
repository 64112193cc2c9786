"""Whether a tokenizer uses the numbers that it has: how its latents vary over a set."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

ACTIVE = 0.01


@dataclass(frozen=True)
class LatentUse:
    """How N latents of D numbers vary.

    share: of the whole variance, by number; adds up to 1.
    active: how many numbers have more than a hundredth of the mean variance (Burda et al. 2016 count above .01, which
        presumes latents of unit variance).
    effective_rank: exp(entropy) of the spectrum of the covariance, as shares (Roy & Vetterli 2007): D where all
        directions vary alike, 1 where all latents lie on a line; like `active`, but whatever the axes.
    """

    share: Float[Tensor, " d"]
    active: int
    effective_rank: float


def latent_use(latents: Float[Tensor, "n d"]) -> LatentUse:
    """Raises ValueError for less than two latents and for latents that are not finite or do not vary at all."""
    if len(latents) < 2 or not latents.isfinite().all():
        raise ValueError(f"latent use: got {tuple(latents.shape)}; give at least two latents, all finite")
    centred = latents.double() - latents.double().mean(0)
    variance = centred.square().mean(0)
    if not variance.sum() > 0:
        raise ValueError(f"latent use: all {len(latents)} latents are the same; give those of different pictures")
    spectrum = torch.linalg.svdvals(centred).square()
    shares = spectrum / spectrum.sum()
    return LatentUse(
        share=variance / variance.sum(),
        active=int((variance > ACTIVE * variance.mean()).sum()),
        effective_rank=float(torch.special.entr(shares).sum().exp()),
    )
