"""What the networks of feature maps share."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

GROUPS = 8
"""Of every group normalisation."""
Map = Float[Tensor, "b _ _ _"]


def fourier(t: Float[Tensor, " b"], width: int) -> Float[Tensor, "b width"]:
    """cos and sin of 1000 t at frequencies from 1 down to 1/10,000 (Vaswani et al. 2017)."""
    frequency = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=t.device) / (width // 2))
    phase = 1000 * t.float()[:, None] * frequency
    return torch.cat([phase.cos(), phase.sin()], 1)


def check_sides(x: Map, stride: int) -> None:
    """Raises ValueError for a height or width that is no multiple of the stride."""
    height, width = x.shape[2:]
    if height % stride or width % stride:
        raise ValueError(f"pictures of {height} x {width}: the net takes multiples of {stride}; pad them")
