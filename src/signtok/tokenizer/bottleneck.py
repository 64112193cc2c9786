"""What stands between encoder and decoder: `(h, mask) -> Latent`, the second of the five contracts."""

from dataclasses import dataclass, field

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


class Identity(nn.Module):
    """No bottleneck: z = h, the continuous autoencoder that every code is compared with."""

    def forward(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Latent:
        return Latent(h, None, h.new_zeros(()))

    def encode(self, h: Float[Tensor, "b *grid d"], mask: Bool[Tensor, " b *grid"]) -> Float[Tensor, "b *grid d"]:
        """What stands for h, as a tokenizer gives it out: itself."""
        return h
