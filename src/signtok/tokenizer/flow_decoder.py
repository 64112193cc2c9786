"""A latent to a picture by a flow from noise: papers 001 and 003. What the latent does not hold is drawn."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from signtok import flow
from signtok.config import FlowDecoder, TransformerConfig, UNetConfig
from signtok.data.batch import PictureBatch
from signtok.nn.dit import Transformer
from signtok.nn.grid_nets import GridUp
from signtok.nn.lapped import LappedUp
from signtok.nn.tiles import in_tiles
from signtok.nn.unet import UNet
from signtok.tokenizer.adversary import Adversary
from signtok.tokenizer.decoder import Logs
from signtok.tokenizer.perceptual import PER_UNIT, perceptual_loss, picture_loss

DEVIATION = 0.5
"""Of pictures in [-1, 1], about: what is noised is divided by the deviation that this leads to (Chen 2023)."""
EARLIEST = 0.05
"""Of the times that are trained on: below it an error of the data is hundreds of times as large in the velocity."""
Picture = Float[Tensor, "b 3 h w"]
Times = Float[Tensor, " b"]


def build_denoiser(config: UNetConfig | TransformerConfig, inputs: int) -> UNet | Transformer:
    match config:
        case UNetConfig():
            return UNet(config, inputs)
        case TransformerConfig():
            return Transformer(config, inputs)


class Flow(nn.Module):
    """stride: pixels of a place of the latent's grid; latent: numbers of a place; tile: places of a side that are
    decoded at once, as many as in training.

    The U-Net is given the noised picture and, channel by channel, the latent, its places enlarged to squares (paper
    003), and a picture of it: a linear one, or what D_initial made of it (paper 001, which gives that alone).
    """

    def __init__(self, config: FlowDecoder, latent: int, stride: int, tile: int) -> None:
        super().__init__()
        self.config, self.stride, self.tile = config, stride, tile
        self.path = flow.Path(config.path, config.scale)
        self.first = GridUp(config.first, latent) if config.first else None
        self.linear = LappedUp(latent, stride) if config.shortcut and not config.first else None
        given = (latent if config.sees_latent else 0) + (3 if self.first or self.linear else 0)
        self.net = build_denoiser(config.net, 3 + given)
        self.adversary = Adversary(config.critic, 6, timed=True) if config.critic else None

    def condition(self, z: Float[Tensor, "b y x d"]) -> Float[Tensor, "b c h w"]:
        """The latent, and last a picture of it."""
        given, places = [], z.permute(0, 3, 1, 2)
        if self.config.sees_latent:
            given.append(F.interpolate(places, scale_factor=float(self.stride), mode="nearest"))
        if self.first is not None:
            given.append(self.first(z))
        if self.linear is not None:
            given.append(self.linear(places))
        return torch.cat(given, 1)

    def look(self, x_t: Picture, t: Times, condition: Tensor) -> flow.Estimate:
        """What the noised picture is taken for; in float32 but for the network."""
        x_t = x_t.float()
        given = x_t / flow.over(self.path.deviation(t, DEVIATION), x_t)
        said = self.net(torch.cat([given, condition], 1), t).float()
        if self.config.shortcut and self.config.predicts == "data":
            said = said + condition[:, -3:]
        return self.path.estimate(self.config.predicts, said, x_t, t)

    def loss(self, z: Float[Tensor, "b y x d"], batch: PictureBatch) -> tuple[Tensor, Logs]:
        """While training: of looks at noise and at noised pictures. In evaluation: of what is decoded, in as many steps
        as it will be, for weights are chosen by what they are for."""
        if not self.training:
            return self.decoded_loss(z, batch)
        condition, pictures = self.condition(z), len(batch.x)
        rows, t = self.looks(pictures)
        rows, t = rows.to(batch.x.device), t.to(batch.x.device)
        given = (condition.detach() if self.config.stop_gradient else condition)[rows]
        x = batch.x[rows]
        noise = torch.randn_like(x)
        x_t = self.path.at(x, noise, t)
        found = self.look(x_t, t, given)
        wanted = self.path.target(self.config.score, x, noise, t)
        said = self.path.target(self.config.score, found.x, found.noise, t)
        score = F.mse_loss(said, wanted)
        loss, logs = score, {"score": score.detach(), "mse": F.mse_loss(found.x, x).detach() / PER_UNIT}
        if self.first is not None:
            error = F.mse_loss(condition[:, -3:].float(), batch.x)
            loss, logs["first"] = loss + self.config.first_weight * error, error.detach() / PER_UNIT
        if self.config.perceptual:
            seen = perceptual_loss(self.config.perceptual, found.x[:pictures], batch.x, self.training)
            loss, logs["lpips"] = loss + self.config.perceptual.weight * seen, seen.detach()
        if self.adversary is not None:
            more, judged = self.adversary.loss(torch.cat([x, x_t], 1), torch.cat([found.x, x_t], 1), t)
            loss, logs = loss + more, logs | judged
        return loss, logs

    def looks(self, pictures: int) -> tuple[Int[Tensor, " looks"], Float[Tensor, " looks"]]:
        """Which picture each look of a training step is at, the first look at each in order, and its time."""
        every = torch.arange(pictures)
        if self.config.denoised is None:
            return every, self.draw_times(pictures)
        more = torch.randperm(pictures)[: round(self.config.denoised * pictures)]
        return torch.cat([every, more]), torch.cat([torch.ones(pictures), self.draw_times(len(more))])

    def draw_times(self, count: int) -> Times:
        uniform = self.config.times == "uniform"
        t = flow.uniform_times(count) if uniform else flow.logit_normal_times(count, mean=self.config.shift)
        return t.clamp(min=EARLIEST)

    def decoded_loss(self, z: Float[Tensor, "b y x d"], batch: PictureBatch) -> tuple[Tensor, Logs]:
        return picture_loss(self.config.perceptual, self.reconstruct(z, generator=_seeded()), batch)

    def reconstruct(
        self, z: Float[Tensor, "b y x d"], steps: int | None = None, generator: torch.Generator | None = None
    ) -> Picture:
        """From the noise of `generator`, the same for every picture of the batch as it would be alone: drawn for one.

        Raises ValueError for fewer than one step.
        """
        steps = self.config.steps if steps is None else steps
        nodes = flow.even_spacing(steps) if self.config.spacing == "even" else flow.reversed_log_spacing(steps)
        height, width = (places * self.stride for places in z.shape[1:3])
        z = self.filled_up(z)
        y, x = z.shape[1:3]
        noise = torch.randn(1, 3, y * self.stride, x * self.stride, generator=generator).to(z.device)

        def decode(z: Float[Tensor, "b d y x"], noise: Picture) -> Picture:
            condition = self.condition(z.permute(0, 2, 3, 1))
            return flow.sample(lambda x_t, t: self.look(x_t, t, condition), self.path, noise, nodes)

        maps = [z.permute(0, 3, 1, 2), noise.expand(len(z), -1, -1, -1)]
        return in_tiles(decode, maps, (y, x), self.tile).clamp(-1, 1)[..., :height, :width]

    def filled_up(self, z: Float[Tensor, "b y x d"]) -> Float[Tensor, "b v u d"]:
        """With its last places repeated, to as many as the network can halve."""
        multiple = math.lcm(self.config.net.stride, self.stride) // self.stride
        more = [-places % multiple for places in z.shape[1:3]]
        if not any(more):
            return z
        return F.pad(z.permute(0, 3, 1, 2), (0, more[1], 0, more[0]), mode="replicate").permute(0, 2, 3, 1)

    def certain(self, z: Float[Tensor, "b y x d"]) -> Picture:
        raise ValueError("this decoder samples, so no latent is the best one: encode with refine=0")


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
