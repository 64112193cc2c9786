"""The known sources as tests: takes that a training never saw, as they are and composed into phrases."""

from collections.abc import Collection
from typing import Literal

from signtok.config import ComposeConfig
from signtok.data.compose import compose_phrases
from signtok.data.library import read_library
from signtok.data.recording import Recording
from signtok.data.sources import find_sources
from signtok.data.takes import make_bank
from signtok.evaluation.evaluate import code_scores, encode_all, movement_scores, reading_scores
from signtok.evaluation.score import Score
from signtok.hub import Tokenizer

PHRASES = 200
SEED = 20241112


def held_out_recordings(folder: str, source: str, part: Literal["test", "whole"]) -> list[Recording]:
    """The test part of one source, or all of it where the tokenizer was trained without it."""
    library = read_library(find_sources(folder, [source]).values())
    return library.test() if part == "test" else library.train() + library.validation() + library.test()


def evaluate_source(
    tokenizer: Tokenizer, folder: str, source: str, part: Literal["test", "whole"] = "test"
) -> list[Score]:
    """Movement on the takes, reading and codes on phrases composed of them. Raises ValueError for an empty part."""
    recordings = held_out_recordings(folder, source, part)
    if not recordings:
        raise ValueError(f"{source} has no {part} part: it is used whole; leave it out of training and add --whole")
    scores = []
    takes = [take for recording in recordings for take in recording.runs()]
    scores += movement_scores(encode_all(tokenizer, takes, f"{source}|{part}|takes"))
    if any(recording.text for recording in recordings):
        phrases = compose_phrases(make_bank(recordings), PHRASES, SEED, ComposeConfig())
        encoded = encode_all(tokenizer, phrases, f"{source}|{part}|composed:{PHRASES}|seed:{SEED}")
        if tokenizer.model.head is not None:
            scores += reading_scores(encoded)
        scores += code_scores(encoded)
    return scores


def evaluate_sources(
    tokenizer: Tokenizer, folder: str, names: Collection[str] | None, part: Literal["test", "whole"]
) -> dict[str, list[Score]]:
    """Each source apart. Without names: all that lie in the folder and have such a part."""
    found = find_sources(folder, list(names) if names else None)
    if names is None and part == "test":
        found = {name: source for name, source in found.items() if source.split.kind != "whole"}
    return {name: evaluate_source(tokenizer, folder, name, part) for name in found}
