"""The picture tokenizer as it is trained: encoder, bottleneck, decoder. Paper 000 in the frame of model.py."""

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from signtok.config import (
    FSQConfig,
    GaussianConfig,
    LayerNormConfig,
    NoBottleneck,
    PictureBottleneck,
    PictureTokenizerConfig,
    ResidualVQConfig,
)
from signtok.data.batch import PictureBatch
from signtok.nn.maps import check_sides
from signtok.nn.picture_nets import build_down
from signtok.nn.tiles import in_tiles
from signtok.tokenizer.bottleneck import Gaussian, Identity, LayerNorm
from signtok.tokenizer.decoder import Logs
from signtok.tokenizer.fsq import FiniteScalars
from signtok.tokenizer.picture_decoder import build_picture_decoder
from signtok.tokenizer.rvq import ResidualVQ

REFINE_RATE = 0.1
"""First step of `refine`, as a share of a latent's root mean square. Half and twice as much end within 3 % of it."""


def build_picture_bottleneck(
    config: PictureBottleneck,
) -> Identity | Gaussian | LayerNorm | ResidualVQ | FiniteScalars:
    match config:
        case LayerNormConfig():
            return LayerNorm()
        case NoBottleneck():
            return Identity()
        case GaussianConfig():
            return Gaussian(config.start)
        case ResidualVQConfig():
            return ResidualVQ(config)
        case FSQConfig():
            return FiniteScalars(config)


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
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # up to a fifth faster

    def loss(self, batch: PictureBatch) -> tuple[Tensor, Logs]:
        """The decoder's, and the bottleneck's by its weight."""
        h = self.encoder(batch.x)
        latent = self.bottleneck(h, every_place(h))
        loss, logs = self.decoder.loss(latent.z, batch)
        match self.config.bottleneck:
            case GaussianConfig(weight=weight):
                loss = loss + weight * latent.loss
            case ResidualVQConfig():
                loss = loss + self.config.commitment_weight * latent.loss
        return loss, logs | latent.logs | {"loss": loss.detach()}

    @torch.inference_mode()
    def encode(self, x: Float[Tensor, "b 3 h w"]) -> Shaped[Tensor, "b *grid d"]:
        """Pictures in [-1, 1] to latents, float32, or where the tokenizer has codes to their ids, int64; call it in
        evaluation mode."""
        assert not self.training, "encode in evaluation mode: model.eval()"
        h = self._look(x).float()
        return self.bottleneck.encode(h, every_place(h))

    def _look(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b *grid d"]:
        """A picture larger than those of training in tiles."""
        stride, tile = self.config.stride, self.config.size // self.config.stride
        if len(self.config.shape) == 1:
            return self.encoder(x)
        check_sides(x, stride)
        places = x.shape[2] // stride, x.shape[3] // stride
        return in_tiles(lambda x: self.encoder(x).permute(0, 3, 1, 2), [x], places, tile).permute(0, 2, 3, 1)

    def from_ids(self, ids: Int[Tensor, "b *grid q"]) -> Float[Tensor, "b *grid d"]:
        """Latents of ids. Raises ValueError for a continuous latent."""
        return self.bottleneck.from_ids(ids)

    @torch.inference_mode()
    def decode(
        self, z: Float[Tensor, "b *grid d"], steps: int | None = None, generator: torch.Generator | None = None
    ) -> Float[Tensor, "b 3 h w"]:
        """Latents to pictures in [-1, 1]."""
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
            (change.grad,) = torch.autograd.grad(mean_square(self.decoder.certain(z + size * change) - x).sum(), change)
            adam.step()
        with torch.no_grad():
            better = z + size * change
            before, after = (mean_square(self.decoder.certain(one).clamp(-1, 1) - x) for one in (z, better))
            return torch.where((after < before).view_as(size), better, z)


def mean_square(x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
    """Of each picture."""
    return x.square().mean((1, 2, 3))
