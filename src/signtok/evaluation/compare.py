"""Scores of several tokenizers side by side, a table for each source.

    python -m signtok.evaluation.compare continuous=runs/a/scores.json rvq=runs/b/scores.json
    python -m signtok.evaluation.compare conv=runs/conv-{0,1,2}/scores.json ff=runs/ff-{0,1,2}/scores.json --rows MSE

Files under one name are seeds of one experiment: their mean, with its 95 % interval by Student's t.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from scipy.stats import t as student
from tyro.conf import Positional

from signtok.evaluation.score import Score, read_scores


@dataclass(frozen=True)
class Options:
    """Scores of several tokenizers side by side."""

    scores: Positional[tuple[str, ...]]
    """NAME=scores.json; several files under one name are seeds"""
    rows: tuple[str, ...] = ()
    """only these scores, in this order"""


def source_of(score: Score) -> str:
    """What the signature begins with: the source and the part of it."""
    return " ".join(score.signature.split("|")[:2])


def compare(columns: Mapping[str, Sequence[Score]], rows: Sequence[str] = ()) -> str:
    """Markdown: rows are scores, columns are tokenizers, each cell value [low, high]; the commit stands below.

    A column with a score twice, from several seeds, shows the mean. rows: only scores of these names, in this order.
    """
    sources = dict.fromkeys(source_of(score) for scores in columns.values() for score in scores)
    parts = [f"### {source}\n\n{_table(source, columns, rows)}" for source in sources]
    commits = dict.fromkeys(score.commit for scores in columns.values() for score in scores if score.commit)
    return "\n\n".join(parts) + (f"\n\nMeasured at commit {', '.join(commits)}.\n" if commits else "\n")


def _table(source: str, columns: Mapping[str, Sequence[Score]], rows: Sequence[str]) -> str:
    here = {name: [score for score in scores if source_of(score) == source] for name, scores in columns.items()}
    here = {name: scores for name, scores in here.items() if scores}
    found = dict.fromkeys(score.name for scores in here.values() for score in scores)
    lines = ["| | " + " | ".join(here) + " |", "|---|" + "---|" * len(here)]
    for row in [row for row in rows if row in found] if rows else found:
        cells = [[score for score in scores if score.name == row] for scores in here.values()]
        unit = next(score.unit for cell in cells for score in cell)
        lines.append(f"| {row}{unit and f' ({unit})'} | " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _cell(scores: Sequence[Score]) -> str:
    """Of one seed its bootstrap interval over examples, of several that of their mean."""
    if not scores:
        return ""
    if len(scores) == 1:
        one = scores[0]
        return f"{one.value:.3g}" + (f" [{one.low:.3g}, {one.high:.3g}]" if one.low != one.high else "")
    values = [score.value for score in scores]
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return f"{mean(values):.3g} ± {half:.2g} ({len(values)} seeds)"


def read_columns(arguments: Sequence[str]) -> dict[str, list[Score]]:
    """Raises ValueError for an argument that is not NAME=FILE."""
    columns: dict[str, list[Score]] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals:
            raise ValueError(f"{argument!r}: write NAME=scores.json")
        columns.setdefault(name, []).extend(read_scores(Path(path)))
    return columns


if __name__ == "__main__":
    import tyro

    options = tyro.cli(Options)
    print(compare(read_columns(options.scores), options.rows), end="")
