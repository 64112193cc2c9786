"""Diffusion and flows: how data become noise, what a network says of it, and the few steps back.

t = 0 is data, t = 1 is noise. A path is x_t = alpha(t) x + sigma(t) noise; whatever a network predicts, the data, the
noise or the velocity dx_t/dt, is turned into both data and noise, and a step of a sampler goes on from these.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from signtok.config.base import MOST_STEPS

Predicts = Literal["data", "noise", "velocity"]
Batch = Float[Tensor, "b *d"]
Times = Float[Tensor, " b"]


@dataclass(frozen=True)
class Estimate:
    """What a noised thing is taken for. x: its data; noise: what was mixed in."""

    x: Batch
    noise: Batch


Model = Callable[[Batch, Times], Estimate]
"""(x_t, t) to an estimate; whatever it is conditioned on is inside."""


@dataclass(frozen=True)
class Path:
    """rectified: x_t = (1 - t) scale x + t noise (Liu et al. 2023).
    cosine: x_t = cos(t pi/2) scale x + sin(t pi/2) noise (Nichol and Dhariwal 2021, without their offset).

    scale: gamma of paper 003, below 1 for noisier data at every time (Chen 2023).
    """

    kind: Literal["rectified", "cosine"] = "rectified"
    scale: float = 1.0

    def weights(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """alpha(t) and sigma(t)."""
        if self.kind == "rectified":
            return self.scale * (1 - t), t
        return self.scale * torch.cos(t * math.pi / 2), torch.sin(t * math.pi / 2)

    def rates(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Their derivatives."""
        if self.kind == "rectified":
            return torch.full_like(t, -self.scale), torch.ones_like(t)
        alpha, sigma = self.weights(t)
        return -self.scale * math.pi / 2 * sigma, math.pi / 2 / self.scale * alpha

    def at(self, x: Batch, noise: Batch, t: Times) -> Batch:
        """x_t."""
        alpha, sigma = self.weights(over(t, x))
        return alpha * x + sigma * noise

    def deviation(self, t: Tensor, of_data: float = 1.0) -> Tensor:
        """Of x_t, for data of deviation `of_data`: a network is given x_t divided by it (Chen 2023)."""
        alpha, sigma = self.weights(t)
        return (alpha.square() * of_data**2 + sigma.square()).sqrt()

    def target(self, predicts: Predicts, x: Batch, noise: Batch, t: Times) -> Batch:
        """What a network should say of x_t."""
        if predicts == "velocity":
            dalpha, dsigma = self.rates(over(t, x))
            return dalpha * x + dsigma * noise
        return x if predicts == "data" else noise

    def estimate(self, predicts: Predicts, said: Batch, x_t: Batch, t: Times) -> Estimate:
        """Data and noise from what a network said of x_t: the inverse of `at` and `target`.

        Data predicted give no noise at t = 0, and noise predicted no data at t = 1: the other is then infinite.
        """
        alpha, sigma = self.weights(over(t, x_t))
        if predicts == "data":
            return Estimate(said, (x_t - alpha * said) / sigma)
        if predicts == "noise":
            return Estimate((x_t - sigma * said) / alpha, said)
        dalpha, dsigma = self.rates(over(t, x_t))
        area = alpha * dsigma - sigma * dalpha  # constant over t: the velocity serves at both ends
        return Estimate((dsigma * x_t - sigma * said) / area, (alpha * said - dalpha * x_t) / area)


def over(t: Times, x: Batch) -> Tensor:
    """(B,) as (B, 1, ...), to go with x."""
    return t.reshape(-1, *(1,) * (x.ndim - 1))


def uniform_times(count: int, generator: torch.Generator | None = None) -> Times:
    """In (0, 1), one from each of `count` equal parts, in random order: evenly spread over a batch, each uniform."""
    strata = torch.randperm(count, generator=generator)
    return ((strata + torch.rand(count, generator=generator)) / count).clamp(1e-5, 1 - 1e-5)


def logit_normal_times(count: int, generator: torch.Generator | None = None, mean: float = 0.0) -> Times:
    """sigmoid(normal), as spread over a batch: most in the middle (Esser et al. 2024, which paper 003 follows)."""
    normal = torch.special.ndtri(uniform_times(count, generator).double())
    return torch.sigmoid(normal + mean).float()


def even_spacing(steps: int) -> Float[Tensor, " nodes"]:
    """Times 1 to 0 of so many steps, equally long."""
    return torch.linspace(1, 0, check_steps(steps) + 1, dtype=torch.float64)


def reversed_log_spacing(steps: int, first: float = 1.0, last: float = 100.0) -> Float[Tensor, " nodes"]:
    """Times 1 to 0 of so many steps, short where it is noisy and long at the end (paper 003, m = 1 and n = 100)."""
    along = torch.linspace(0, 1, check_steps(steps) + 1, dtype=torch.float64)
    return (math.log(first) - (along * (first - last) + last).log()) / (math.log(first) - math.log(last))


def check_steps(steps: int) -> int:
    if not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"steps={steps}: give 1 to {MOST_STEPS:,}")
    return steps


def sample(
    model: Model,
    path: Path,
    noise: Batch,
    nodes: Float[Tensor, " nodes"],
    order: Literal[1, 2] = 1,
) -> Batch:
    """Data from noise along the nodes, times from 1 down.

    order 1: data and noise of one look, mixed anew for the next time (DDIM, Song et al. 2021; Euler's method on a
    rectified path). order 2: Heun's method, two looks a step, but one in the last, which ends at t = 0 with the data
    of its look: with one step both are the same.
    """
    x_t = path.weights(nodes[:1].to(noise))[1] * noise
    for now, then in pairwise(nodes):
        t, s = (node.to(noise).expand(len(noise)) for node in (now, then))
        found = model(x_t, t)
        if then == 0:
            return found.x
        ahead = path.at(found.x, found.noise, s)
        if order == 2:
            other = model(ahead, s)
            slope = path.target("velocity", found.x, found.noise, t) + path.target("velocity", other.x, other.noise, s)
            ahead = x_t + (then - now).to(noise) / 2 * slope
        x_t = ahead
    return x_t


def guided(model: Model, without: Model, weight: float) -> Model:
    """Away from what is said without the condition (Ho and Salimans 2022). weight: 1 is `model`, 0 is `without`.

    For models of one's own: our decoders are never without their latent.
    """

    def look(x_t: Batch, t: Times) -> Estimate:
        towards, away = model(x_t, t), without(x_t, t)
        return Estimate(torch.lerp(away.x, towards.x, weight), torch.lerp(away.noise, towards.noise, weight))

    return look
