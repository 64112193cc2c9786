"""From a configuration to objects."""

from dataclasses import dataclass

import torch

from signtok.config import Config
from signtok.data.batch import Batch
from signtok.data.library import Library, read_library
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
    train = library.train()
    torch.manual_seed(config.train.seed)
    return Experiment(
        model=TokenizerModel(config.tokenizer),
        stream=TrainingStream(
            bank=make_bank(train),
            unlabelled=[recording for recording in train if recording.text is None and len(recording) > 1],
            data=config.data,
            tokenizer=config.tokenizer,
            batch_size=config.train.batch_size,
            seed=config.train.seed,
        ),
        validation=validation_batches(make_bank(library.validation()), config.data, config.tokenizer),
        library=library,
    )
