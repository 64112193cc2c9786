"""The one thing that every data source yields and everything trainable takes."""

from dataclasses import dataclass, fields, replace
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

Rows = TypeVar("Rows", bound="Batch")


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of what is trained on. x: float32 (B, ...); label: int64 (B,), the class or source that a row is of."""

    x: Tensor
    label: Int[Tensor, " b"]

    def __len__(self) -> int:
        return len(self.x)

    @property
    def weight(self) -> int:
        """What its means are over: batches are averaged by it."""
        return len(self)

    @property
    def unit(self) -> str:
        """What `weight` counts, in the plural."""
        return "rows"

    def to(self: Rows, device: torch.device | str) -> Rows:
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def rows(self: Rows, start: int, stop: int) -> Rows:
        """Rows start..stop, at the same padding: the share of one process."""
        return replace(self, **{f.name: getattr(self, f.name)[start:stop] for f in fields(self)})


@runtime_checkable
class Batches(Protocol):
    """A list of batches, or what makes each of them when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Batch: ...


@dataclass(frozen=True, eq=False)
class PictureBatch(Batch):
    """Pictures of one size. x: float32 (B, 3, H, W) in [-1, 1]."""

    x: Float[Tensor, "b 3 h w"]

    @property
    def unit(self) -> str:
        return "pictures"


@dataclass(frozen=True, eq=False)
class LandmarkBatch(Batch):
    """A padded batch of landmark sequences, normalised.

    x: float32 (B, T, K, 2), zero where `present` is False.
    mask: bool (B, T), True on real frames.
    present: bool (B, T, K), True where the landmark was seen.
    text: int64 (B, L), character ids (data/text.py), padded with BLANK; text_len: int64 (B,), 0 where unknown.
    """

    x: Float[Tensor, "b t k 2"]
    mask: Bool[Tensor, "b t"]
    present: Bool[Tensor, "b t k"]
    text: Int[Tensor, "b l"]
    text_len: Int[Tensor, " b"]

    @property
    def weight(self) -> int:
        """Real frames."""
        return int(self.mask.sum())

    @property
    def unit(self) -> str:
        return "frames"


def signed(pictures: UInt8[Tensor, "b h w 3"]) -> Float[Tensor, "b 3 h w"]:
    """Pictures as models take them: [0, 255] to [-1, 1]."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def unsigned(x: Float[Tensor, "b 3 h w"]) -> UInt8[Tensor, "b h w 3"]:
    """[-1, 1] to [0, 255]."""
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
