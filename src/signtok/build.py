"""From a configuration to objects."""

from dataclasses import dataclass

import torch

from signtok.config import Config
from signtok.data.batch import Batch
from signtok.data.handshapes import packaged_handshapes, read_handshapes
from signtok.data.library import read_library
from signtok.data.recording import Recording
from signtok.data.stream import TrainingStream, validation_batches
from signtok.data.takes import make_bank
from signtok.tokenizer.model import TokenizerModel


@dataclass(frozen=True, eq=False)
class Experiment:
    """All that `fit` takes."""

    model: TokenizerModel
    stream: TrainingStream
    validation: list[Batch]
    data_hash: str
    """Of all that is trained on: another hash is another experiment."""


def build_experiment(config: Config) -> Experiment:
    """Model with seeded weights, training stream and validation batches; the configuration's sources must be there."""
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


def is_letter(recording: Recording) -> bool:
    """A take of a single letter, which phrases can be composed of."""
    return recording.text is not None and len(recording.text) == 1


def more_than_letters(recordings: list[Recording]) -> list[Recording]:
    """Phrases, and recordings whose text nobody knows."""
    return [recording for recording in recordings if not is_letter(recording) and len(recording) > 1]
