"""`signtok evaluate`: scores of known sources or of recordings with texts, as a table and as a file."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from signtok.atomic import check_file
from signtok.data.generate import GENERATED, generate, is_generated
from signtok.data.handshapes import packaged_handshapes
from signtok.data.landmarks import open_recordings
from signtok.data.recording import Recording
from signtok.data.sources import has_known_sources
from signtok.data.split import split
from signtok.evaluation.choices import PictureChecks
from signtok.evaluation.evaluate import code_scores, encode_all, movement_scores, reading_scores
from signtok.evaluation.held_out import PHRASES, SEED, evaluate_sources
from signtok.evaluation.run_pictures import evaluate_pictures, folder_of
from signtok.evaluation.score import Score, table, write_scores
from signtok.hub import LandmarkTokenizer, PictureTokenizer, load


def evaluate_path(name: str, data: Path | None, out: Path | None, only: Sequence[str], pictures: PictureChecks) -> None:
    """Prints the scores as one table a source; writes them to `out` as JSON, if given. Without `data`, a tokenizer of
    pictures is tested on the folder that it was trained on, one of landmarks on generated phrases."""
    if out is not None:
        check_file(out)
    tokenizer = load(name)
    if isinstance(tokenizer, PictureTokenizer):
        if only:
            raise ValueError(f"--only names sources of landmarks, and {tokenizer.name} is of pictures; leave it out")
        groups = evaluate_pictures(tokenizer, data or folder_of(tokenizer), pictures)
    else:
        if replace(pictures, steps=None) != PictureChecks():
            options = ", ".join("--" + f.name.replace("_", "-") for f in fields(pictures) if f.name != "steps")
            raise ValueError(f"{options} are for pictures, and {tokenizer.name} is of landmarks; leave them out")
        groups = landmark_groups(tokenizer, data or Path(GENERATED), only, pictures.steps)
    print("\n\n".join(f"{group}\n\n{table(scores, digits(scores))}" for group, scores in groups.items()), flush=True)
    if out is not None:
        write_scores(out, [score for scores in groups.values() for score in scores])


def digits(scores: Sequence[Score]) -> int:
    """Squared errors of pictures are small."""
    return 5 if any(score.name.startswith("MSE") for score in scores) else 3


def landmark_groups(
    tokenizer: LandmarkTokenizer, data: Path, only: Sequence[str], steps: int | None
) -> dict[str, list[Score]]:
    if only and not has_known_sources(data):
        raise ValueError(f"--only names known sources, and {data} holds none; leave it out")
    if is_generated(data):
        made = list(generate(packaged_handshapes(), PHRASES, SEED))
        what = f"generated:{PHRASES}|seed:{SEED}"
        return {f"{PHRASES} generated phrases": score_recordings(tokenizer, made, what, steps)}
    if has_known_sources(data):
        return evaluate_sources(tokenizer, str(data), only or None, steps)
    return {data.name: evaluate_recordings(tokenizer, data, steps)}


def evaluate_recordings(tokenizer: LandmarkTokenizer, data: Path, steps: int | None) -> list[Score]:
    """Any recordings: movement of all, reading of those whose text is known. Of recordings that the tokenizer was
    trained on, the test part alone."""
    recordings = [recording for recording in open_recordings(data) if len(recording)]
    what = data.name
    for source in tokenizer.settings.data.sources:
        if Path(source.path).resolve() == data.resolve():
            recordings, what = split(recordings, source.split).test, f"{what}|test part"
    return score_recordings(tokenizer, recordings, what, steps)


def score_recordings(
    tokenizer: LandmarkTokenizer, recordings: Sequence[Recording], what: str, steps: int | None = None
) -> list[Score]:
    """Movement of all, and reading of those whose text is known."""
    encoded = encode_all(tokenizer, recordings, what, steps)
    scores = movement_scores(encoded) + code_scores(encoded)
    texts = [recording for recording in recordings if recording.text]
    if texts and tokenizer.model.head is not None:
        scores = reading_scores(encode_all(tokenizer, texts, what)) + scores
    return scores
