"""What is read off the quantised sum: characters, by connectionist temporal classification (Graves et al. 2006)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from signtok.data.batch import Batch
from signtok.data.text import BLANK, VOCABULARY


class CTCHead(nn.Module):
    """A linear layer without bias from the quantised sum to 63 characters (paper 002, section 4.1)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, VOCABULARY, bias=False)

    def forward(self, z: Float[Tensor, "*b t d"]) -> Float[Tensor, "*b t v"]:
        """Log-probabilities of the characters in each frame."""
        return F.log_softmax(self.linear(z).float(), dim=-1)

    def loss(self, z: Float[Tensor, "b t d"], batch: Batch) -> Tensor:
        """Each sequence by the length of its text, averaged over those whose text is known."""
        known = batch.text_len > 0
        each = F.ctc_loss(
            self(z).transpose(0, 1),
            batch.text,
            batch.mask.sum(1),
            batch.text_len,
            blank=BLANK,
            reduction="none",
            zero_infinity=True,
        )
        return (each / batch.text_len.clamp(min=1) * known).sum() / known.sum().clamp(min=1)
