"""Scores over bits: what each recipe makes of a rate, where runs differ in it."""

from collections import defaultdict
from collections.abc import Sequence
from html import escape
from statistics import mean

import numpy as np

from signtok.hub import PictureTokenizer
from signtok.report.runs import Run
from signtok.report.scores import ARROW, Column, score_tables
from signtok.svg import Curve, line_chart, swatch


def rate_section(runs: Sequence[Run]) -> str:
    """One chart for each measure of pictures that some recipe has at two rates or more; empty where none has."""
    runs = [run for run in runs if isinstance(run.tokenizer, PictureTokenizer)]
    columns = [column for table in score_tables(runs) for column in table]
    drawn = [(column, curves) for column in columns if (curves := rate_curves(column, runs))]
    if not drawn:
        return ""
    series = {curve.series: curve.name for _, curves in drawn for curve in curves}
    legend = "".join(f"<li>{swatch(number)} {escape(name)}</li>" for number, name in series.items())
    charts = "".join(_chart(column, curves) for column, curves in drawn)
    note = (
        "Each dot: the mean of the runs of one recipe at one rate. What was measured otherwise, as with another number "
        "of steps, has another signature and a chart of its own."
    )
    return (
        f'<section><h2>Rates</h2><ul class="legend">{legend}</ul><div class="charts">{charts}</div>'
        f'<p class="note">{note}</p></section>'
    )


def rate_curves(column: Column, runs: Sequence[Run]) -> list[Curve]:
    """A curve for each recipe, over bits a picture, in the colour of its first run; none where all have one rate."""
    found: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    series = {run.tokenizer.name: run.series for run in reversed(runs)}
    for run in runs:
        if isinstance(run.tokenizer, PictureTokenizer) and run.label in column.cells:
            found[run.tokenizer.name][run.tokenizer.bits()].append(column.cells[run.label].value)
    if max(map(len, found.values()), default=0) < 2:
        return []
    return [
        Curve(
            name=name,
            series=series[name],
            x=np.array(sorted(rates), float),
            y=np.array([mean(rates[bits]) for bits in sorted(rates)], float),
        )
        for name, rates in found.items()
    ]


def _chart(column: Column, curves: Sequence[Curve]) -> str:
    title = f"{column.name} {ARROW[column.direction]}" + (f" ({column.unit})" if column.unit else "")
    caption = f"{escape(title)} <small>{escape(column.signature)}</small>"
    return f"<figure><figcaption>{caption}</figcaption>{line_chart(curves, title, 'bits a picture')}</figure>"
