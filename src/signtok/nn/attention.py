"""Attention between all places of a map, as the U-Net of ADM and the encoder of latent diffusion have it."""

import math
from typing import TypeVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from signtok.nn.maps import GROUPS, Map

Heads = Float[Tensor, "b heads n d"]
FEW = 256
"""Places up to which attention is written out."""
Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def zero(layer: Layer) -> Layer:
    """Starts as nothing, so that a block starts as its skip."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def attend(q: Heads, k: Heads, v: Heads) -> Heads:
    """softmax(q k' / sqrt(d)) v. Of few places on a CPU written out: there the backward of torch's takes many times as
    long as the product, and was an eighth of a training step."""
    if q.device.type != "cpu" or q.shape[2] > FEW:
        return F.scaled_dot_product_attention(q, k, v)
    return (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1) @ v


class Attention(nn.Module):
    """x + project(attention(norm(x))) between all places."""

    def __init__(self, channels: int, head: int) -> None:
        super().__init__()
        self.heads = channels // head if channels % head == 0 else 1
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Map) -> Map:
        b, c, height, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, 3, self.heads, c // self.heads, height * width).mT.unbind(1)
        h = attend(q, k, v).mT.reshape(b, c, height, width)
        return x + self.project(h)
