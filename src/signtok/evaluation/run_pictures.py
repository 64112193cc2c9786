"""`signtok evaluate` of a picture tokenizer: the test part of a folder that it was trained on, any other whole."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from signtok.data.generate import is_generated
from signtok.data.picture_folder import Pictures, load_pictures
from signtok.data.rendered import rendered_pictures
from signtok.data.split import spaced, split_pictures
from signtok.evaluation.evaluate_pictures import (
    Reconstructed,
    class_scores,
    latent_scores,
    perceptual_scores,
    pixel_scores,
    reconstruct_all,
)
from signtok.evaluation.score import Score
from signtok.hub import PictureTokenizer

MOST = 2500
"""Pictures that are evaluated, evenly spaced, so that all classes are there."""

UNSEEN, UNSEEN_SEED = 500, 20241112
"""Rendered pictures that no training sees, whose seed is 0."""


@dataclass(frozen=True, eq=False)
class Tested:
    """Rows of a set of pictures that a tokenizer has not seen, and what part of the set they are, in words."""

    name: str
    pictures: Pictures
    rows: Int[np.ndarray, " n"]
    part: str

    def reconstructed(self, tokenizer: PictureTokenizer) -> Reconstructed:
        pictures, rows = self.pictures, self.rows
        what = f"{self.name}|{self.part}|{len(rows)} pictures|{tokenizer.size} px|{pictures.hash}"
        return reconstruct_all(tokenizer, pictures.pixels[rows], pictures.labels[rows], pictures.classes, what)


def tested_pictures(tokenizer: PictureTokenizer, data: Path, most: int) -> Tested:
    """The test part of the folder that it was trained on, any other whole; at most so many, evenly spaced."""
    config = tokenizer.settings.data
    if is_generated(data):
        pictures, part = rendered_pictures(UNSEEN, tokenizer.size, seed=UNSEEN_SEED), f"rendered, seed {UNSEEN_SEED}"
        rows = np.arange(len(pictures))
    elif Path(config.path).resolve() == data.resolve():
        pictures = load_pictures(data, tokenizer.size)
        parts = split_pictures(pictures.labels, pictures.numbers, config.split)
        rows, part = parts.test, f"test part, {parts.protocol}"
    else:
        pictures, part = load_pictures(data, tokenizer.size), "whole"
        rows = np.arange(len(pictures))
    return Tested(data.resolve().name, pictures, spaced(rows, most), part)


def evaluate_pictures(
    tokenizer: PictureTokenizer, data: Path, inception: Path | None = None, clip: Path | None = None
) -> dict[str, list[Score]]:
    """Scores by group; inception, clip: files of weights, for FID and KID, and for CMMD.

    Raises ValueError for a folder without pictures.
    """
    tested = tested_pictures(tokenizer, data, MOST)
    done = tested.reconstructed(tokenizer)
    scores = pixel_scores(done) + perceptual_scores(done, inception, clip) + latent_scores(done)
    return {f"{tested.name}, {tested.part}": scores, "by class": class_scores(done)}
