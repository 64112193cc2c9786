"""Losses and other logs of several runs over steps and minutes."""

from collections.abc import Sequence
from html import escape
from typing import Literal

import numpy as np

from signtok.report.runs import Run
from signtok.svg import Curve, line_chart

Axis = Literal["steps", "minutes"]
SPLITS = {"train": "training", "validation": "validation"}
"""What is drawn over the other comes last."""


def curve_section(runs: Sequence[Run]) -> str:
    """Runs of landmarks and of pictures apart: their losses are different things. Empty where no run has rows."""
    runs = [run for run in runs if run.rows]
    kinds = dict.fromkeys(run.tokenizer.settings.kind for run in runs)
    parts = []
    for kind in kinds:
        heading = f"Curves of {kind}" if len(kinds) > 1 else "Curves"
        parts.append(_curves([run for run in runs if run.tokenizer.settings.kind == kind], heading))
    return "".join(parts)


def _curves(runs: Sequence[Run], heading: str) -> str:
    loss = _chart(runs, "loss", "steps") + _chart(runs, "loss", "minutes")
    others = "".join(_chart(runs, name, "steps") for name in shared_logs(runs) if name != "loss")
    more = f'<details><summary>Other logs</summary><div class="charts">{others}</div></details>' if others else ""
    note = "Thin: training, means of ten steps. Thick, with dots: validation."
    return f'<section><h2>{heading}</h2><div class="charts">{loss}</div><p class="note">{note}</p>{more}</section>'


def shared_logs(runs: Sequence[Run]) -> list[str]:
    """Names that all runs have logged, in the order of the first run."""
    names = [dict.fromkeys(name for row in run.rows for name in row.values) for run in runs]
    return [name for name in names[0] if all(name in other for other in names)]


def _chart(runs: Sequence[Run], name: str, axis: Axis) -> str:
    """Empty where no run has logged anything finite."""
    curves = [curve_of(run, split, name, axis) for split in SPLITS for run in runs]
    chart = line_chart(curves, name, axis)
    return f"<figure><figcaption>{escape(name)}</figcaption>{chart}</figure>" if chart else ""


def curve_of(run: Run, split: str, name: str, axis: Axis) -> Curve:
    """One log of a run over steps or minutes; NaN where it was not logged."""
    rows = [row for row in run.rows if row.split == split]
    return Curve(
        name=f"{run.label}, {SPLITS[split]}",
        series=run.series,
        x=np.array([row.step if axis == "steps" else row.seconds / 60 for row in rows], float),
        y=np.array([row.values.get(name, np.nan) for row in rows], float),
        faint=split == "train",
    )
