"""What is read off the quantised sum: characters, by connectionist temporal classification (Graves et al. 2006)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from signtok.config import SqueezeformerConfig
from signtok.data.batch import LandmarkBatch
from signtok.data.text import BLANK, VOCABULARY
from signtok.nn.squeezeformer import Mask, Squeezeformer


class CTCHead(nn.Module):
    """From the quantised sum to 63 characters: blocks, and a linear layer without bias. Without blocks it is the head
    of paper 002, section 4.1."""

    def __init__(self, config: SqueezeformerConfig) -> None:
        super().__init__()
        self.blocks = Squeezeformer(config)
        self.linear = nn.Linear(config.dim, VOCABULARY, bias=False)

    def forward(self, z: Float[Tensor, "b t d"], mask: Mask = None) -> Float[Tensor, "b t v"]:
        """Log-probabilities of the characters in each frame."""
        return F.log_softmax(self.linear(self.blocks(z, mask)).float(), dim=-1)

    def loss(self, z: Float[Tensor, "b t d"], batch: LandmarkBatch) -> Tensor:
        """Each sequence by the length of its text, averaged over those whose text is known."""
        known = batch.text_len > 0
        each = F.ctc_loss(
            self(z, batch.mask).transpose(0, 1),
            batch.text,
            batch.mask.sum(1),
            batch.text_len,
            blank=BLANK,
            reduction="none",
            zero_infinity=True,
        )
        return (each / batch.text_len.clamp(min=1) * known).sum() / known.sum().clamp(min=1)
