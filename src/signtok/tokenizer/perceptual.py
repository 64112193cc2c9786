"""LPIPS as a loss. Its network is nobody's part: no checkpoint holds it, no optimiser sees it."""

from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from signtok.config import PerceptualConfig
from signtok.data.batch import PictureBatch
from signtok.nn.perceptual import Lpips, load_lpips
from signtok.tokenizer.decoder import Logs

PER_UNIT = 4
"""Squared error of pictures in [-1, 1], as models see them, over that in [0, 1], as it is reported."""


@cache
def _network(net: str, device: torch.device) -> Lpips:
    return load_lpips("vgg" if net == "vgg" else "alex").to(device)


def perceptual_loss(
    config: PerceptualConfig, x: Float[Tensor, "b 3 h w"], wanted: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, ""]:
    """Mean LPIPS of pictures in [-1, 1], not weighted. Raises ValueError where its package is not installed."""
    network = _network(config.net, x.device)
    return network(x, wanted).float().mean()


def picture_loss(
    config: PerceptualConfig | None, x: Float[Tensor, "b 3 h w"], batch: PictureBatch
) -> tuple[Tensor, Logs]:
    """Mean squared error as it is reported, of values in [0, 1], and LPIPS by the weight that it has beside the error
    of values in [-1, 1]."""
    error = F.mse_loss(x.float(), batch.x) / PER_UNIT
    logs = {"mse": error.detach()}
    if config is None:
        return error, logs
    seen = perceptual_loss(config, x, batch.x)
    return error + config.weight / PER_UNIT * seen, logs | {"lpips": seen.detach()}
