"""The table of handshapes: how joint angles and orientation are distributed for each letter, digit and sign.

It was fitted to real landmarks by `signtok.recipes.handshapes`; docs/formats.md describes the file.
"""

import os
from dataclasses import dataclass, fields
from functools import cache, cached_property
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from signtok.atomic import atomic_path
from signtok.data.npz_file import load_arrays

DELETE = "\b"
"""Stands for the sign "delete" among the characters; no text has it."""


@dataclass(frozen=True, eq=False)
class Handshapes:
    """C characters in V variants, and the bones of S signers.

    letter, signer: of each variant, places in `characters` and in the bones; weight: its share of that signer's letter.
    angles: radians, in the order of `hand_model.ANGLES`; turns: unit quaternions (w, x, y, z) of the hand before the
        camera; covariance: of (angles, rotation vector) about the mean of a variant.
    """

    characters: tuple[str, ...]
    sources: tuple[str, ...]
    letter: Int[np.ndarray, " v"]
    signer: Int[np.ndarray, " v"]
    weight: Float[np.ndarray, " v"]
    angles: Float[np.ndarray, "v 21"]
    turns: Float[np.ndarray, "v 4"]
    covariance: Float[np.ndarray, "c 24 24"]
    base: Float[np.ndarray, "s 5 3"]
    lengths: Float[np.ndarray, "s 5 3"]
    splay: Float[np.ndarray, "s 4"]

    @cached_property
    def factor(self) -> Float[np.ndarray, "c 24 24"]:
        """Lower triangles L with L L^T = covariance."""
        return np.linalg.cholesky(self.covariance.astype(np.float64))

    def choose(self, signer: int, alike: float, rng: np.random.Generator) -> Int[np.ndarray, " c"]:
        """A variant of each character at random: one of `signer` with chance `alike`, where there is one, else of any
        signer."""
        own = self.signer == signer
        others = np.bincount(self.letter, self.weight * ~own, len(self.characters)).clip(1e-9)[self.letter]
        weight = self.weight * np.where(own, alike, (1 - alike) / others)
        edges = np.append(0.0, np.cumsum(np.bincount(self.letter, weight)))  # variants are sorted by letter
        drawn = edges[:-1] + rng.uniform(size=len(self.characters)) * np.diff(edges)
        chosen = np.searchsorted(np.cumsum(weight), drawn, side="right")
        first = np.searchsorted(self.letter, np.arange(len(self.characters)))
        return chosen.clip(first, np.append(first[1:], len(weight)) - 1)


def write_handshapes(path: str | os.PathLike[str], table: Handshapes) -> None:
    """As .npz: the fields by their names, characters and sources as arrays of strings."""
    arrays = {f.name: np.asarray(getattr(table, f.name)) for f in fields(table)}
    arrays |= {k: v.astype(np.float32) for k, v in arrays.items() if v.dtype.kind == "f"}
    with atomic_path(Path(path)) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


@cache
def packaged_handshapes() -> Handshapes:
    """The table that comes with signtok, fitted to permissively licensed sources alone."""
    with as_file(files("signtok.data").joinpath("handshapes.npz")) as path:
        return read_handshapes(path)


def read_handshapes(path: str | os.PathLike[str]) -> Handshapes:
    """Raises ValueError for a file that is no table of handshapes."""
    try:
        stored = load_arrays(path)
        arrays = {f.name: stored[f.name] for f in fields(Handshapes)}
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path} is no table of handshapes: make one with signtok.recipes.handshapes") from error
    characters, sources = (tuple(str(x) for x in arrays.pop(key)) for key in ("characters", "sources"))
    return Handshapes(characters, sources, **arrays)
