"""Many 2-D views of the same letters, as a fit of handshapes takes them: by signer and letter, sorted into variants."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from signtok.data.handshapes import DELETE
from signtok.data.recording import Recording
from signtok.data.takes import to_takes

VARIANTS = 8
"""Of one signer's letter, at most."""
MOST = 300
"""Hands of one signer's letter, at most."""


@dataclass(frozen=True, eq=False)
class Views:
    """hands: N right hands, centred, root mean square radius 1, y down; variant: to which of V each belongs. Of each
    variant its character, signer and source, as places in the lists of names."""

    hands: Float[Tensor, "n 21 2"]
    variant: Int[Tensor, " n"]
    character: Int[Tensor, " v"]
    signer: Int[Tensor, " v"]
    source: Int[Tensor, " v"]
    characters: list[str]
    signers: list[str]
    sources: list[str]


def collect(recordings: Iterable[Recording]) -> Views:
    """At most MOST hands of each signer and character, evenly spaced, sorted into variants."""
    cells: dict[tuple[str, str, str], list[np.ndarray]] = {}
    for recording in recordings:
        named = replace(recording, text=DELETE) if recording.label.lower() == "del" else recording
        for take in to_takes(named):
            cells.setdefault((take.text, f"{recording.source}/{recording.signer}", recording.source), []).append(
                take.hand
            )
    hands, variant = [], []
    kinds: list[tuple[str, str, str]] = []
    for kind, takes in sorted(cells.items()):
        every = torch.from_numpy(np.concatenate(takes))
        chosen = unit(every[torch.linspace(0, len(every) - 1, min(len(every), MOST)).long()])
        groups = sort_into(chosen, min(VARIANTS, 1 + len(chosen) // 8))
        hands.append(chosen)
        variant.append(groups + len(kinds))
        kinds += [kind] * (int(groups.max()) + 1)
    names = [sorted({kind[i] for kind in kinds}) for i in range(3)]
    character, signer, source = torch.tensor([[names[i].index(kind[i]) for i in range(3)] for kind in kinds]).unbind(1)
    return Views(torch.cat(hands), torch.cat(variant), character, signer, source, *names)


def unit(hands: Float[Tensor, "n 21 2"]) -> Float[Tensor, "n 21 2"]:
    """Centred, of root mean square radius 1."""
    centred = hands - hands.mean(1, keepdim=True)
    return centred / centred.square().sum(-1).mean(-1).sqrt().clamp(min=1e-6)[:, None, None]


def sort_into(hands: Float[Tensor, "n 21 2"], groups: int) -> Int[Tensor, " n"]:
    """Lloyd's k-means from hands evenly spaced in time; groups may come out empty and are then left out."""
    flat = hands.flatten(1)
    centres = flat[torch.linspace(0, len(flat) - 1, 2 * groups + 1).long()[1::2]]
    for _ in range(20):
        nearest = torch.cdist(flat, centres).argmin(1)
        means = [flat[nearest == i].mean(0) if (nearest == i).any() else centre for i, centre in enumerate(centres)]
        centres = torch.stack(means)
    return nearest.unique(return_inverse=True)[1]


def medoids(views: Views) -> Float[Tensor, "v 21 2"]:
    """The most ordinary hand of each variant."""
    chosen = []
    for index in range(len(views.character)):
        hands = views.hands[views.variant == index]
        chosen.append(hands[(hands - hands.median(0).values).square().sum((1, 2)).argmin()])
    return torch.stack(chosen)
