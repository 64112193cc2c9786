"""Networks whose features tell sets of pictures apart, and what the distances by each are called."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from signtok.evaluation.distribution import (
    RESAMPLES,
    cmmd,
    frechet_distance,
    kernel_distance,
    median_distance,
    mmd,
    with_interval,
)
from signtok.evaluation.score import Score
from signtok.nn.clip_vision import ClipVision
from signtok.nn.inception import Inception

CHUNK = 8  # on a CPU twice as fast as 32, which leaves the cache


@runtime_checkable
class FeatureNetwork(Protocol):
    """Pictures (B, 3, H, W) in [0, 1] to features (B, D). `name` goes into the names of scores: FD-name, MMD-name."""

    name: str

    def __call__(self, pictures: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class Distance:
    """One distance of two sets of features, under the name that it may bear; detail: what else its value depends on."""

    name: str
    measure: Callable[[Tensor, Tensor], float]
    detail: str


@torch.no_grad()
def features(network: FeatureNetwork, pictures: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n d"]:
    """Of pictures in [0, 1] that lie on the device of the network's weights. float64, on the CPU."""
    return torch.cat([network(chunk).double().cpu() for chunk in pictures.split(CHUNK)])


def distances(network: FeatureNetwork, before: Float[Tensor, "n d"]) -> list[Distance]:
    """FID and KID by Inception, CMMD by CLIP, FD and MMD with the network's name by any other, which are neither.

    before: features of the real pictures, which give the sigma of MMD.
    """
    if isinstance(network, Inception):
        return [Distance("FID", frechet_distance, "2048"), Distance("KID", kernel_distance, "unbiased")]
    if isinstance(network, ClipVision):
        shape = network.shape
        return [Distance("CMMD", cmmd, f"{shape.size}px/{shape.patch}/{shape.width}|sigma:10|x1000")]
    sigma = median_distance(before)
    return [
        Distance(f"FD-{network.name}", frechet_distance, f"{before.shape[1]}"),
        Distance(f"MMD-{network.name}", partial(mmd, sigma=sigma), f"biased|sigma:median {sigma:.4g}"),
    ]


def distribution_scores(
    network: FeatureNetwork,
    before: Float[Tensor, "n d"],
    after: Float[Tensor, "m d"],
    *,
    signature: str,
    commit: str = "",
    fingerprint: str = "",
) -> list[Score]:
    """Scores of features of real (`before`) and of decoded or generated pictures, with their intervals."""
    scores = []
    for one in distances(network, before):
        interval = with_interval(one.measure, before, after)
        detail = f"{signature}|{one.name}|{one.detail}|real:{len(before)}|resamples:{RESAMPLES}"
        scores.append(
            Score(
                one.name,
                **asdict(interval),
                unit="distance",
                direction="lower",
                signature=detail,
                commit=commit,
                fingerprint=fingerprint,
            )
        )
    return scores
