"""Scores of several tokenizers side by side, a table for each source.

python -m signtok.evaluation.compare continuous=runs/a/scores.json rvq=runs/b/scores.json
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from signtok.evaluation.score import Score, read_scores


def source_of(score: Score) -> str:
    """What the signature begins with: the source and the part of it."""
    return " ".join(score.signature.split("|")[:2])


def compare(columns: Mapping[str, Sequence[Score]]) -> str:
    """Markdown: rows are scores, columns are tokenizers, each cell value [low, high]; the commit stands below."""
    sources = dict.fromkeys(source_of(score) for scores in columns.values() for score in scores)
    parts = [f"### {source}\n\n{_table(source, columns)}" for source in sources]
    commits = dict.fromkeys(score.commit for scores in columns.values() for score in scores if score.commit)
    return "\n\n".join(parts) + (f"\n\nMeasured at commit {', '.join(commits)}.\n" if commits else "\n")


def _table(source: str, columns: Mapping[str, Sequence[Score]]) -> str:
    cells = {name: {s.name: s for s in scores if source_of(s) == source} for name, scores in columns.items()}
    rows = dict.fromkeys(score for column in cells.values() for score in column)
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for row in rows:
        found = [column.get(row) for column in cells.values()]
        unit = next(score.unit for score in found if score)
        lines.append(f"| {row} ({unit}) | " + " | ".join(_cell(score) for score in found) + " |")
    return "\n".join(lines)


def _cell(score: Score | None) -> str:
    if score is None:
        return ""
    interval = f" [{score.low:.3g}, {score.high:.3g}]" if score.low != score.high else ""
    return f"{score.value:.3g}{interval}"


def main(arguments: Sequence[str]) -> str:
    """Raises ValueError for an argument that is not NAME=FILE."""
    columns = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals:
            raise ValueError(f"{argument!r}: write NAME=scores.json")
        columns[name] = read_scores(Path(path))
    return compare(columns)


if __name__ == "__main__":
    print(main(sys.argv[1:]), end="")
