"""`signtok evaluate`: scores of known sources or of recordings with texts, as a table and as a file."""

from collections.abc import Sequence
from pathlib import Path

from signtok.data.generate import generate, is_generated
from signtok.data.handshapes import packaged_handshapes
from signtok.data.landmarks import open_recordings
from signtok.data.recording import Recording
from signtok.data.sources import has_known_sources
from signtok.data.split import split
from signtok.evaluation.evaluate import code_scores, encode_all, movement_scores, reading_scores
from signtok.evaluation.held_out import PHRASES, SEED, evaluate_sources
from signtok.evaluation.score import Score, table, write_scores
from signtok.hub import Tokenizer, load


def evaluate_path(name: str, data: Path, out: Path | None, only: Sequence[str]) -> str:
    """The scores as one table a source; also to `out` as JSON, if given."""
    tokenizer = load(name)
    if only and not has_known_sources(data):
        raise ValueError(f"--only names known sources, and {data} holds none; leave it out")
    if is_generated(data):
        made = list(generate(packaged_handshapes(), PHRASES, SEED))
        groups = {f"{PHRASES} generated phrases": score_recordings(tokenizer, made, f"generated:{PHRASES}|seed:{SEED}")}
    elif has_known_sources(data):
        groups = evaluate_sources(tokenizer, str(data), only or None)
    else:
        groups = {data.name: evaluate_recordings(tokenizer, data)}
    if out is not None:
        write_scores(out, [score for scores in groups.values() for score in scores])
    return "\n\n".join(f"{group}\n\n{table(scores)}" for group, scores in groups.items())


def evaluate_recordings(tokenizer: Tokenizer, data: Path) -> list[Score]:
    """Any recordings: movement of all, reading of those whose text is known. Of recordings that the tokenizer was
    trained on, the test part alone."""
    recordings = [recording for recording in open_recordings(data) if len(recording)]
    what = data.name
    for source in tokenizer.settings.data.sources:
        if Path(source.path).resolve() == data.resolve():
            recordings, what = split(recordings, source.split).test, f"{what}|test part"
    return score_recordings(tokenizer, recordings, what)


def score_recordings(tokenizer: Tokenizer, recordings: Sequence[Recording], what: str) -> list[Score]:
    """Movement of all, and reading of those whose text is known."""
    encoded = encode_all(tokenizer, recordings, what)
    scores = movement_scores(encoded) + code_scores(encoded)
    texts = [recording for recording in recordings if recording.text]
    if texts and tokenizer.model.head is not None:
        scores = reading_scores(encode_all(tokenizer, texts, what)) + scores
    return scores
