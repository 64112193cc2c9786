"""Fits the table of handshapes to real landmarks: 3-D joint angles from many 2-D views of the same letters.

    python -m signtok.recipes.handshapes --data FOLDER --only permissive --out src/signtok/data/handshapes.npz

A single view leaves depth open. What closes it: a letter is one handshape in all its views (a Gaussian prior on the
joint angles, estimated on the way), a signer has one set of bones, joints have limits, and a source has one camera.
The hands of each signer and letter fall into a few variants (straight, turned, another phase of a movement); every
variant starts from the best of many orientations, chosen so that all variants of a letter agree in their angles.
It takes a few minutes on one core; the same data give the same table.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from jaxtyping import Float
from torch import Tensor
from tqdm import trange

from signtok.data.hand_model import (
    AVERAGE,
    LIMITS,
    Bones,
    axis_angle,
    clamp,
    inverse,
    joints,
    mean_rotation,
    multiply,
    project,
    rotation,
    rotation_vector,
)
from signtok.data.handshapes import Handshapes, write_handshapes
from signtok.data.sources import read_source
from signtok.recipes.run import choose_sources
from signtok.recipes.views import Views, collect, medoids

DISTANCE = 8.0
"""Palm lengths from the camera, where a fit starts."""
NOISE = 0.05
"""How far off trackers put a landmark, in root mean square radii of the hand."""
ROBUST = 16.0
"""Squared errors, in units of NOISE, beyond which a landmark counts less (a Cauchy loss)."""
OPEN = torch.tensor([0.6, 0.4, 0.0, 0.3, 0.3] + [0.0, 0.4, 0.5, 0.3] * 4)
"""A loosely open hand: where angles start."""


class Model:
    """What is fitted: angles and orientation of each hand, bones of each signer, camera of each source."""

    def __init__(self, angles: Tensor, turns: Tensor, signer: Tensor, source: Tensor) -> None:
        signers, sources = int(signer.max()) + 1, int(source.max()) + 1
        self.signer, self.source = signer, source
        self.angles, self.turns = angles.clone().requires_grad_(), turns.clone().requires_grad_()
        self.base, self.log_lengths = (torch.zeros(signers, 5, 3, requires_grad=True) for _ in range(2))
        self.splay = torch.zeros(signers, 4, requires_grad=True)
        self.log_distance, self.log_aspect = (torch.zeros(sources, requires_grad=True) for _ in range(2))

    def shared(self) -> list[Tensor]:
        return [self.base, self.log_lengths, self.splay, self.log_distance, self.log_aspect]

    def bones(self) -> Bones:
        return Bones(AVERAGE.base + self.base, AVERAGE.lengths * self.log_lengths.exp(), AVERAGE.splay + self.splay)

    def seen(self) -> Float[Tensor, "n 21 2"]:
        """What the cameras see, in palm lengths."""
        every = self.bones()
        bones = Bones(every.base[self.signer], every.lengths[self.signer], every.splay[self.signer])
        distance = DISTANCE * self.log_distance.exp()[self.source]
        picture = project(joints(self.angles, bones), rotation(self.turns), distance)
        half = self.log_aspect[self.source] / 2
        return picture * torch.stack([half.exp(), (-half).exp()], -1)[:, None]

    def shared_penalty(self) -> Tensor:
        scales = (0.06, 0.15, 0.12, 0.4, 0.2)
        return sum(((x / s).square().sum() for x, s in zip(self.shared(), scales, strict=True)), torch.tensor(0.0))


def residuals(seen: Float[Tensor, "n 21 2"], hands: Float[Tensor, "n 21 2"]) -> Float[Tensor, "n 21"]:
    """Distances after the best shift and scale, which are free."""
    centred = seen - seen.mean(1, keepdim=True)
    scale = (centred * hands).sum((1, 2)) / centred.square().sum((1, 2)).clamp(min=1e-6)
    return (centred * scale.clamp(min=1e-3)[:, None, None] - hands).square().sum(-1).add(1e-12).sqrt()


def misfit(distance: Float[Tensor, "n 21"]) -> Float[Tensor, " n"]:
    return (ROBUST * ((distance / NOISE).square() / ROBUST).log1p()).sum(-1)


def out_of_limits(angles: Float[Tensor, "n 21"]) -> Float[Tensor, " n"]:
    beyond = (LIMITS[:, 0] - angles).clamp(min=0) + (angles - LIMITS[:, 1]).clamp(min=0)
    return 200 * beyond.square().sum(-1)


def orientations() -> Float[Tensor, "24 4"]:
    """Where the palm may look: yaw and pitch; the roll about the camera's axis follows in closed form."""
    yaws = [axis_angle(torch.tensor([0.0, math.radians(a), 0.0])) for a in range(0, 360, 45)]
    pitches = [axis_angle(torch.tensor([math.radians(a), 0.0, 0.0])) for a in (-60, 0, 60)]
    return torch.stack([multiply(yaw, pitch) for yaw in yaws for pitch in pitches])


