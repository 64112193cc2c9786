"""The one thing that every data source yields and everything trainable takes."""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """A padded batch of landmark sequences, normalised.

    x: float32 (B, T, K, 2), zero where `present` is False.
    mask: bool (B, T), True on real frames.
    present: bool (B, T, K), True where the landmark was seen.
    text: int64 (B, L), character ids (data/text.py), padded with BLANK; text_len: int64 (B,), 0 where unknown.
    label: int64 (B,), the index of the source that a sequence is from.
    """

    x: Float[Tensor, "b t k 2"]
    mask: Bool[Tensor, "b t"]
    present: Bool[Tensor, "b t k"]
    text: Int[Tensor, "b l"]
    text_len: Int[Tensor, " b"]
    label: Int[Tensor, " b"]

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device | str) -> "Batch":
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def rows(self, start: int, stop: int) -> "Batch":
        """Sequences start..stop, at the same padding: the share of one process."""
        return replace(self, **{f.name: getattr(self, f.name)[start:stop] for f in fields(self)})
