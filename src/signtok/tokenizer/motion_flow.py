"""Codes of movement back to landmarks by a flow: what the plain decoder leaves out is drawn (DisCoRD, Cho et al. 2024,
and D_initial and D_refine of paper 001).

The plain decoder gives the mean of all hands that the codes may stand for, smoother than any of them. A rectified flow,
given the codes and that mean, draws the difference.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from signtok import flow
from signtok.config import DecoderConfig, MotionFlowConfig
from signtok.data.batch import LandmarkBatch
from signtok.nn.maps import fourier
from signtok.nn.squeezeformer import Mask, Squeezeformer
from signtok.tokenizer.decoder import LandmarkDecoder, Logs, Reconstruction

Motion = Float[Tensor, "b t k 2"]
PATH = flow.Path("rectified")
CORRELATION = 0.9
"""Of noise with that of the frame before. What a trained decoder leaves out has .86."""


class MotionFlow(nn.Module):
    """A Squeezeformer of the noised difference, the plain decoder's landmarks, the codes' vectors and the time."""

    def __init__(self, config: DecoderConfig, settings: MotionFlowConfig, landmarks: int) -> None:
        super().__init__()
        self.settings, dim = settings, settings.blocks.dim
        self.first = LandmarkDecoder(config, landmarks)
        self.enter = nn.Linear(4 * landmarks + config.blocks.dim, dim)
        self.time = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.blocks = Squeezeformer(settings.blocks)
        self.leave = nn.Linear(dim, 2 * landmarks)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def look(self, x_t: Motion, t: Float[Tensor, " b"], z: Tensor, first: Motion, mask: Mask) -> flow.Estimate:
        """What the noised difference is taken for; in float32 but for the network."""
        given = x_t / PATH.deviation(flow.over(t, x_t))
        h = self.enter(torch.cat([given.flatten(2), first.flatten(2), z], -1))
        h = self.blocks(h + self.time(fourier(t, h.shape[-1]))[:, None], mask)
        return PATH.estimate("data", self.leave(h).float().view_as(x_t), x_t, t)

    def loss(self, z: Float[Tensor, "b t d"], batch: LandmarkBatch) -> tuple[Tensor, Logs]:
        """The plain decoder's, and while training the flow's: squared errors of the difference, and of its changes from
        frame to frame, over landmarks that were seen. The codes learn from the plain decoder alone: the flow takes them
        as they are.

        In evaluation the loss is that of what is decoded.
        """
        if not self.training:
            x, presence = self.decoded(z, batch.mask, None, same_noise(batch.x))
            return self.first.loss_of(x, presence, batch)
        x, presence = self.first(z, batch.mask)
        loss, logs = self.first.loss_of(x, presence, batch)
        first, seen = x.detach().float(), (batch.present & batch.mask.unsqueeze(-1)).unsqueeze(-1)
        rest = (batch.x - first) / self.settings.spread * seen
        t = self.times(len(rest)).to(rest.device)
        found = self.look(PATH.at(rest, fresh_noise(rest), t), t, z.detach(), first, batch.mask)
        error = found.x - rest
        score = mean_square(error, seen)
        changes = mean_square(error[:, 1:] - error[:, :-1], seen[:, 1:] & seen[:, :-1])
        logs |= {"score": score.detach(), "changes": changes.detach()}
        return loss + self.settings.weight * (score + self.settings.changes * changes), logs

    def times(self, count: int) -> Float[Tensor, " b"]:
        return torch.where(torch.rand(count) < self.settings.alone, torch.ones(count), flow.logit_normal_times(count))

    def decoded(
        self, z: Float[Tensor, "b t d"], mask: Mask, steps: int | None, noise: Motion
    ) -> tuple[Motion, Tensor | None]:
        x, presence = self.first(z, mask)
        first = x.float()
        nodes = flow.reversed_log_spacing(self.settings.steps if steps is None else steps)
        rest = flow.sample(lambda x_t, t: self.look(x_t, t, z, first, mask), PATH, noise, nodes)
        return first + self.settings.spread * rest, presence

    def reconstruct(
        self, z: Float[Tensor, "b t d"], mask: Mask = None, steps: int | None = None, noise: Motion | None = None
    ) -> Reconstruction:
        """steps: 0 leaves the difference out. Raises ValueError for fewer."""
        if steps == 0:
            return self.first.reconstruct(z, mask)
        if noise is None:
            noise = same_noise(z.new_empty(*z.shape[:2], self.leave.out_features // 2, 2))
        return self.first.as_reconstruction(*self.decoded(z, mask, steps, noise))


def mean_square(error: Motion, seen: Bool[Tensor, "b t k 1"]) -> Tensor:
    """Over the landmarks that were seen; 0 where none was."""
    return (error.square() * seen).sum() / (2 * seen.sum()).clamp(min=1)


def fresh_noise(x: Motion) -> Motion:
    return slow(torch.randn_like(x))


def same_noise(x: Motion) -> Motion:
    """That of seed 0, the same for every row, whatever is padded: torch draws the last 16 numbers otherwise where their
    count is no multiple of 16."""
    frames = -(-x.shape[1] // 16) * 16
    one = torch.randn(1, frames, *x.shape[2:], generator=torch.Generator().manual_seed(0))
    return slow(one)[:, : x.shape[1]].to(x.device).expand_as(x)


def slow(noise: Motion) -> Motion:
    """White noise as noise that changes from frame to frame as slowly as what is left out, of deviation 1 too: what a
    look leaves of it does not make a hand tremble."""
    frames = [noise[:, 0]]
    for fresh in noise[:, 1:].unbind(1):
        frames.append(CORRELATION * frames[-1] + math.sqrt(1 - CORRELATION**2) * fresh)
    return torch.stack(frames, 1)
