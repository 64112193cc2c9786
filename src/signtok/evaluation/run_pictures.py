"""`signtok evaluate` of a picture tokenizer: the test part of a folder that it was trained on, any other whole."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from signtok.config import PictureDataConfig
from signtok.data.generate import is_generated
from signtok.data.picture_folder import Pictures, load_pictures
from signtok.data.picture_hands import PictureHands, hands_of_pictures
from signtok.data.rendered import rendered_pictures
from signtok.data.split import spaced, split_pictures
from signtok.evaluation.choices import PictureChecks
from signtok.evaluation.evaluate_pictures import (
    Reconstructed,
    class_scores,
    hand_scores,
    latent_scores,
    perceptual_scores,
    pixel_scores,
    reconstruct_all,
)
from signtok.evaluation.measured import decoded_in
from signtok.evaluation.score import Score
from signtok.hub import PictureTokenizer

NO_MORE = PictureChecks()
SMALLEST, LARGEST = 32, 512
"""Pixels of a side: what LPIPS's AlexNet can see, and what fits into memory 2,500 times."""
UNSEEN, UNSEEN_SEED = 500, 20241112
"""Rendered pictures that no training sees, whose seed is 0."""


@dataclass(frozen=True, eq=False)
class Tested:
    """Rows of a folder of pictures that a tokenizer has not seen, and what part of it they are, in words."""

    folder: Path
    pictures: Pictures
    rows: Int[np.ndarray, " n"]
    part: str

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    def reconstructed(
        self,
        tokenizer: PictureTokenizer,
        refine: int | None = None,
        codebooks: int | None = None,
        steps: int | None = None,
    ) -> Reconstructed:
        """refine, codebooks, steps: in place of the tokenizer's own; the signature tells them."""
        pictures, rows = self.pictures, self.rows
        what = f"{self.name}|{self.part}|{len(rows)} pictures|{pictures.pixels.shape[1]} px|{pictures.hash}"
        if refine is not None:
            what += f"|refined {refine} steps"
        if codebooks is not None:
            what += f"|codebooks:{codebooks}"
        what += decoded_in(tokenizer, steps)
        labels, classes = pictures.labels[rows], pictures.classes
        return reconstruct_all(tokenizer, pictures.pixels[rows], labels, classes, what, refine, codebooks, steps)

    def hands(self, landmarks: Path) -> PictureHands:
        """Raises ValueError for rendered pictures, which have no landmarks, and as `hands_of_pictures` does."""
        if is_generated(self.folder):
            raise ValueError(f"--landmarks {landmarks} are of pictures in files; name their folder with --data")
        return hands_of_pictures(self.folder, self.pictures, self.rows, landmarks)


def folder_of(tokenizer: PictureTokenizer) -> Path:
    """What it was trained on: its folder, or "generated". Raises ValueError where that folder is not there."""
    folder = Path(tokenizer.settings.data.path)
    if not (is_generated(folder) or folder.is_dir()):
        raise ValueError(f"{folder}, which {tokenizer.name} was trained on, is not there; name pictures: --data FOLDER")
    return folder


def is_trained_on(config: PictureDataConfig, data: Path) -> bool:
    """Whether `data` is the folder of the configuration, of which a released tokenizer knows the name alone."""
    own = Path(config.path)
    return own.resolve() == data.resolve() or own == Path(data.resolve().name)


def unseen_pictures(tokenizer: PictureTokenizer, data: Path, most: int, size: int | None = None) -> Tested:
    """The test part of the folder that it was trained on, any other whole; at most so many, evenly spaced; of the
    tokenizer's size, or of another."""
    config, size = tokenizer.settings.data, size or tokenizer.size
    if is_generated(data):
        pictures, part = rendered_pictures(UNSEEN, size, seed=UNSEEN_SEED), f"rendered, seed {UNSEEN_SEED}"
        rows = np.arange(len(pictures))
    elif is_trained_on(config, data):
        pictures = load_pictures(data, size)
        parts = split_pictures(pictures.labels, pictures.numbers, config.split)
        rows, part = parts.test, f"test part, {parts.protocol}"
    else:
        pictures, part = load_pictures(data, size), "whole"
        rows = np.arange(len(pictures))
    return Tested(data, pictures, spaced(rows, most), part)


def check_size(tokenizer: PictureTokenizer, size: int | None) -> None:
    """Raises ValueError for one that metrics or memory are not for, or that the tokenizer cannot do."""
    if size is None or size == tokenizer.size:
        return
    if len(tokenizer.shape) == 1:
        raise ValueError(f"--size {size}: {tokenizer.name} knows {tokenizer.size} pixels alone; leave --size out")
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"--size {size}: give {SMALLEST} to {LARGEST} pixels")


def evaluate_pictures(
    tokenizer: PictureTokenizer, data: Path, checks: PictureChecks = NO_MORE
) -> dict[str, list[Score]]:
    """Scores by group.

    Raises ValueError for a folder without pictures, for files of weights or landmarks that cannot be used, and for
    weights that are given and not wanted.
    """
    if checks.pixels_only and (checks.inception or checks.clip):
        raise ValueError("--pixels-only leaves out what --inception and --clip are for; leave one or the other out")
    if checks.limit < 2:
        raise ValueError(f"--limit {checks.limit}: give at least 2 pictures")
    check_size(tokenizer, checks.size)
    tested = unseen_pictures(tokenizer, data, checks.limit, checks.size)
    hands = tested.hands(checks.landmarks) if checks.landmarks else None
    done = tested.reconstructed(tokenizer, checks.refine, checks.codebooks, checks.steps)
    scores = pixel_scores(done) + (hand_scores(done, hands) if hands else [])
    if not checks.pixels_only:
        scores += perceptual_scores(done, checks.inception, checks.clip)
    scores += latent_scores(done)
    return {f"{tested.name}, {tested.part}": scores, f"{tested.name}, by class": class_scores(done)}
