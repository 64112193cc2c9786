"""Training pictures as a pure function of the step; and fixed validation batches."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, UInt8

from signtok.config import PictureAugmentConfig
from signtok.data.batch import PictureBatch, signed
from signtok.data.picture_augment import augment

BATCH = 64


@dataclass(frozen=True, eq=False)
class PictureStream:
    """Pictures drawn at random, every class as often as it is there, augmented.

    pixels: uint8 (N, S, S, 3), which may lie on the disk; labels: (N,); rows: those that are trained on.
    """

    pixels: UInt8[np.ndarray, "n s s 3"]
    labels: Int[np.ndarray, " n"]
    rows: Int[np.ndarray, " m"]
    augment: PictureAugmentConfig
    batch_size: int
    seed: int

    def __call__(self, step: int) -> PictureBatch:
        """The batch of a step, always the same one."""
        rng = np.random.default_rng([self.seed, step % 2**63])
        batch = to_batch(self.pixels, self.labels, np.sort(rng.choice(self.rows, self.batch_size)))
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        return PictureBatch(x=augment(batch.x, self.augment, generator), label=batch.label)


def to_batch(pixels: UInt8[np.ndarray, "n s s 3"], labels: Int[np.ndarray, " n"], rows: np.ndarray) -> PictureBatch:
    x = signed(torch.from_numpy(np.ascontiguousarray(pixels[rows])))
    return PictureBatch(x=x, label=torch.from_numpy(np.ascontiguousarray(labels[rows])).long())


@dataclass(frozen=True, eq=False)
class PictureBatches:
    """Those rows in order, not augmented, each batch made when it is asked for: as float32, 2048 pictures of 200 x 200
    would hold a gigabyte."""

    pixels: UInt8[np.ndarray, "n s s 3"]
    labels: Int[np.ndarray, " n"]
    rows: Int[np.ndarray, " m"]

    def __len__(self) -> int:
        return -(-len(self.rows) // BATCH)

    def __getitem__(self, index: int, /) -> PictureBatch:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return to_batch(self.pixels, self.labels, self.rows[index * BATCH : (index + 1) * BATCH])
