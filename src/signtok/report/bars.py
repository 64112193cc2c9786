"""Scores of classes and of sources as bars: within a group all are of one measure on one set of data."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from signtok.evaluation.score import Score
from signtok.report.runs import Run
from signtok.report.scores import common_parts, decimals, is_of_class
from signtok.svg import Bar, bar_charts

Cells = list[tuple[Run, Score]]


@dataclass(frozen=True)
class Bars:
    """A chart: groups of scores by their name."""

    title: str
    groups: dict[str, Cells]


def class_bars(runs: Sequence[Run]) -> list[Bars]:
    """MSE of each class, a chart for each signature; the classes with the largest errors first."""
    scores = [(run, score) for run in runs for score in run.scores if is_of_class(score)]
    charts = []
    for signature in dict.fromkeys(score.signature for _, score in scores):
        alike = [(run, score) for run, score in scores if score.signature == signature]
        groups = _grouped(alike, lambda score: score.name.split(", ", 1)[1])
        worst_first = sorted(groups, key=lambda name: -max(score.value for _, score in groups[name]))
        title = f"MSE of each class, {common_parts([signature.removesuffix('|mse')])}"
        charts.append(Bars(title, {name: groups[name] for name in worst_first}))
    return charts


def recognition_bars(runs: Sequence[Run]) -> list[Bars]:
    """Recognition from all codebooks of each source: what differs between a group's signatures is their number."""
    last = {
        (run, _without_codebooks(score)): (run, score)
        for run in runs
        for score in run.scores
        if score.name.split(",")[0] == "recognition"
    }  # the levels are in rising order: the last one stays
    groups = _grouped(last.values(), _without_codebooks)
    return [Bars("Recognition from all codebooks, by source", groups)] if groups else []


def _without_codebooks(score: Score) -> str:
    return score.signature.split("|codebooks:")[0].replace("|", ", ")


def _grouped(scores: Iterable[tuple[Run, Score]], name: Callable[[Score], str]) -> dict[str, Cells]:
    groups: dict[str, Cells] = {}
    for run, score in scores:
        groups.setdefault(name(score), []).append((run, score))
    return groups


def bar_section(runs: Sequence[Run]) -> str:
    charts = class_bars(runs) + recognition_bars(runs)
    return "".join(f"<section><h2>{escape(chart.title)}</h2>{_bars(chart.groups)}</section>" for chart in charts)


def _bars(groups: Mapping[str, Cells]) -> str:
    digits = decimals([score.value for cells in groups.values() for _, score in cells])
    drawn = bar_charts([[_bar(run, score, digits) for run, score in cells] for cells in groups.values()])
    figures = "".join(
        f"<figure><figcaption>{escape(name)}</figcaption>{svg}</figure>"
        for name, svg in zip(groups, drawn, strict=True)
    )
    return f'<div class="groups">{figures}</div>'


def _bar(run: Run, score: Score, digits: int) -> Bar:
    value = f"{score.value:.{digits}f}"
    said = f"{run.label}: {value} ({score.low:.{digits}f} to {score.high:.{digits}f}, n {score.n})"
    return Bar(said, run.series, score.value, score.low, score.high, value)
