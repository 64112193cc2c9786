"""LPIPS as a loss. Its network is nobody's part: no checkpoint holds it, no optimiser sees it."""

import math
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from signtok.config import PerceptualConfig
from signtok.data.batch import PictureBatch
from signtok.nn.perceptual import Lpips, load_lpips
from signtok.tokenizer.decoder import Logs

Pictures = Float[Tensor, "_ 3 _ _"]
MOVE = 7
"""Pixels."""
PER_UNIT = 4
"""Squared error of pictures in [-1, 1], as models see them, over that in [0, 1], as it is reported."""


@cache
def _network(net: Literal["alex", "vgg"], device: torch.device, dtype: torch.dtype) -> Lpips:
    """Its weights are never learnt, so they are rounded and laid out once: autocast would round all of VGG's in every
    step, and oneDNN turn them, which took two fifths of LPIPS's time."""
    return load_lpips(net).to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]


def perceptual_loss(config: PerceptualConfig, x: Pictures, wanted: Pictures, training: bool) -> Float[Tensor, ""]:
    """Mean LPIPS of pictures in [-1, 1], not weighted; in evaluation of whole pictures as they are.

    Raises ValueError where its package is not installed.
    """
    nets: list[Literal["alex", "vgg"]] = ["alex", "vgg"] if config.net == "both" else [config.net]
    seen = []
    for net in nets:
        network, pair = _network(net, x.device, _precision(x.device)), (x, wanted)
        if training:
            pair = varied(config, network.smallest, *pair) if net == "alex" else part(config, *pair)
        seen.append(network(*pair).mean())
    return torch.stack(seen).mean()


def _precision(device: torch.device) -> torch.dtype:
    return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else torch.float32


def varied(config: PerceptualConfig, smallest: int, x: Pictures, wanted: Pictures) -> tuple[Pictures, Pictures]:
    """Both alike: at most MOVE pixels cut off, so that `smallest` remain, at 1 to `config.scale` times the size."""
    if config.scale == 1:
        return x, wanted
    most = max(0, min(MOVE, x.shape[2] - smallest, x.shape[3] - smallest))
    less = int(torch.randint(0, most + 1, ()))
    rows, columns = _somewhere(x, x.shape[2] - less, x.shape[3] - less)
    factor = 1 + (config.scale - 1) * float(torch.rand(()))
    size = [round(factor * (side - less)) for side in x.shape[2:]]
    x, wanted = (F.interpolate(one[..., rows, columns].float(), size, mode="bilinear") for one in (x, wanted))
    return x, wanted


def part(config: PerceptualConfig, x: Pictures, wanted: Pictures) -> tuple[Pictures, Pictures]:
    """The same square of `config.share` of the pictures, drawn anew: batches are in the order of the files."""
    rows, columns = _somewhere(x, min(config.part, x.shape[2]), min(config.part, x.shape[3]))
    some = torch.randperm(len(x))[: math.ceil(config.share * len(x))].to(x.device)
    return x[some][..., rows, columns], wanted[some][..., rows, columns]


def _somewhere(x: Pictures, height: int, width: int) -> tuple[slice, slice]:
    top, left = (int(torch.randint(0, n + 1, ())) for n in (x.shape[2] - height, x.shape[3] - width))
    return slice(top, top + height), slice(left, left + width)


def picture_loss(
    config: PerceptualConfig | None, x: Pictures, batch: PictureBatch, training: bool = False
) -> tuple[Tensor, Logs]:
    """Mean squared error as it is reported, of values in [0, 1], and LPIPS by the weight that it has beside the error
    of values in [-1, 1]."""
    error = F.mse_loss(x.float(), batch.x) / PER_UNIT
    logs = {"mse": error.detach()}
    if config is None:
        return error, logs
    seen = perceptual_loss(config, x, batch.x, training)
    return error + config.weight / PER_UNIT * seen, logs | {"lpips": seen.detach()}
