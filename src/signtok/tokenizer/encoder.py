"""Landmarks to one vector a frame."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from signtok.config import CorruptConfig, EncoderConfig
from signtok.nn.squeezeformer import Mask, Squeezeformer
from signtok.nn.stems import build_enter

FINGERS = 5


def corrupt(
    x: Float[Tensor, "b t k 2"], present: Bool[Tensor, "b t k"], config: CorruptConfig
) -> tuple[Float[Tensor, "b t k 2"], Bool[Tensor, "b t k"]]:
    """Jitter and drop-outs for what the encoder sees: whole frames, and single fingers through whole sequences."""
    batch, frames, landmarks = present.shape
    deviation = config.noise * torch.rand(batch, 1, 1, 1, device=x.device)
    keep_frame = torch.rand(batch, frames, 1, device=x.device) >= config.drop_frame
    keep_finger = torch.rand(batch, 1, landmarks // 21, FINGERS, device=x.device) >= config.drop_finger
    wrist = torch.ones_like(keep_finger[..., :1])
    keep_point = torch.cat([wrist, keep_finger.repeat_interleave(4, dim=-1)], dim=-1).flatten(2)
    present = present & keep_frame & keep_point
    x = x + deviation * torch.randn_like(x)
    return x * present.unsqueeze(-1), present


class Encoder(nn.Module):
    """Stem and Squeezeformer. 1,329,536 parameters in the configuration of paper 002."""

    def __init__(self, config: EncoderConfig, landmarks: int) -> None:
        super().__init__()
        self.config = config
        self.stem = build_enter(config.stem, landmarks, config.blocks.dim)
        self.blocks = Squeezeformer(config.blocks)

    def forward(
        self, x: Float[Tensor, "b t k 2"], present: Bool[Tensor, "b t k"], mask: Mask = None
    ) -> Float[Tensor, "b t d"]:
        if self.training:
            x, present = corrupt(x, present, self.config.corrupt)
        return self.blocks(self.stem(x, present, mask), mask)
