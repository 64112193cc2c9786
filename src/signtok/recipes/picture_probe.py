"""Do better pixels make better tokens? The error of each run's pictures, and how well its tokens tell the classes.

    python -m signtok.recipes.picture_probe runs/asl-image-ff runs/asl-image-conv --data FOLDER --out probe.json

Of every run the latents of its own training and test part are taken as they are. A linear probe and a network of two
layers learn the class from the one and tell it in the other; as a yardstick, also from 64 principal components of
the pixels. Minutes at 64 pixels on one core.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from tyro.conf import Positional

from signtok.evaluation.probe_pictures import Divided, divide, probe_pixels, probe_tokens
from signtok.evaluation.run_pictures import folder_of
from signtok.evaluation.score import Score, write_scores
from signtok.hub import PictureTokenizer, load

HEADS = ("numbers of", "pictures", "MSE, test part ↓", "linear probe ↑", "small classifier ↑", "n")


@dataclass(frozen=True)
class Probe:
    """python -m signtok.recipes.picture_probe RUN... --data FOLDER"""

    runs: Positional[tuple[Path, ...]]
    data: Path | None = None
    """A folder with a folder of pictures for each class, divided as each run divided its own; by default what each was
    trained on."""
    most: int = 6000
    """Training pictures, evenly spaced; half as many to choose settings by, and to test."""
    out: Path | None = None
    """Also write the scores as JSON."""


def load_run(run: Path) -> PictureTokenizer:
    tokenizer = load(run)
    if not isinstance(tokenizer, PictureTokenizer):
        raise ValueError(f"{run} is a tokenizer of landmarks; this takes runs of pictures")
    return tokenizer


def row(name: str, divided: Divided, scores: Sequence[Score]) -> str:
    values = [f"{one.value:.4f} [{one.low:.4f}, {one.high:.4f}]" for one in scores]
    return f"| {' | '.join([name, divided.title, *values, str(scores[0].n)])} |"


def main(options: Probe) -> None:
    if not options.runs:
        raise ValueError("no runs to probe; give at least one folder that `signtok train` wrote")
    if options.most < 2:
        raise ValueError(f"--most {options.most}: give some hundreds, better thousands")
    lines: list[str] = []
    scores: list[Score] = []
    sets: dict[str, Divided] = {}
    for run in options.runs:
        tokenizer = load_run(run)
        divided = divide(tokenizer, options.data or folder_of(tokenizer), options.most)
        found = probe_tokens(tokenizer, divided)
        lines.append(row(run.name, divided, found))
        scores += found
        sets[divided.what] = divided
    for divided in sets.values():
        found = probe_pixels(divided)
        lines.append(row("principal components", divided, found))
        scores += found
    print("\n".join([f"| {' | '.join(HEADS)} |", "|---|---|---:|---:|---:|---:|", *lines]))
    if options.out is not None:
        write_scores(options.out, scores)


if __name__ == "__main__":
    main(tyro.cli(Probe))
