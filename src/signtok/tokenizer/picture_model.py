"""The picture tokenizer as it is trained: encoder, bottleneck, decoder. Paper 000 in the frame of model.py."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from signtok.config import GaussianConfig, NoBottleneck, PictureTokenizerConfig
from signtok.data.batch import PictureBatch
from signtok.nn.picture_nets import build_down
from signtok.tokenizer.bottleneck import Gaussian, Identity
from signtok.tokenizer.decoder import Logs
from signtok.tokenizer.picture_decoder import build_picture_decoder


def build_picture_bottleneck(config: NoBottleneck | GaussianConfig) -> Identity | Gaussian:
    match config:
        case NoBottleneck():
            return Identity()
        case GaussianConfig():
            return Gaussian()


class PictureModel(nn.Module):
    """h = encoder(x), z = bottleneck(h), x' = decoder(z)."""

    def __init__(self, config: PictureTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.bottleneck = build_picture_bottleneck(config.bottleneck)
        self.encoder = build_down(config.encoder, config.size, self.bottleneck.heads * config.latent)
        self.decoder = build_picture_decoder(config.decoder, config.size, config.latent)

    def loss(self, batch: PictureBatch) -> tuple[Tensor, Logs]:
        """The decoder's, and the bottleneck's by its weight."""
        latent = self.bottleneck(self.encoder(batch.x), torch.ones_like(batch.label, dtype=torch.bool))
        loss, logs = self.decoder.loss(latent.z, batch)
        if isinstance(self.config.bottleneck, GaussianConfig):
            loss = loss + self.config.bottleneck.weight * latent.loss
        return loss, logs | latent.logs | {"loss": loss.detach()}

    @torch.inference_mode()
    def encode(self, x: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]:
        """Pictures in [-1, 1] to latents, float32; call it in evaluation mode."""
        assert not self.training, "encode in evaluation mode: model.eval()"
        return self.bottleneck.encode(self.encoder(x), torch.ones(len(x), dtype=torch.bool, device=x.device)).float()

    @torch.inference_mode()
    def decode(
        self, z: Float[Tensor, "b d"], steps: int | None = None, generator: torch.Generator | None = None
    ) -> Float[Tensor, "b 3 s s"]:
        """Latents to pictures in (-1, 1)."""
        assert not self.training, "decode in evaluation mode: model.eval()"
        return self.decoder.reconstruct(z, steps, generator)
