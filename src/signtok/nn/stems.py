"""From landmarks to features and back: the outermost layers of encoder and decoder."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from signtok.config import ConvolutionStem, HandStem
from signtok.nn.squeezeformer import Mask, MaskedBatchNorm, zero_padding

PALM = (0, 5, 9, 13, 17)
"""Wrist and knuckles: the part of a hand that bending the fingers does not move."""


class ConvolutionEnter(nn.Module):
    """Paper 002's stem: coordinates (B, T, K, 2) to (B, T, D)."""

    def __init__(self, config: ConvolutionStem, landmarks: int, dim: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, config.channels, (3, 3), stride=(1, 2), padding=(1, 1), bias=False)
        self.norm_convolution = MaskedBatchNorm(config.channels)
        self.linear = nn.Linear(config.channels * (landmarks // 2), dim, bias=False)
        self.norm = MaskedBatchNorm(dim, momentum=0.95)

    def forward(self, x: Float[Tensor, "b t k 2"], present: Bool[Tensor, "b t k"], mask: Mask) -> Tensor:
        x = self.convolution(rearrange(zero_padding(x, mask), "b t k c -> b c t k"))
        x = F.silu(self.norm_convolution(rearrange(x, "b c t k -> b t k c"), mask))
        return zero_padding(self.norm(self.linear(x.flatten(2)), mask), mask)


class ConvolutionLeave(nn.Module):
    """Paper 002's way out: (B, T, D) to coordinates (B, T, K, 2); says nothing about presence."""

    def __init__(self, config: ConvolutionStem, landmarks: int, dim: int) -> None:
        super().__init__()
        self.landmarks, self.channels = landmarks, config.channels
        self.norm = MaskedBatchNorm(dim, momentum=0.95)
        self.linear = nn.Linear(dim, config.channels * (landmarks // 2), bias=False)
        self.convolution = nn.ConvTranspose2d(
            config.channels, 2, (3, 3), stride=(1, 2), padding=(1, 1), output_padding=(0, 1), bias=False
        )
        self.norm_convolution = MaskedBatchNorm(2)
        self.mix = nn.Linear(2 * landmarks, 2 * landmarks, bias=False)

    def forward(self, x: Float[Tensor, "b t d"], mask: Mask) -> tuple[Tensor, None]:
        x = self.linear(zero_padding(self.norm(x, mask), mask))
        x = self.convolution(rearrange(x, "b t (k c) -> b c t k", c=self.channels))
        x = F.silu(self.norm_convolution(rearrange(x, "b c t k -> b t k c"), mask))
        return self.mix(x.flatten(2)).unflatten(-1, (self.landmarks, 2)), None


def hand_shape(x: Float[Tensor, "b t k 2"], present: Bool[Tensor, "b t k"]) -> Float[Tensor, "b t k 2"]:
    """Each hand about the middle of its own palm, in units of its palm: the same wherever and however large it is."""
    hands = rearrange(x, "b t (n p) c -> b t n p c", p=21)
    seen = rearrange(present, "b t (n p) -> b t n p 1", p=21).to(x.dtype)
    palm, palm_seen = hands[..., PALM, :], seen[..., PALM, :]
    count = palm_seen.sum(-2, keepdim=True).clamp(min=1)
    centre = (palm * palm_seen).sum(-2, keepdim=True) / count
    size = (((palm - centre) ** 2 * palm_seen).sum((-2, -1), keepdim=True) / count).add(1e-4).sqrt()
    return rearrange((hands - centre) / size * seen, "b t n p c -> b t (n p) c")


class HandEnter(nn.Module):
    """Ours: place, shape and presence of each landmark through two linear layers."""

    def __init__(self, config: HandStem, landmarks: int, dim: int) -> None:
        super().__init__()
        self.first = nn.Linear(5 * landmarks, config.width)
        self.second = nn.Linear(config.width, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Float[Tensor, "b t k 2"], present: Bool[Tensor, "b t k"], mask: Mask) -> Tensor:
        features = torch.cat([x, hand_shape(x, present), present.unsqueeze(-1).to(x.dtype)], dim=-1).flatten(2)
        return zero_padding(self.norm(self.second(F.silu(self.first(features)))), mask)


class HandLeave(nn.Module):
    """Ours: coordinates, and the logit that each landmark was seen."""

    def __init__(self, config: HandStem, landmarks: int, dim: int) -> None:
        super().__init__()
        self.landmarks = landmarks
        self.first = nn.Linear(dim, config.width)
        self.second = nn.Linear(config.width, 3 * landmarks)

    def forward(self, x: Float[Tensor, "b t d"], mask: Mask) -> tuple[Tensor, Tensor]:
        out = self.second(F.silu(self.first(x))).unflatten(-1, (self.landmarks, 3))
        return out[..., :2], out[..., 2]


def build_enter(config: ConvolutionStem | HandStem, landmarks: int, dim: int) -> ConvolutionEnter | HandEnter:
    match config:
        case ConvolutionStem():
            return ConvolutionEnter(config, landmarks, dim)
        case HandStem():
            return HandEnter(config, landmarks, dim)


def build_leave(config: ConvolutionStem | HandStem, landmarks: int, dim: int) -> ConvolutionLeave | HandLeave:
    match config:
        case ConvolutionStem():
            return ConvolutionLeave(config, landmarks, dim)
        case HandStem():
            return HandLeave(config, landmarks, dim)
