"""Codebook health and bit rate, from the ids alone."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class BitRate:
    """What the tokens cost. `entropy_*`: by a coder that knows each codebook's frequencies, frame by frame."""

    bits_per_frame: float
    bits_per_second: float
    entropy_bits_per_frame: float
    entropy_bits_per_second: float


@dataclass(frozen=True, eq=False)
class CodebookHealth:
    """Per codebook: perplexity in [1, V], share of codes used in [0, 1], codes never used, entropy in bits; frames."""

    perplexity: Float[np.ndarray, " q"]
    used: Float[np.ndarray, " q"]
    dead: Int[np.ndarray, " q"]
    entropy: Float[np.ndarray, " q"]
    frames: int
    """A code counts as dead if these frames never use it: give many times more frames than codes."""


@dataclass
class CodeCounts:
    """Counts of each code, added up recording by recording: memory stays flat."""

    codebooks: int
    codes: int
    counts: Int[np.ndarray, "q v"] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros((self.codebooks, self.codes), np.int64)

    def add(self, ids: Int[np.ndarray, "t q"]) -> None:
        """Raises ValueError for another number of codebooks or an id outside [0, V)."""
        if ids.ndim != 2 or ids.shape[1] != self.codebooks:
            raise ValueError(f"ids: expected shape (T, {self.codebooks}), got {ids.shape}")
        if ids.size and not 0 <= ids.min() <= ids.max() < self.codes:
            raise ValueError(f"ids: expected 0..{self.codes - 1}, got {ids.min()}..{ids.max()}")
        for level, column in enumerate(ids.T):
            self.counts[level] += np.bincount(column, minlength=self.codes)

    @property
    def frames(self) -> int:
        return int(self.counts[0].sum())

    def health(self) -> CodebookHealth:
        """Raises ValueError before any frame was added."""
        if self.frames == 0:
            raise ValueError("codebook health: no frames counted; add ids first")
        share = self.counts / self.frames
        logs = np.log2(share, where=share > 0, out=np.zeros_like(share))
        entropy = np.abs((share * logs).sum(1))  # abs: one code alone gives -0
        seen = (self.counts > 0).sum(1)
        return CodebookHealth(2**entropy, seen / self.codes, self.codes - seen, entropy, self.frames)

    def bit_rate(self, frames_per_second: float) -> BitRate:
        """Nominal Q log2 V bits a frame, and the sum of the codebooks' entropies, never below their joint one."""
        nominal, entropy = self.codebooks * np.log2(self.codes), self.health().entropy.sum()
        rates = [nominal, nominal * frames_per_second, entropy, entropy * frames_per_second]
        return BitRate(*(float(rate) for rate in rates))
