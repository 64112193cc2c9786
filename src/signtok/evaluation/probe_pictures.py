"""How well the classes of pictures are told from their tokens, and from the principal components of their pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from signtok.build import read_pictures
from signtok.data.picture_folder import Pictures
from signtok.data.split import spaced, split_pictures
from signtok.evaluation.evaluate_pictures import encode_all, reconstruct_all
from signtok.evaluation.latent_probe import Examples, Labelled, linear_probe, small_classifier
from signtok.evaluation.pixel_pca import Rows, fit_pca
from signtok.evaluation.score import Ratio, Score, score
from signtok.hub import PictureTokenizer
from signtok.training.checkpoint import git_commit

COMPONENTS = 64
"""As many as paper 000 has numbers in a latent."""


@dataclass(frozen=True, eq=False)
class Divided:
    """Pictures at one size, and the rows of their training, validation and test part.

    title: what they are and how they were divided, in words; what: all of it, for signatures.
    """

    pictures: Pictures
    rows: tuple[Int[np.ndarray, " trains"], Int[np.ndarray, " validations"], Int[np.ndarray, " tests"]]
    title: str

    @property
    def what(self) -> str:
        train, validation, test = map(len, self.rows)
        return f"{self.title}|train {train}, validation {validation}, test {test}|{self.pictures.hash}"


def divide(tokenizer: PictureTokenizer, data: Path, most: int) -> Divided:
    """As the tokenizer's own pictures were; at most so many, evenly spaced, to train on, and half of that to choose by
    and to test. Raises ValueError for a folder that cannot be divided so."""
    settings = tokenizer.settings
    config = settings.model_copy(update={"data": settings.data.model_copy(update={"path": str(data)})})
    pictures = read_pictures(config)
    parts = split_pictures(pictures.labels, pictures.numbers, config.data.split)
    rows = spaced(parts.train, most), spaced(parts.validation, most // 2), spaced(parts.test, most // 2)
    return Divided(pictures, rows, f"{data.resolve().name}, {parts.protocol}, {tokenizer.size} px")


def probe_tokens(tokenizer: PictureTokenizer, divided: Divided) -> list[Score]:
    """MSE of the test part, and how much of it a linear probe and a small classifier tell from the latents."""
    pictures, (train, validation, test) = divided.pictures, divided.rows
    done = reconstruct_all(tokenizer, pictures.pixels[test], pictures.labels[test], pictures.classes, divided.what)
    before = [encode_all(tokenizer, pictures.pixels[rows]) for rows in (train, validation)]
    latents = [torch.from_numpy(array) for array in (*before, done.latents)]
    return _scores(divided, latents, done.errors, f"{tokenizer.width} numbers", tokenizer.fingerprint)


def probe_pixels(divided: Divided) -> list[Score]:
    """The same of the principal components of the pixels of the training part."""
    parts = [Rows(divided.pictures.pixels, rows) for rows in divided.rows]
    pca = fit_pca(parts[0], COMPONENTS)
    numbers = [pca.encode(part) for part in parts]
    kind = f"{pca.directions.shape[1]} principal components"
    return _scores(divided, numbers, pca.squared_errors(parts[2]), kind, "")


def _scores(divided: Divided, numbers: Sequence[Tensor], errors: Tensor, kind: str, fingerprint: str) -> list[Score]:
    """numbers: (n, d) of the training, the validation and the test part; errors: (n,) of the test part."""
    labels = [torch.from_numpy(divided.pictures.labels[rows]) for rows in divided.rows]
    train, validation, test = (Labelled(x, label) for x, label in zip(numbers, labels, strict=True))
    examples = Examples(train, validation, test, len(divided.pictures.classes))
    found = {
        "MSE": errors,
        "class, linear probe": linear_probe(examples),
        "class, small classifier": small_classifier(examples),
    }
    return [
        score(
            name,
            [Ratio(float(value), 1.0) for value in values],
            unit="of [0, 1]" if name == "MSE" else "of 1",
            direction="lower" if name == "MSE" else "higher",
            signature=f"{divided.what}|{kind}|{name}",
            commit=git_commit() or "",
            fingerprint=fingerprint,
        )
        for name, values in found.items()
    ]
