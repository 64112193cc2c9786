"""What stands between encoder and decoder: `(h, mask) -> Latent`, the second of the five contracts."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Latent:
    """A bottleneck's result; `*grid` is (T,) for poses, (h, w) for pictures, () for one vector.

    z: float (B, *grid, D), what the decoder sees.
    ids: int64 (B, *grid, Q), the codes of z, or None where the latent is continuous.
    loss: a scalar to add to the decoder's, unweighted.
    logs: what is worth a curve, each a number.
    """

    z: Float[Tensor, "b *grid d"]
    ids: Int[Tensor, "b *grid q"] | None
    loss: Tensor
    logs: dict[str, Tensor | float] = field(default_factory=dict)


def check_ids(ids: Int[Tensor, "*grid q"], codes: int) -> None:
    """Raises ValueError for ids that no codebook of so many codes has."""
    if ids.numel() and (int(ids.min()) < 0 or int(ids.max()) >= codes):
        found = f"{int(ids.min())} to {int(ids.max())}"
        raise ValueError(f"ids from {found}, expected 0 to {codes - 1}: are they another tokenizer's?")


class Continuous(nn.Module):
    """A bottleneck without codes."""

    def from_ids(self, ids: Int[Tensor, "b *grid q"]) -> Float[Tensor, "b *grid d"]:
        """Raises ValueError: there are none."""
        raise ValueError("this tokenizer has a continuous latent and no ids; decode its latents instead")


class Identity(Continuous):
    """No bottleneck: z = h, the continuous autoencoder that every code is compared with."""

    heads = 1
    """Vectors that the encoder gives for one latent."""

    def forward(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Latent:
        return Latent(h, None, h.new_zeros(()))

    def encode(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Float[Tensor, "b *grid d"]:
        """What stands for h, as a tokenizer gives it out: itself."""
        return h

    def some(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Float[Tensor, "b *grid d"]:
        """All of it: there is no rougher z."""
        return h


class LayerNorm(Continuous):
    """z = (h - mean) / deviation over each vector, so that noise of one size matters the same everywhere (DiTo, Chen et
    al. 2025)."""

    heads = 1

    def forward(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Latent:
        return Latent(self.encode(h, mask), None, h.new_zeros(()))

    def encode(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Float[Tensor, "b *grid d"]:
        return nn.functional.layer_norm(h.float(), h.shape[-1:])


class Gaussian(Continuous):
    """z ~ N(mean, deviation^2), both from the encoder (Kingma and Welling 2014); its loss is the divergence from
    N(0, 1) in nats, summed over each vector and averaged over vectors. Tokens are the means.

    start: log of the variance where the encoder says 0, as it does before it has learnt anything. With a divergence of
    next to no weight, noise as large as the latents would only have to be unlearnt.
    """

    heads = 2

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.start = start

    def forward(self, h: Float[Tensor, "b *grid d2"], mask: Bool[Tensor, " b *grid"]) -> Latent:
        mean, log_variance = h.float().chunk(2, -1)
        log_variance = (log_variance + self.start).clamp(-20, 10)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean) if self.training else mean
        each = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
        divergence = (each * mask).sum() / mask.sum()
        return Latent(z, None, divergence, {"divergence": divergence.detach()})

    def encode(self, h: Float[Tensor, "b *grid d2"], mask: Bool[Tensor, " b *grid"]) -> Float[Tensor, "b *grid d"]:
        return h.chunk(2, -1)[0]
