"""A flow learns what a finished tokenizer leaves out, all else frozen."""

import torch
from torch import Tensor

from signtok.config import TokenizerConfig
from signtok.data.batch import LandmarkBatch
from signtok.tokenizer.decoder import Logs
from signtok.tokenizer.model import TokenizerModel
from signtok.tokenizer.motion_flow import MotionFlow


class FlowTraining(TokenizerModel):
    """A tokenizer of which only the flow learns; saved, it is an ordinary tokenizer."""

    decoder: MotionFlow

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__(config)
        self.requires_grad_(False)
        self.decoder.net.requires_grad_(True)

    def train(self, mode: bool = True) -> "FlowTraining":
        """Everything but the flow stays in evaluation: it learns from what it will be given."""
        super().train(False)
        self.decoder.net.train(mode)
        self.training = mode
        return self

    def loss(self, batch: LandmarkBatch) -> tuple[Tensor, Logs]:
        """In training by as many codebooks as a batch may have; in evaluation by all, and of what is drawn."""
        with torch.no_grad():
            h = self.encoder(batch.x * batch.present.unsqueeze(-1), batch.present, batch.mask)
            z = self.bottleneck.some(h, batch.mask) if self.training else self.bottleneck(h, batch.mask).z
            first, _ = self.decoder.first(z, batch.mask)
        loss, logs = self.decoder.flow_loss(z, first.float(), batch) if self.training else self.decoder.loss(z, batch)
        return loss, logs | {"loss": loss.detach()}
