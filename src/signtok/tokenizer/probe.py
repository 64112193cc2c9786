"""How much of the letters a finished tokenizer's latents hold: a linear CTC head trained on them, all else frozen."""

import torch
from torch import Tensor

from signtok.config import TokenizerConfig
from signtok.data.batch import LandmarkBatch
from signtok.tokenizer.decoder import Logs
from signtok.tokenizer.heads import CTCHead
from signtok.tokenizer.model import TokenizerModel


class ProbedTokenizer(TokenizerModel):
    """A tokenizer of which only a fresh head learns; saved, it is an ordinary tokenizer that reads by its probe."""

    def __init__(self, config: TokenizerConfig) -> None:
        assert config.head.blocks == 0, "a probe is linear"
        super().__init__(config)
        self.requires_grad_(False)
        self.head = CTCHead(config.head)

    def train(self, mode: bool = True) -> "ProbedTokenizer":
        """Everything but the head stays in evaluation: no dropout of codebooks, no corruption, no moving statistics."""
        super().train(False)
        if self.head is not None:
            self.head.train(mode)
        self.training = mode
        return self

    def loss(self, batch: LandmarkBatch) -> tuple[Tensor, Logs]:
        with torch.no_grad():
            z = self.bottleneck(self.encoder(batch.x, batch.present, batch.mask), batch.mask).z
        assert self.head is not None
        loss = self.head.loss(z, batch)
        return loss, {"loss": loss.detach(), "ctc": loss.detach()}