def rolled(turns: Float[Tensor, "n 4"], hands: Float[Tensor, "n 21 2"]) -> Float[Tensor, "n 4"]:
    """The orientations, each rolled so that the open hand lies on the seen one as well as it can."""
    distance = torch.full((len(turns),), DISTANCE)
    seen = project(joints(OPEN.repeat(len(turns), 1), AVERAGE), rotation(turns), distance)
    seen = seen - seen.mean(1, keepdim=True)
    sine = (seen[..., 0] * hands[..., 1] - seen[..., 1] * hands[..., 0]).sum(1)
    roll = torch.atan2(sine, (seen * hands).sum((1, 2)))
    return multiply(axis_angle(torch.stack([torch.zeros_like(roll), torch.zeros_like(roll), -roll], -1)), turns)


def starts(views: Views, steps: int = 150) -> tuple[Float[Tensor, "v 21"], Float[Tensor, "v 4"]]:
    """Angles and orientation of each variant: of all orientations the one whose angles the letter's variants share."""
    hands, tries = medoids(views), orientations()
    count = len(tries)
    seen = hands.repeat_interleave(count, 0)
    turns = rolled(tries.repeat(len(hands), 1), seen)
    model = Model(
        OPEN.repeat(len(seen), 1),
        turns,
        views.signer.repeat_interleave(count),
        views.source.repeat_interleave(count),
    )
    optimizer = torch.optim.Adam([model.angles, model.turns], lr=0.08)
    for _ in trange(steps, desc="orientations"):
        apart = ((model.angles - OPEN) / 0.6).square().sum(-1)
        cost = misfit(residuals(model.seen(), seen)) + apart + out_of_limits(model.angles)
        optimizer.zero_grad()
        cost.sum().backward()
        optimizer.step()
    angles = model.angles.detach().unflatten(0, (-1, count))  # (v, tries, 21)
    return _agreeing(views, angles, model.turns.detach().unflatten(0, (-1, count)), cost.detach().view(-1, count))


def _agreeing(views: Views, angles: Tensor, turns: Tensor, cost: Tensor) -> tuple[Tensor, Tensor]:
    """Of each letter the angles for which each of its variants has a try that is near and fits; then those tries."""
    best = torch.zeros(len(angles), dtype=torch.long)
    for character in range(len(views.characters)):
        own = (views.character == character).nonzero()[:, 0]
        candidates = angles[own].flatten(0, 1)
        apart = ((angles[own] - candidates[:, None, None]) / 0.4).square().sum(-1).clamp(max=60)  # (c, own, tries)
        total = (cost[own] + apart).min(-1)
        chosen = total.values.clamp(max=400).sum(-1).argmin()
        best[own] = total.indices[chosen]
    row = torch.arange(len(angles))
    return angles[row, best], turns[row, best]


@dataclass(frozen=True, eq=False)
class Fitted:
    angles: Float[Tensor, "n 21"]
    turns: Float[Tensor, "n 4"]
    bones: Bones
    error: Float[Tensor, " n"]
    """Mean distance of a landmark, in root mean square radii of the hand."""
    aspect: Float[Tensor, " sources"]
    """Width by height that coordinates are stretched by."""


def fit_hands(views: Views, steps: int = 400, every: int = 40) -> Fitted:
    """Maximum a posteriori of everything together; the letters' Gaussians are estimated again now and then."""
    angles, turns = starts(views)
    model = Model(angles[views.variant], turns[views.variant], views.signer[views.variant], views.source[views.variant])
    letter = views.character[views.variant]
    mean, spread = _letters(views, model.angles.detach())
    middle, wander = turns, torch.full((len(turns),), 0.4)
    shared = {"params": model.shared(), "lr": 0.004}
    optimizer = torch.optim.Adam([{"params": [model.angles, model.turns], "lr": 0.03}, shared])
    bar = trange(steps, desc="all hands")
    for step in bar:
        distance = residuals(model.seen(), views.hands)
        turned = rotation_vector(multiply(model.turns, inverse(middle[views.variant])))
        prior = ((model.angles - mean[letter]) / spread[letter]).square().sum(-1)
        prior = prior + (turned / wander[views.variant, None]).square().sum(-1)
        loss = (misfit(distance) + prior + out_of_limits(model.angles)).sum() + 20 * model.shared_penalty()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % every == every - 1:
            mean, spread = _letters(views, model.angles.detach())
            middle, wander = _orientations_of(views, model.turns.detach())
            bar.set_postfix_str(f"mean error {distance.mean():.4f}")
    with torch.no_grad():
        return Fitted(
            angles=model.angles.detach(),
            turns=(model.turns / model.turns.norm(dim=-1, keepdim=True)).detach(),
            bones=model.bones(),
            error=distance.mean(1),
            aspect=model.log_aspect.exp(),
        )


