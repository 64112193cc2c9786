"""From a configuration to objects."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from signtok.config import LandmarkConfig, PictureConfig
from signtok.data.batch import Batches
from signtok.data.generate import is_generated
from signtok.data.handshapes import packaged_handshapes, read_handshapes
from signtok.data.library import read_library
from signtok.data.picture_folder import Pictures, load_pictures
from signtok.data.picture_stream import PictureBatches, PictureStream
from signtok.data.recording import Recording
from signtok.data.rendered import rendered_pictures
from signtok.data.split import spaced, split_pictures
from signtok.data.stream import TrainingStream, validation_batches
from signtok.data.takes import make_bank
from signtok.tokenizer.model import TokenizerModel
from signtok.tokenizer.picture_model import PictureModel


@dataclass(frozen=True, eq=False)
class Experiment:
    """All that `fit` takes."""

    model: nn.Module
    stream: TrainingStream | PictureStream
    validation: Batches
    data_hash: str
    """Of all that is trained on: another hash is another experiment."""


def build_experiment(config: LandmarkConfig | PictureConfig) -> Experiment:
    """Model with seeded weights, training stream and validation batches; the configuration's sources must be there."""
    match config:
        case LandmarkConfig():
            return _landmarks(config)
        case PictureConfig():
            return _pictures(config)


def _landmarks(config: LandmarkConfig) -> Experiment:
    path = config.data.handshapes
    handshapes = read_handshapes(path) if path else packaged_handshapes()
    library = read_library(config.data.sources)
    train, held_out = library.train(), library.validation()
    bank = make_bank(train) if any(is_letter(recording) for recording in train) else None
    torch.manual_seed(config.train.seed)
    return Experiment(
        model=TokenizerModel(config.tokenizer),
        stream=TrainingStream(
            bank=bank,
            recordings=more_than_letters(train),
            handshapes=handshapes,
            data=config.data,
            tokenizer=config.tokenizer,
            batch_size=config.train.batch_size,
            seed=config.train.seed,
        ),
        validation=validation_batches(
            make_bank(held_out) if bank else None,
            more_than_letters(held_out),
            handshapes,
            config.data,
            config.tokenizer,
        ),
        data_hash=library.data_hash(handshapes if config.data.generated or not library.parts else None),
    )


def _pictures(config: PictureConfig) -> Experiment:
    size = config.tokenizer.size
    pictures = read_pictures(config)
    kept = pictures if config.training_size == size else read_pictures(config, config.training_size)
    parts = split_pictures(pictures.labels, pictures.numbers, config.data.split)
    torch.manual_seed(config.train.seed)
    return Experiment(
        model=PictureModel(config.tokenizer),
        stream=PictureStream(
            pixels=kept.pixels,
            labels=kept.labels,
            rows=at_most(parts.train, pictures.labels, config.data.per_class),
            size=size,
            augment=config.data.augment,
            batch_size=config.train.batch_size,
            seed=config.train.seed,
        ),
        validation=PictureBatches(pictures.pixels, pictures.labels, spaced(parts.validation, config.data.validation)),
        data_hash=kept.hash,
    )


def read_pictures(config: PictureConfig, size: int | None = None) -> Pictures:
    """Those of the configuration's folder, or rendered ones; as large as its tokenizer sees them, or as `size` says."""
    size = size or config.tokenizer.size
    if is_generated(Path(config.data.path)):
        return rendered_pictures(config.data.generated, size)
    return load_pictures(config.data.path, size)


def at_most(rows: np.ndarray, labels: np.ndarray, per_class: int | None) -> np.ndarray:
    """At most so many of each class, evenly spaced."""
    if per_class is None:
        return rows
    return np.concatenate([spaced(rows[labels[rows] == label], per_class) for label in np.unique(labels[rows])])


def is_letter(recording: Recording) -> bool:
    """A take of a single letter, which phrases can be composed of."""
    return recording.text is not None and len(recording.text) == 1


def more_than_letters(recordings: list[Recording]) -> list[Recording]:
    """Phrases, and recordings whose text nobody knows."""
    return [recording for recording in recordings if not is_letter(recording) and len(recording) > 1]
