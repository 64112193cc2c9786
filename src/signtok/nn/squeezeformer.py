"""Squeezeformer blocks as paper 002 uses them (after Kim et al. 2022, arXiv 2206.00888), masked everywhere.

Each block is attention, feed-forward, convolution, feed-forward; each of the four is scaled and shifted per channel
on its way in, added to its input and layer-normalised on its way out (post-norm). No time is ever halved: one vector a
frame comes out. A block holds 207,104 parameters at the paper's size (128 channels, 4 heads, kernel 51).
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from signtok.config import SqueezeformerConfig
from signtok.nn.memo import Memo

Mask = Bool[Tensor, "b t"] | None
"""True on real frames; None where every frame is real, which is the fast path of encoding."""


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of channel-last features whose statistics count real frames only."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, x: Float[Tensor, "b t *rest c"], mask: Mask = None) -> Float[Tensor, "b t *rest c"]:
        mean, variance = self._batch_statistics(x, mask) if self.training else (self.running_mean, self.running_var)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return torch.addcmul(self.bias - mean * scale, x, scale)

    def _batch_statistics(self, x: Tensor, mask: Mask) -> tuple[Tensor, Tensor]:
        """Mean and biased variance (C,) of the real frames; the running ones move towards them."""
        x = x.float()
        weight = x.new_ones(x.shape[:2]) if mask is None else mask.float()
        weight = _broadcast(weight, x)
        count = weight.sum() * math.prod(x.shape[2:-1])
        dims = tuple(range(x.ndim - 1))
        mean = (x * weight).sum(dims) / count
        variance = ((x - mean).square() * weight).sum(dims) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1).clamp(min=1), self.momentum)
            self.num_batches_tracked += 1
        return mean, variance


def _broadcast(mask: Tensor, x: Tensor) -> Tensor:
    return mask.view(*mask.shape, *[1] * (x.ndim - 2))


def zero_padding(x: Tensor, mask: Mask) -> Tensor:
    """Frames that are not real become zero, so that a convolution sees the same thing at any padding."""
    return x if mask is None else x * _broadcast(mask, x).to(x.dtype)


class Affine(nn.Module):
    """Learned scale and shift of each channel."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias, x, self.scale)


def relative_positions(frames: int, dim: int, device: torch.device) -> Float[Tensor, "r d"]:
    """Sinusoids of the distances T-1 ... -(T-1), as in Transformer-XL (Dai et al. 2019, section 3.3)."""
    distance = torch.arange(frames - 1, -frames, -1, device=device, dtype=torch.float32)
    rate = torch.exp(torch.arange(0, dim, 2, device=device, dtype=torch.float32) * (-math.log(10_000.0) / dim))
    angle = distance[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :dim]


def relative_shift(scores: Float[Tensor, "*b t r"]) -> Float[Tensor, "*b t t"]:
    """scores[i, r] for a column of zeros and then the distances r = T-1 ... -(T-1) becomes out[i, j] for i - j."""
    *batch, frames, columns = scores.shape
    shifted = scores.reshape(*batch, columns, frames)[..., 1:, :]
    return shifted.reshape(*batch, frames, columns - 1)[..., :frames]


