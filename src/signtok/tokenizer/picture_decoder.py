"""A latent back to a picture. A decoder owns its objective; nothing above it asks which kind it is."""

from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from signtok.config import FlowDecoder, GridNet, LatentDiffusionDecoder, PictureDecoder, PlainDecoder
from signtok.data.batch import PictureBatch
from signtok.nn.grid_nets import GridUp
from signtok.nn.picture_nets import build_up
from signtok.nn.tiles import in_tiles
from signtok.tokenizer.adversary import Adversary
from signtok.tokenizer.decoder import Logs
from signtok.tokenizer.flow_decoder import Flow
from signtok.tokenizer.perceptual import PER_UNIT, picture_loss


class PictureDecoding(Protocol):
    """What a decoder of pictures does."""

    def loss(self, z: Float[Tensor, "b *grid d"], batch: PictureBatch) -> tuple[Tensor, Logs]: ...

    def reconstruct(
        self, z: Float[Tensor, "b *grid d"], steps: int | None = None, generator: torch.Generator | None = None
    ) -> Float[Tensor, "b 3 h w"]:
        """steps: of sampling, None as trained; generator: of the noise, on the CPU. A decoder without needs neither."""
        ...

    def certain(self, z: Float[Tensor, "b *grid d"]) -> Float[Tensor, "b 3 h w"]:
        """What z is decoded to, with a gradient. Raises ValueError for a decoder that samples."""
        ...


