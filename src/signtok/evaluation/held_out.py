"""The known sources as tests: takes that a training never saw, as they are and composed into phrases."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from signtok.config import ComposeConfig
from signtok.data.compose import compose_phrases
from signtok.data.library import read_library
from signtok.data.recording import Recording
from signtok.data.sources import find_sources
from signtok.data.takes import make_bank
from signtok.evaluation.evaluate import Encoded, code_scores, encode_all, movement_scores, reading_scores
from signtok.evaluation.score import Score
from signtok.hub import LandmarkTokenizer

PHRASES = 200
SEED = 20241112
TESTED = ComposeConfig(double=0.06)
"""How the phrases are composed that are read: the same ones, whatever training is composed of."""


@dataclass(frozen=True, eq=False)
class SourceTest:
    """What was measured on one source, and the composed phrases that it was read from, if it has letters."""

    title: str
    scores: list[Score]
    composed: Encoded | None


def trained_on(tokenizer: LandmarkTokenizer) -> set[str]:
    """Names of the sources that the tokenizer has seen."""
    return {Path(source.path).stem for source in tokenizer.settings.data.sources}


def held_out_recordings(folder: str, source: str, seen: bool) -> list[Recording]:
    """The test part of a source that was trained on; all of one that was not."""
    library = read_library(find_sources(folder, [source]).values())
    return library.test() if seen else library.train() + library.validation() + library.test()


def evaluate_source(tokenizer: LandmarkTokenizer, folder: str, source: str, steps: int | None = None) -> SourceTest:
    """Movement on takes, reading on phrases composed of them. Raises ValueError where nothing is held out."""
    seen = source in trained_on(tokenizer)
    recordings = held_out_recordings(folder, source, seen)
    if not recordings:
        raise ValueError(f"{source} was trained on whole; leave it out of training (--without) to test on it")
    part = "test part" if seen else "whole, never seen"
    takes = [take for recording in recordings for take in recording.runs()]
    scores = movement_scores(encode_all(tokenizer, takes, f"{source}|{part}|takes", steps))
    if not any(recording.text for recording in recordings):
        return SourceTest(f"{source}, {part}", scores, None)
    phrases = compose_phrases(make_bank(recordings), PHRASES, SEED, TESTED)
    composed = encode_all(tokenizer, phrases, f"{source}|{part}|composed:{PHRASES}|seed:{SEED}")
    if tokenizer.model.head is not None:
        scores = reading_scores(composed) + scores
    return SourceTest(f"{source}, {part}", scores, composed)


def evaluate_sources(
    tokenizer: LandmarkTokenizer, folder: str, names: Collection[str] | None, steps: int | None = None
) -> dict[str, list[Score]]:
    """Each source apart, and the health of the codes over all their phrases together.

    Without names: all that lie in the folder, but for those that were trained on whole.
    """
    found = find_sources(folder, list(names) if names else None)
    if not names:
        seen = trained_on(tokenizer)
        found = {n: source for n, source in found.items() if n not in seen or source.split.kind != "whole"}
    tests = [evaluate_source(tokenizer, folder, name, steps) for name in tqdm(found, desc="evaluate", disable=None)]
    groups = {test.title: test.scores for test in tests}
    composed = [test.composed for test in tests if test.composed]
    if composed and tokenizer.codebooks:
        recordings = [recording for one in composed for recording in one.recordings]
        tokens = [ids for one in composed for ids in one.tokens]
        groups["codes, all together"] = code_scores(Encoded(tokenizer, "codes|all together", recordings, tokens))
    return groups
