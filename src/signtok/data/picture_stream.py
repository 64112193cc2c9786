"""Training pictures as a pure function of the step; and fixed validation batches."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from signtok.config import PictureAugmentConfig
from signtok.data.batch import PictureBatch, signed
from signtok.data.picture_augment import augment

BATCH = 64


@dataclass(frozen=True, eq=False)
class PictureStream:
    """Pictures drawn at random, every class as often as it is there, augmented.

    pixels: uint8 (N, S, S, 3), which may lie on the disk; labels: (N,); rows: those that are trained on; size: that of
    a batch's pictures, which are random crops of `pixels` where these are larger.
    """

    pixels: UInt8[np.ndarray, "n s s 3"]
    labels: Int[np.ndarray, " n"]
    rows: Int[np.ndarray, " m"]
    size: int
    augment: PictureAugmentConfig
    batch_size: int
    seed: int

    def __call__(self, step: int) -> PictureBatch:
        """The batch of a step, always the same one."""
        rng = np.random.default_rng([self.seed, step % 2**63])
        rows = np.sort(rng.choice(self.rows, self.batch_size))
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        x = resized(signed(torch.from_numpy(random_crops(self.pixels, rows, self.size, rng))), self.size)
        return PictureBatch(x=augment(x, self.augment, generator), label=labels_of(self.labels, rows))


def random_crops(
    pixels: UInt8[np.ndarray, "n s s 3"], rows: Int[np.ndarray, " b"], size: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "b a a 3"]:
    """A square of each of those pictures, anywhere in it, all of one side: evenly by its logarithm from `size` pixels
    to the whole picture (RandomResizedCrop of a batch)."""
    whole = pixels.shape[1]
    if whole == size:
        return np.ascontiguousarray(pixels[rows])
    side = round(size * (whole / size) ** rng.random())
    corners = rng.integers(0, whole - side + 1, (len(rows), 2))
    return np.stack([pixels[i, y : y + side, x : x + side] for i, (y, x) in zip(rows, corners, strict=True)])


def resized(x: Float[Tensor, "b 3 a a"], size: int) -> Float[Tensor, "b 3 s s"]:
    """Made that small without aliasing."""
    return x if x.shape[-1] == size else F.interpolate(x, [size, size], mode="bilinear", antialias=True)


def labels_of(labels: Int[np.ndarray, " n"], rows: np.ndarray) -> Int[Tensor, " b"]:
    return torch.from_numpy(np.ascontiguousarray(labels[rows])).long()


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
        rows = self.rows[index * BATCH : (index + 1) * BATCH]
        x = signed(torch.from_numpy(np.ascontiguousarray(self.pixels[rows])))
        return PictureBatch(x=x, label=labels_of(self.labels, rows))