def build_picture_decoder(
    config: PictureDecoder, size: int, latent: int, stride: int
) -> "Plain | LatentDiffusion | Flow":
    """stride: pixels of a place of the latent's grid; all of them where it has none."""
    match config:
        case FlowDecoder():
            return Flow(config, latent, stride, size // stride)
        case PlainDecoder():
            return Plain(config, size, latent)
        case LatentDiffusionDecoder():
            return LatentDiffusion(config, size, latent)


class Plain(nn.Module):
    """One network: squared error alone (paper 000), with LPIPS, and with a critic (VQGAN, Esser et al. 2021); or
    two, of which the first knows squared error alone and the encoder learns from no other."""

    def __init__(self, config: PlainDecoder, size: int, latent: int) -> None:
        super().__init__()
        self.config, self.size = config, size
        self.net = build_up(config.net, size, latent)
        self.first = GridUp(config.first, latent) if config.first else None
        self.adversary = Adversary(config.critic, 3, timed=False) if config.critic else None

    def loss(self, z: Float[Tensor, "b *grid d"], batch: PictureBatch) -> tuple[Tensor, Logs]:
        """In evaluation of what is decoded: values beyond black and white are none."""
        initial = None if self.first is None else self.first(z)
        x = self.net(z) if initial is None else self.net(z.detach()) + initial.detach()
        x = x if self.training else x.clamp(-1, 1)
        loss, logs = picture_loss(self.config.perceptual, x, batch, self.training)
        if self.adversary is not None:
            more, judged = self.adversary.loss(batch.x, x.float())
            loss, logs = loss + more / PER_UNIT, logs | judged
        if self.training and initial is not None:
            error = F.mse_loss(initial.float(), batch.x) / PER_UNIT
            loss, logs["first"] = loss + error, error.detach()
        return loss, logs

    def picture(self, z: Float[Tensor, "b *grid d"]) -> Float[Tensor, "b 3 h w"]:
        x = self.net(z)
        return (x if self.first is None else x + self.first(z)).float()

    def reconstruct(
        self, z: Float[Tensor, "b *grid d"], steps: int | None = None, generator: torch.Generator | None = None
    ) -> Float[Tensor, "b 3 h w"]:
        if steps is not None:
            raise ValueError(f"steps={steps}: this decoder does not sample; leave steps out")
        return self.certain(z)

    def certain(self, z: Float[Tensor, "b *grid d"]) -> Float[Tensor, "b 3 h w"]:
        """A grid that is larger than those of training in tiles."""
        if not isinstance(self.config.net, GridNet):
            return self.picture(z)
        tile, places = self.size // self.config.net.stride, (z.shape[1], z.shape[2])
        return in_tiles(lambda z: self.picture(z.permute(0, 2, 3, 1)), [z.permute(0, 3, 1, 2)], places, tile)


class Denoiser(nn.Module):
    """Paper 000, section 3.3: a stack of layers that predicts the noise in a noised latent, told the time."""

    def __init__(self, config: LatentDiffusionDecoder, latent: int) -> None:
        super().__init__()
        self.time = nn.Embedding(config.steps, config.width)
        self.first = nn.Linear(latent, config.width)
        self.layers = nn.ModuleList(nn.Linear(config.width, config.width) for _ in range(config.layers - 2))
        self.last = nn.Linear(config.width, latent)

    def forward(self, z: Float[Tensor, "b d"], t: Int[Tensor, " b"]) -> Float[Tensor, "b d"]:
        h = F.silu(self.first(z) + self.time(t))
        for layer in self.layers:
            h = h + F.silu(layer(h))
        return self.last(h)


class LatentDiffusion(nn.Module):
    """Paper 000, section 3.3: forward diffusion of the latent, a denoiser that predicts the noise, the reverse process
    (Ho et al. 2020, algorithm 2), then the decoder.

    Trained on both at once: the noise at a random step (Ho et al. 2020, equation 14), and the picture decoded from
    the latent that one look at the noised one gives back, so that the decoder learns on what it will be given.
    """

    alpha_bar: Tensor

    def __init__(self, config: LatentDiffusionDecoder, size: int, latent: int) -> None:
        super().__init__()
        self.config = config
        self.net = build_up(config.net, size, latent)
        self.denoiser = Denoiser(config, latent)
        beta = torch.linspace(*config.beta, config.steps, dtype=torch.float64)
        self.register_buffer("alpha_bar", (1 - beta).cumprod(0).float(), persistent=False)

    def noised(self, z: Tensor, t: Tensor, noise: Tensor) -> Float[Tensor, "b d"]:
        """q(z_t | z_0): equation 4."""
        alpha_bar = self.alpha_bar[t][:, None]
        return alpha_bar.sqrt() * z + (1 - alpha_bar).sqrt() * noise

    def loss(self, z: Float[Tensor, "b d"], batch: PictureBatch) -> tuple[Tensor, Logs]:
        z = z.float()
        t = torch.randint(self.config.steps, (len(z),), device=z.device)
        noise = torch.randn_like(z)
        noised = self.noised(z, t, noise)
        found = self.denoiser(noised, t).float()
        noise_error = F.mse_loss(found, noise)
        alpha_bar = self.alpha_bar[t][:, None]
        clean = (noised - (1 - alpha_bar).sqrt() * found) / alpha_bar.sqrt()
        error, logs = picture_loss(None, self.net(clean), batch)
        loss = error + self.config.noise_weight * noise_error
        return loss, logs | {"noise": noise_error.detach()}

    def reconstruct(
        self, z: Float[Tensor, "b d"], steps: int | None = None, generator: torch.Generator | None = None
    ) -> Float[Tensor, "b 3 h w"]:
        """Noised to step `steps` and back; 0 decodes the latent as it is. Raises ValueError outside 0..config.steps."""
        steps = self.config.steps if steps is None else steps
        if not 0 <= steps <= self.config.steps:
            raise ValueError(f"steps={steps}: this decoder was trained with {self.config.steps}; give 0 to that")
        return self.net(self.denoised(z.float(), steps, generator)).float()

    def certain(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b 3 h w"]:
        raise ValueError("this decoder samples, so no latent is the best one: encode with refine=0")

    def denoised(self, z: Tensor, steps: int, generator: torch.Generator | None) -> Float[Tensor, "b d"]:
        """Forward to step `steps` at once, and back one by one (algorithm 2, with the posterior's variance); the same
        noise for all, as each would have it alone."""

        def noise() -> Tensor:
            return torch.randn(1, z.shape[1], generator=generator).to(z.device)

        if steps == 0:
            return z
        x = self.noised(z, torch.full((len(z),), steps - 1, device=z.device), noise())
        for step in range(steps - 1, -1, -1):
            now, before = self.alpha_bar[step], self.alpha_bar[step - 1] if step else self.alpha_bar.new_ones(())
            found = self.denoiser(x, torch.full((len(z),), step, device=z.device)).float()
            clean = (x - (1 - now).sqrt() * found) / now.sqrt()
            beta = 1 - now / before
            mean = (before.sqrt() * beta * clean + (now / before).sqrt() * (1 - before) * x) / (1 - now)
            x = mean + ((1 - before) / (1 - now) * beta).sqrt() * noise() if step else mean
        return x
