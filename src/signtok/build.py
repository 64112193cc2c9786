"""From a configuration to objects."""

from dataclasses import dataclass

import torch

from signtok.config import Config
from signtok.data.batch import Batch
from signtok.data.library import Library, read_library
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
    library: Library


def build_experiment(config: Config) -> Experiment:
    """Model with seeded weights, training stream and validation batches; the configuration's sources must be there."""
    library = read_library(config.data.sources)
    train, held_out = library.train(), library.validation()
    bank = make_bank(train) if any(is_letter(recording) for recording in train) else None
    torch.manual_seed(config.train.seed)
    return Experiment(
        model=TokenizerModel(config.tokenizer),
        stream=TrainingStream(
            bank=bank,
            recordings=more_than_letters(train),
            data=config.data,
            tokenizer=config.tokenizer,
            batch_size=config.train.batch_size,
            seed=config.train.seed,
        ),
        validation=validation_batches(
            make_bank(held_out) if bank else None, more_than_letters(held_out), config.data, config.tokenizer
        ),
        library=library,
    )


def is_letter(recording: Recording) -> bool:
    """A take of a single letter, which phrases can be composed of."""
    return recording.text is not None and len(recording.text) == 1


def more_than_letters(recordings: list[Recording]) -> list[Recording]:
    """Phrases, and recordings whose text nobody knows."""
    return [recording for recording in recordings if not is_letter(recording) and len(recording) > 1]
