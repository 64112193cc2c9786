"""The picture tokenizer as it is trained: encoder, bottleneck, decoder. Paper 000 in the frame of model.py."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from signtok.config import GaussianConfig, LayerNormConfig, NoBottleneck, PictureBottleneck, PictureTokenizerConfig
from signtok.data.batch import PictureBatch
from signtok.nn.picture_nets import build_down
from signtok.tokenizer.bottleneck import Gaussian, Identity, LayerNorm
from signtok.tokenizer.decoder import Logs
from signtok.tokenizer.picture_decoder import build_picture_decoder

REFINE_RATE = 0.1
"""First step of `refine`, as a share of a latent's root mean square. Half and twice as much end within 3 % of it."""


def build_picture_bottleneck(config: PictureBottleneck) -> Identity | Gaussian | LayerNorm:
    match config:
        case LayerNormConfig():
            return LayerNorm()
        case NoBottleneck():
            return Identity()
        case GaussianConfig():
            return Gaussian()


def every_place(h: Float[Tensor, "b *grid d"]) -> Bool[Tensor, " b *grid"]:
    """A mask that leaves nothing out."""
    return torch.ones(h.shape[:-1], dtype=torch.bool, device=h.device)


class PictureModel(nn.Module):
    """h = encoder(x), z = bottleneck(h), x' = decoder(z)."""

    def __init__(self, config: PictureTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.bottleneck = build_picture_bottleneck(config.bottleneck)
        self.encoder = build_down(config.encoder, config.size, self.bottleneck.heads * config.latent)
        self.decoder = build_picture_decoder(config.decoder, config.size, config.latent, config.stride)

    def loss(self, batch: PictureBatch) -> tuple[Tensor, Logs]:
        """The decoder's, and the bottleneck's by its weight."""
        h = self.encoder(batch.x)
        latent = self.bottleneck(h, every_place(h))
        loss, logs = self.decoder.loss(latent.z, batch)
        if isinstance(self.config.bottleneck, GaussianConfig):
            loss = loss + self.config.bottleneck.weight * latent.loss
        return loss, logs | latent.logs | {"loss": loss.detach()}

    @torch.inference_mode()
    def encode(self, x: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b *grid d"]:
        """Pictures in [-1, 1] to latents, float32; call it in evaluation mode."""
        assert not self.training, "encode in evaluation mode: model.eval()"
        h = self.encoder(x)
        return self.bottleneck.encode(h, every_place(h)).float()

    @torch.inference_mode()
    def decode(
        self, z: Float[Tensor, "b *grid d"], steps: int | None = None, generator: torch.Generator | None = None
    ) -> Float[Tensor, "b 3 s s"]:
        """Latents to pictures in (-1, 1)."""
        assert not self.training, "decode in evaluation mode: model.eval()"
        return self.decoder.reconstruct(z, steps, generator)

    @torch.inference_mode(False)
    @torch.enable_grad()
    def refine(
        self, x: Float[Tensor, "b 3 s s"], z: Float[Tensor, "b *grid d"], steps: int
    ) -> Float[Tensor, "b *grid d"]:
        """Latents that decode to less squared error than `z`, each by itself, never to more: the encoder's first guess
        improved by gradient descent through the decoder (semi-amortised inference, Kim et al. 2018).

        Raises ValueError for a decoder that samples.
        """
        x, z = x.clone(), z.clone()  # those of inference mode take no part in a gradient
        size = z.square().mean([*range(1, z.ndim)], keepdim=True).sqrt()
        change = torch.zeros_like(z, requires_grad=True)
        adam = torch.optim.Adam([change], betas=(0.8, 0.95))
        for step in range(steps):
            adam.param_groups[0]["lr"] = REFINE_RATE * (1 - step / steps)
            (change.grad,) = torch.autograd.grad(self._error(x, z + size * change).sum(), change)
            adam.step()
        with torch.no_grad():
            better = z + size * change
            return torch.where((self._error(x, better) < self._error(x, z)).view_as(size), better, z)

    def _error(self, x: Float[Tensor, "b 3 s s"], z: Float[Tensor, "b *grid d"]) -> Float[Tensor, " b"]:
        return (self.decoder.certain(z) - x).square().mean((1, 2, 3))