class RelativeAttention(nn.Module):
    """Multi-head self-attention with relative positions. Without gradients their keys are worked out once."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.position = nn.Linear(dim, dim, bias=False)
        self._memo: Memo[Tensor] = Memo()
        self.content_bias = nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, dim // heads)))
        self.position_bias = nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, dim // heads)))

    def forward(self, x: Float[Tensor, "b t d"], mask: Mask = None) -> Float[Tensor, "b t d"]:
        split = "b t (h c) -> b h t c"
        q = rearrange(self.query(x), split, h=self.heads)
        k = rearrange(self.key(x), split, h=self.heads)
        v = rearrange(self.value(x), split, h=self.heads)
        p = self._positions(x.shape[1], x.device).to(q.dtype)
        root = q.shape[-1] ** -0.5
        by_place = (q + self.position_bias[:, None].to(q.dtype)) * root
        bias = relative_shift(by_place @ p)  # (B,H,T,T)
        if mask is not None:
            bias = bias.masked_fill(~mask[:, None, None], -1e9 if bias.dtype == torch.float32 else -1e4)
        q = q + self.content_bias[:, None].to(q.dtype)
        scores = torch.baddbmm(bias.flatten(0, 1), q.flatten(0, 1), k.flatten(0, 1).mT, alpha=root)
        out = torch.softmax(scores, dim=-1).view(bias.shape) @ v
        return self.out(rearrange(out, "b h t c -> b t (h c)"))

    def _positions(self, frames: int, device: torch.device) -> Float[Tensor, "h c r"]:
        """Keys of a distance that nobody asks for, and then of T-1 ... -(T-1)."""
        if torch.is_grad_enabled():
            return F.pad(self._keys(frames, device), (1, 0))
        most = 1 << frames.bit_length()  # more than T, so that one product serves many T
        with torch.autocast(device.type, enabled=False):
            known = self._memo.get(self.position.weight, most, lambda: self._keys(most, device))
        return known[..., most - frames - 1 : most + frames - 1]

    def _keys(self, frames: int, device: torch.device) -> Float[Tensor, "h c r"]:
        distances = relative_positions(frames, self.position.in_features, device)
        return rearrange(self.position(distances), "r (h c) -> h c r", h=self.heads)


class FeedForward(nn.Sequential):
    """Two linear layers of the same width (the paper's expansion of 1)."""

    def __init__(self, dim: int) -> None:
        super().__init__(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))


class Convolution(nn.Module):
    """Gated pointwise, depthwise along time, batch norm over real frames, pointwise."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, 2 * dim)
        self.depthwise = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim, bias=False)
        self.norm = MaskedBatchNorm(dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "b t d"], mask: Mask = None) -> Float[Tensor, "b t d"]:
        x = self.along_time(zero_padding(F.glu(self.gate(x), dim=-1), mask))
        return self.out(F.silu(self.norm(x, mask)))

    def along_time(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """The depthwise convolution, as one over pictures of height 1: (B,T,D) is channels-last as it lies, and 3 to 20
        times as fast so on a CPU. Not for one sequence in bf16, where torch 2.13 can hang on two threads."""
        if len(x) == 1 and torch.is_autocast_enabled(x.device.type):
            return self.depthwise(x.mT).mT
        weight = self.depthwise.weight.unsqueeze(2)  # (D,1,1,kernel)
        padding = (0, weight.shape[3] // 2)
        return F.conv2d(x.mT.unsqueeze(2), weight, padding=padding, groups=x.shape[2]).squeeze(2).mT


class SqueezeformerBlock(nn.Module):
    def __init__(self, config: SqueezeformerConfig) -> None:
        super().__init__()
        dim = config.dim
        self.attention = RelativeAttention(dim, config.heads)
        self.feed_forward_1 = FeedForward(dim)
        self.convolution = Convolution(dim, config.kernel)
        self.feed_forward_2 = FeedForward(dim)
        self.enter = nn.ModuleList(Affine(dim) for _ in range(4))
        self.leave = nn.ModuleList(nn.LayerNorm(dim) for _ in range(4))

    def forward(self, x: Float[Tensor, "b t d"], mask: Mask = None) -> Float[Tensor, "b t d"]:
        x = self.leave[0](x + self.attention(self.enter[0](x), mask))
        x = self.leave[1](x + self.feed_forward_1(self.enter[1](x)))
        x = self.leave[2](x + self.convolution(self.enter[2](x), mask))
        return self.leave[3](x + self.feed_forward_2(self.enter[3](x)))


class Squeezeformer(nn.Module):
    """A stack of blocks: (B, T, D) to (B, T, D), padding zeroed at the end."""

    def __init__(self, config: SqueezeformerConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(SqueezeformerBlock(config) for _ in range(config.blocks))

    def forward(self, x: Float[Tensor, "b t d"], mask: Mask = None) -> Float[Tensor, "b t d"]:
        for block in self.blocks:
            x = block(x, mask)
        return zero_padding(x, mask)
