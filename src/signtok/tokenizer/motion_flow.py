"""What a decoder of movement leaves out, drawn by a flow beside it (DisCoRD, Cho et al. 2024; D_initial and D_refine of
paper 001).

The decoder gives the middle of all hands that the codes may stand for. A rectified flow, given the codes and that
middle, draws the difference. It learns from what it will be given: hands that nothing was taken from, encoded and
decoded as they will be.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from signtok import flow
from signtok.config import MotionFlowConfig
from signtok.data.batch import LandmarkBatch
from signtok.data.recording import LANDMARKS
from signtok.nn.maps import fourier
from signtok.nn.squeezeformer import Mask, Squeezeformer
from signtok.tokenizer.decoder import Logs

Motion = Float[Tensor, "b t k 2"]
PATH = flow.Path("rectified")
CORRELATION = 0.9
"""Of noise with that of the frame before: what a decoder leaves out changes about as slowly (docs/log.md)."""


class MotionFlow(nn.Module):
    """A Squeezeformer of the noised difference, the decoder's landmarks, the codes' vectors and the time.

    latent: numbers of a code's vector.
    """

    def __init__(self, config: MotionFlowConfig, latent: int) -> None:
        super().__init__()
        self.config, dim = config, config.blocks.dim
        self.enter = nn.Linear(4 * LANDMARKS + latent, dim)
        self.time = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.blocks = Squeezeformer(config.blocks)
        self.leave = nn.Linear(dim, 2 * LANDMARKS)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def look(self, x_t: Motion, t: Float[Tensor, " b"], z: Tensor, first: Motion, mask: Mask) -> flow.Estimate:
        """What the noised difference is taken for; in float32 but for the network."""
        given = x_t / PATH.deviation(flow.over(t, x_t))
        h = self.enter(torch.cat([given.flatten(2), first.flatten(2), z], -1))
        h = self.blocks(h + self.time(fourier(t, h.shape[-1]))[:, None], mask)
        return PATH.estimate("data", self.leave(h).float().view_as(x_t), x_t, t)

    def loss(self, z: Float[Tensor, "b t d"], first: Motion, batch: LandmarkBatch) -> tuple[Tensor, Logs]:
        """Squared errors of the difference, and of its changes from frame to frame, over landmarks that were seen.

        z, first: codes' vectors and what the decoder made of them, without gradients.
        """
        seen = (batch.present & batch.mask.unsqueeze(-1)).unsqueeze(-1)
        rest = (batch.x - first) / self.config.spread * seen
        t = self.times(len(rest)).to(rest.device)
        error = self.look(PATH.at(rest, fresh_noise(rest), t), t, z, first, batch.mask).x - rest
        score = mean_square(error, seen)
        changes = mean_square(error[:, 1:] - error[:, :-1], seen[:, 1:] & seen[:, :-1])
        loss = self.config.weight * (score + self.config.changes * changes)
        return loss, {"score": score.detach(), "changes": changes.detach()}

    def times(self, count: int) -> Float[Tensor, " b"]:
        return torch.where(torch.rand(count) < self.config.alone, torch.ones(count), flow.logit_normal_times(count))

    def drawn(
        self,
        z: Float[Tensor, "b t d"],
        first: Motion,
        mask: Mask = None,
        steps: int | None = None,
        noise: Motion | None = None,
    ) -> Motion:
        """What the decoder made, with what it left out. steps: None as in the configuration, 0 leaves it as it is.

        Raises ValueError for fewer.
        """
        steps = self.config.steps if steps is None else steps
        if steps == 0:
            return first
        if noise is None:
            noise = seeded_noise(first.shape[1], 0).to(first.device).expand_as(first)
        nodes = flow.reversed_log_spacing(steps)
        rest = flow.sample(lambda x_t, t: self.look(x_t, t, z, first, mask), PATH, noise, nodes)
        return first + self.config.spread * rest


def mean_square(error: Motion, seen: Bool[Tensor, "b t k 1"]) -> Tensor:
    """Over the landmarks that were seen; 0 where none was."""
    return (error.square() * seen).sum() / (2 * seen.sum()).clamp(min=1)


def fresh_noise(x: Motion) -> Motion:
    return slow(torch.randn_like(x))


def seeded_noise(frames: int, seed: int) -> Float[Tensor, "1 t k 2"]:
    """A frame's is the same however many follow: torch draws the last 16 numbers otherwise where their count is no
    multiple of 16."""
    whole = -(-frames // 16) * 16
    noise = torch.randn(1, whole, LANDMARKS, 2, generator=torch.Generator().manual_seed(seed))
    return slow(noise[:, :frames])


def slow(noise: Motion) -> Motion:
    """White noise as noise that changes from frame to frame as slowly as what is left out, of deviation 1 too: what a
    look leaves of it does not make a hand tremble."""
    frames = [noise[:, 0]]
    for fresh in noise[:, 1:].unbind(1):
        frames.append(CORRELATION * frames[-1] + math.sqrt(1 - CORRELATION**2) * fresh)
    return torch.stack(frames, 1)