def _letters(views: Views, angles: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each letter's angles; each variant counts alike, however many hands it has."""
    weight = (1 / torch.bincount(views.variant).float())[views.variant]
    letter = views.character[views.variant]
    total = torch.zeros(len(views.characters)).index_add(0, letter, weight)[:, None]
    mean = torch.zeros(len(total), angles.shape[1]).index_add(0, letter, angles * weight[:, None]) / total
    square = (angles - mean[letter]).square() * weight[:, None]
    variance = torch.zeros_like(mean).index_add(0, letter, square) / total
    return mean, (variance + 0.08**2).sqrt()


def _orientations_of(views: Views, turns: Tensor) -> tuple[Tensor, Tensor]:
    """Mean orientation of each variant, and the root mean square angle about it in radians."""
    middles, wanders = [], []
    for index in range(len(views.character)):
        own = turns[views.variant == index]
        middle = mean_rotation(own)
        middles.append(middle)
        wanders.append(rotation_vector(multiply(own, inverse(middle))).square().mean().sqrt().clamp(0.1, 0.6))
    return torch.stack(middles), torch.stack(wanders)


def summarise(views: Views, fitted: Fitted, worst: float = 0.2) -> Handshapes:
    """Means of the variants, and each letter's covariance about them; hands that the model does not explain are left
    out."""
    good = fitted.error < worst
    count = torch.bincount(views.variant[good], minlength=len(views.character))
    kept = (count >= 1).nonzero()[:, 0]
    angles, turns = [], []
    deviations: dict[int, list[Tensor]] = {}
    for index in kept.tolist():
        own = good & (views.variant == index)
        middle = mean_rotation(fitted.turns[own])
        angle = fitted.angles[own].mean(0)
        angles.append(angle)
        turns.append(middle)
        turned = rotation_vector(multiply(fitted.turns[own], inverse(middle)))
        deviation = torch.cat([fitted.angles[own] - angle, turned], 1)
        deviations.setdefault(int(views.character[index]), []).append(deviation)
    letters = sorted(deviations)
    cell = (views.character * len(views.signers) + views.signer)[kept]
    share = count[kept] / torch.bincount(cell, count[kept].double())[cell]
    return Handshapes(
        characters=tuple(views.characters[i] for i in letters),
        letter=np.array([letters.index(i) for i in views.character[kept].tolist()]),
        signer=views.signer[kept].numpy(),
        weight=share.float().numpy(),
        angles=clamp(torch.stack(angles)).numpy(),
        turns=torch.stack(turns).numpy(),
        covariance=np.stack([_covariance(torch.cat(deviations[i])) for i in letters]),
        base=fitted.bones.base.numpy(),
        lengths=fitted.bones.lengths.numpy(),
        splay=fitted.bones.splay.numpy(),
        sources=tuple(views.sources),
    )


def _covariance(deviations: Float[Tensor, "n 24"]) -> np.ndarray:
    """Shrunk towards 0.05 radians in every direction, as if 30 more hands had shown just that."""
    n = len(deviations)
    return ((deviations.T @ deviations + 30 * 0.05**2 * torch.eye(24)) / (n + 30)).numpy()


@dataclass(frozen=True)
class Fit:
    """python -m signtok.recipes.handshapes --data FOLDER --out FILE.npz"""

    data: Path
    """A folder with the known landmark sources."""
    out: Path
    only: Sequence[str] = ()
    """These sources, or "permissive"."""
    without: Sequence[str] = ()
    """Not these: for a table that has not seen the source it is tested on."""


def main(options: Fit) -> None:
    sources = choose_sources(options.data, options.only, options.without)
    views = collect(recording for source in sources for recording in read_source(source))
    print(f"{len(views.hands):,} hands, {len(views.character):,} variants, {len(views.signers)} signers")
    fitted = fit_hands(views)
    for index, name in enumerate(views.sources):
        own = views.source[views.variant] == index
        error, aspect = float(fitted.error[own].mean()), float(fitted.aspect[index])
        print(f"{name}: mean error {error:.3f} of the hand's radius, aspect {aspect:.3f}")
    table = summarise(views, fitted)
    write_handshapes(options.out, table)
    print(f"wrote {options.out}: {len(table.characters)} characters, {len(table.letter)} variants")


if __name__ == "__main__":
    main(tyro.cli(Fit))
