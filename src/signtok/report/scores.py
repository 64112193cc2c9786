"""Scores of several runs side by side: only what has one signature stands in one column."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import takewhile
from typing import Literal

from signtok.evaluation.score import Score
from signtok.report.runs import Run
from signtok.svg import swatch

ARROW = {"higher": "↑", "lower": "↓"}


@dataclass(frozen=True)
class Column:
    """One measure; cells: the score of each run that has it, by the run's label."""

    name: str
    signature: str
    unit: str
    direction: Literal["higher", "lower"]
    cells: dict[str, Score]

    @property
    def data(self) -> str:
        return self.signature.split("|")[0]

    def best(self) -> str | None:
        """The best run, where its interval is clear of every other's. None for counts, which have no interval."""
        if len(self.cells) < 2 or any(score.low == score.high for score in self.cells.values()):
            return None
        sign = 1 if self.direction == "higher" else -1
        first = max(self.cells, key=lambda label: sign * self.cells[label].value)
        low = min(sign * self.cells[first].low, sign * self.cells[first].high)
        others = [score for label, score in self.cells.items() if label != first]
        return first if all(max(sign * score.low, sign * score.high) < low for score in others) else None


def is_of_class(score: Score) -> bool:
    """Of one class, as "MSE, A"; "MSE, centre" of the middle of all pictures is another measure."""
    return score.name.startswith("MSE, ") and score.signature.endswith("|mse")


def score_tables(runs: Sequence[Run]) -> list[list[Column]]:
    """Tables of columns. Within one all are of the same data, no two have one name, and the first is had by all runs
    of the table: what was split or measured otherwise gets a table of its own."""
    columns = _columns(runs)
    tables: list[list[Column]] = []
    for column in sorted(columns, key=lambda column: -len(column.cells)):
        home = next((table for table in tables if _belongs(column, table)), None)
        if home is None:
            tables.append([column])
        else:
            home.append(column)
    ordered = [sorted(table, key=columns.index) for table in tables]
    return sorted(ordered, key=lambda table: columns.index(table[0]))


def _columns(runs: Sequence[Run]) -> list[Column]:
    found: dict[tuple[str, ...], Column] = {}
    for run in runs:
        for score in run.scores:
            if not is_of_class(score):
                key = score.name, score.signature, score.unit, score.direction
                found.setdefault(key, Column(*key, cells={})).cells[run.label] = score
    return list(found.values())


def _belongs(column: Column, table: Sequence[Column]) -> bool:
    first = table[0]
    new = column.name not in {other.name for other in table}
    return new and column.data == first.data and column.cells.keys() <= first.cells.keys()


def common_parts(signatures: Sequence[str]) -> str:
    """What all of them begin with, for people."""
    places = zip(*(signature.split("|") for signature in signatures), strict=False)
    return ", ".join(place[0] for place in takewhile(lambda place: len(set(place)) == 1, places))


def decimals(values: Sequence[float]) -> int:
    """So many that the largest value has four figures; none for whole numbers."""
    if all(value == round(value) for value in values):
        return 0
    return max(0, min(6, 3 - math.floor(math.log10(max(map(abs, values))))))


def score_section(runs: Sequence[Run]) -> str:
    tables = score_tables(runs)
    if not tables:
        return ""
    columns = [column for table in tables for column in table]
    marked = (
        " The best is marked where its interval overlaps no other." if any(column.best() for column in columns) else ""
    )
    note = "Scores stand in one column only where their signatures are equal: same data, same part, same measure."
    signatures = "".join(f"<li>{escape(c.name)}: <code>{escape(c.signature)}</code></li>" for c in columns)
    return (
        "<section><h2>Scores</h2>"
        + "".join(_table(table, runs) for table in tables)
        + f'<p class="note">{note} Below each: its 95 % interval.{marked}</p>'
        + f"<details><summary>Signatures</summary><ul>{signatures}</ul></details></section>"
    )


def _table(table: Sequence[Column], runs: Sequence[Run]) -> str:
    caption = escape(common_parts([column.signature for column in table]))
    heads = "".join(f'<th scope="col">{_head(column)}</th>' for column in table)
    rows = [
        f'<tr><th scope="row">{swatch(run.series)} {escape(run.label)}</th>'
        + "".join(_cell(column, run.label) for column in table)
        + "</tr>"
        for run in runs
        if any(run.label in column.cells for column in table)
    ]
    return (
        f'<h3>{caption}</h3><div class="wide"><table><thead><tr><th scope="col">run</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _head(column: Column) -> str:
    counts = {score.n for score in column.cells.values()}
    facts = [column.unit, f"n {min(counts):,}" if len(counts) == 1 else ""]
    small = escape(", ".join(fact for fact in facts if fact))
    return f"{escape(column.name)}&nbsp;{ARROW[column.direction]}<small>{small}</small>"


def _cell(column: Column, label: str) -> str:
    score = column.cells.get(label)
    if score is None:
        return '<td class="none">not measured</td>'
    digits = decimals([value for one in column.cells.values() for value in (one.value, one.low, one.high)])
    mark = " <b>best</b>" if column.best() == label else ""
    interval = "" if score.low == score.high else f"<small>{score.low:.{digits}f} to {score.high:.{digits}f}</small>"
    return f"<td>{score.value:.{digits}f}{mark}{interval}</td>"
