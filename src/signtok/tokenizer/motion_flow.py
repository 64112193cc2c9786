"""What a decoder of movement leaves out, drawn by a flow after it (DisCoRD, Cho et al. 2024; D_initial and D_refine of
paper 001).

The decoder gives the middle of all hands that the codes may stand for. A rectified flow, given the codes and that
middle, draws the difference. It learns when the tokenizer is finished, and that tokenizer stays as it is.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from signtok import flow
from signtok.config import DecoderConfig, MotionFlowConfig
from signtok.data.batch import LandmarkBatch
from signtok.data.recording import LANDMARKS
from signtok.nn.maps import fourier
from signtok.nn.squeezeformer import Mask, Squeezeformer
from signtok.tokenizer.decoder import LandmarkDecoder, Logs, Reconstruction, reconstruction

Motion = Float[Tensor, "b t k 2"]
PATH = flow.Path("rectified")
CORRELATION = 0.9
"""Of noise with that of the frame before: what a decoder leaves out changes about as slowly (docs/log.md)."""


class Difference(nn.Module):
    """A Squeezeformer of the noised difference, the decoder's landmarks, the codes' vectors and the time.

    latent: numbers of a code's vector.
    """

    def __init__(self, config: MotionFlowConfig, latent: int) -> None:
        super().__init__()
        dim = config.blocks.dim
        self.enter = nn.Linear(4 * LANDMARKS + latent, dim)
        self.time = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.blocks = Squeezeformer(config.blocks)
        self.leave = nn.Linear(dim, 2 * LANDMARKS)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x_t: Motion, t: Float[Tensor, " b"], z: Tensor, first: Motion, mask: Mask) -> flow.Estimate:
        """What the noised difference is taken for; in float32 but for the network."""
        given = x_t / PATH.deviation(flow.over(t, x_t))
        h = self.enter(torch.cat([given.flatten(2), first.flatten(2), z], -1))
        h = self.blocks(h + self.time(fourier(t, h.shape[-1]))[:, None], mask)
        return PATH.estimate("data", self.leave(h).float().view_as(x_t), x_t, t)


class MotionFlow(nn.Module):
    """A decoder and the difference."""

    def __init__(self, config: DecoderConfig, settings: MotionFlowConfig) -> None:
        super().__init__()
        self.settings = settings
        self.first = LandmarkDecoder(config, LANDMARKS)
        self.net = Difference(settings, config.blocks.dim)

    def loss(self, z: Float[Tensor, "b t d"], batch: LandmarkBatch) -> tuple[Tensor, Logs]:
        """Of what is drawn. What the flow learns by is `flow_loss`."""
        x, presence = self.first(z, batch.mask)
        return self.first.loss_of(self.drawn(z, x.float(), batch.mask), presence, batch)

    def flow_loss(self, z: Float[Tensor, "b t d"], first: Motion, batch: LandmarkBatch) -> tuple[Tensor, Logs]:
        """Squared errors of the difference, and of its changes from frame to frame, over landmarks that were seen.

        z, first: codes' vectors and what the decoder made of them.
        """
        seen = (batch.present & batch.mask.unsqueeze(-1)).unsqueeze(-1)
        rest = (batch.x - first) / self.settings.spread * seen
        t = self.times(len(rest)).to(rest.device)
        error = self.net(PATH.at(rest, fresh_noise(rest), t), t, z, first, batch.mask).x - rest
        score = mean_square(error, seen)
        changes = mean_square(error[:, 1:] - error[:, :-1], seen[:, 1:] & seen[:, :-1])
        return score + self.settings.changes * changes, {"score": score.detach(), "changes": changes.detach()}

    def times(self, count: int) -> Float[Tensor, " b"]:
        return torch.where(torch.rand(count) < self.settings.alone, torch.ones(count), flow.logit_normal_times(count))

    def drawn(
        self,
        z: Float[Tensor, "b t d"],
        first: Motion,
        mask: Mask = None,
        steps: int | None = None,
        seed: int = 0,
        frames: slice = slice(None),
    ) -> Motion:
        """What the decoder made, with what it left out. steps: None as in the configuration, 0 leaves it as it is;
        frames: of the recording, which these are: a frame has the same noise in every window.

        Raises ValueError for fewer steps.
        """
        steps = self.settings.steps if steps is None else steps
        if steps == 0:
            return first
        end = first.shape[1] if frames.stop is None else frames.stop
        noise = seeded_noise(end, seed)[:, frames].to(first.device).expand_as(first)
        nodes = flow.reversed_log_spacing(steps)
        rest = flow.sample(lambda x_t, t: self.net(x_t, t, z, first, mask), PATH, noise, nodes)
        return first + self.settings.spread * rest

    def reconstruct(
        self, z: Float[Tensor, "b t d"], steps: int | None = None, seed: int = 0, frames: slice = slice(None)
    ) -> Reconstruction:
        """As `drawn`."""
        x, presence = self.first(z)
        return reconstruction(self.drawn(z, x.float(), None, steps, seed, frames), presence)


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
    out = torch.cat([noise[:, :1], math.sqrt(1 - CORRELATION**2) * noise[:, 1:]], 1)
    reach = 1
    while reach < noise.shape[1] and CORRELATION**reach > 1e-8:  # sums over twice as many frames each time
        out = torch.cat([out[:, :reach], out[:, reach:] + CORRELATION**reach * out[:, :-reach]], 1)
        reach *= 2
    return out
