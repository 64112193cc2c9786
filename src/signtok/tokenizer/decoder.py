"""One vector a frame back to landmarks, with the objective that trains it."""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from signtok.config import DecoderConfig
from signtok.data.batch import LandmarkBatch
from signtok.nn.squeezeformer import Mask, Squeezeformer
from signtok.nn.stems import build_leave

Logs = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """x: (B, T, K, 2) normalised coordinates; present: bool (B, T, K), all True where the decoder has no such head.

    Without B for one sequence.
    """

    x: Float[Tensor, "*b t k 2"]
    present: Bool[Tensor, "*b t k"]


class LandmarkDecoder(nn.Module):
    """Squeezeformer and mirrored stem. 1,336,532 parameters in the configuration of paper 002.

    Its loss is SmoothL1, summed over the coordinates of the landmarks that were seen and averaged over real frames,
    and where there is a head for it the cross-entropy of which landmarks were seen.
    """

    def __init__(self, config: DecoderConfig, landmarks: int) -> None:
        super().__init__()
        self.config = config
        self.blocks = Squeezeformer(config.blocks)
        self.stem = build_leave(config.stem, landmarks, config.blocks.dim)

    def forward(self, z: Float[Tensor, "b t d"], mask: Mask = None) -> tuple[Tensor, Tensor | None]:
        return self.stem(self.blocks(z, mask), mask)

    def loss(self, z: Float[Tensor, "b t d"], batch: LandmarkBatch) -> tuple[Tensor, Logs]:
        x, presence = self(z, batch.mask)
        return self.loss_of(x, presence, batch)

    def loss_of(self, x: Tensor, presence: Tensor | None, batch: LandmarkBatch) -> tuple[Tensor, Logs]:
        """Of what it gave, or what was made of it since."""
        frames = batch.mask.sum()
        seen = (batch.present & batch.mask.unsqueeze(-1)).unsqueeze(-1)
        error = F.smooth_l1_loss(x.float(), batch.x, beta=self.config.beta, reduction="none")
        loss = (error * seen).sum() / frames
        distance = ((x.float() - batch.x).detach().norm(dim=-1) * seen.squeeze(-1)).sum() / seen.sum()
        logs: Logs = {"smooth_l1": loss.detach(), "distance": distance}
        if presence is not None:
            each = F.binary_cross_entropy_with_logits(presence.float(), batch.present.float(), reduction="none")
            logs["presence"] = (each * batch.mask.unsqueeze(-1)).sum() / frames
            loss = loss + self.config.presence_weight * logs["presence"]
            logs["presence"] = logs["presence"].detach()
        return loss, logs

    def reconstruct(
        self, z: Float[Tensor, "b t d"], steps: int | None = None, seed: int = 0, frames: slice = slice(None)
    ) -> Reconstruction:
        """frames: of the recording, which z are. Raises ValueError for steps: it does not sample."""
        if steps is not None:
            raise ValueError(f"steps={steps}: this decoder does not sample; leave steps out")
        return reconstruction(*self(z))


def reconstruction(x: Tensor, presence: Tensor | None) -> Reconstruction:
    return Reconstruction(x.float(), x[..., 0] == x[..., 0] if presence is None else presence > 0)
