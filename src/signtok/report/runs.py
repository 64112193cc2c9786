"""Folders of runs as a report sees them: tokenizer, curves, scores, and what is missing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import pydantic
from safetensors import SafetensorError, safe_open

from signtok.config import PictureConfig
from signtok.evaluation.score import Score, read_scores
from signtok.hub import LandmarkTokenizer, PictureTokenizer, load
from signtok.training.checkpoint import read_config

WEIGHTS, METRICS, SCORES = "model.safetensors", "metrics.jsonl", "scores.json"


class Row(pydantic.BaseModel):
    """One line of metrics.jsonl; `values` are its logs."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, float]

    step: int
    seconds: float
    split: Literal["train", "validation"]

    @property
    def values(self) -> dict[str, float]:
        return self.__pydantic_extra__


@dataclass(frozen=True, eq=False)
class Run:
    """label: its folder, as short as tells it from the others; series: its place among them, which is its colour.

    trained: its weights are there; otherwise those of the tokenizer are random. scores: never of other weights than
    those that are there; foreign: there were such. commit: that it was trained at, empty where unknown.
    """

    label: str
    series: int
    folder: Path
    tokenizer: LandmarkTokenizer | PictureTokenizer
    trained: bool
    rows: list[Row]
    scores: list[Score]
    foreign: bool
    commit: str
    day: date

    @property
    def best(self) -> Row | None:
        """The row with the lowest validation loss."""
        rows = [row for row in self.rows if row.split == "validation" and "loss" in row.values]
        return min(rows, key=lambda row: row.values["loss"], default=None)

    @property
    def commits(self) -> list[str]:
        """That it was trained and scored at, each once."""
        found = [self.commit, *(score.commit for score in self.scores)]
        return list(dict.fromkeys(commit for commit in found if commit))


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Raises ValueError without folders, for one that is no run or stands twice, and for a damaged file in one."""
    if not folders:
        raise ValueError("no runs to report on; give at least one folder that `signtok train` wrote")
    return [read_run(folder, label, i) for i, (folder, label) in enumerate(zip(folders, _labels(folders), strict=True))]


def _labels(folders: Sequence[Path]) -> list[str]:
    """The last names of each path, as many as tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(names[-length:]) for names in parts]
        if len(set(labels)) == len(labels):
            return labels
    twice = next(folder for i, folder in enumerate(folders) if parts[i] in parts[:i])
    raise ValueError(f"{twice} is given twice; name each run once")


def read_run(folder: Path, label: str, series: int) -> Run:
    config = read_config(folder)
    trained = (folder / WEIGHTS).is_file()
    kind = PictureTokenizer if isinstance(config, PictureConfig) else LandmarkTokenizer
    tokenizer = load(folder) if trained else kind.untrained(config, "")
    scores = read_scores(folder / SCORES) if (folder / SCORES).is_file() else []
    foreign = trained and bool({score.fingerprint for score in scores} - {tokenizer.fingerprint})
    written = folder / (METRICS if (folder / METRICS).is_file() else "config.json")
    return Run(
        label=label,
        series=series,
        folder=folder,
        tokenizer=tokenizer,
        trained=trained,
        rows=read_metrics(folder / METRICS) if (folder / METRICS).is_file() else [],
        scores=[] if foreign else scores,
        foreign=foreign,
        commit=_trained_at(folder / "state" / "last.safetensors"),
        day=datetime.fromtimestamp(written.stat().st_mtime, UTC).date(),
    )


def read_metrics(path: Path) -> list[Row]:
    """The rows of metrics.jsonl, without a last line that breaks off. Raises ValueError that names a damaged line."""
    *whole, last = path.read_bytes().split(b"\n")
    rows = []
    for number, line in enumerate(whole, start=1):
        try:
            rows.append(Row.model_validate_json(line))
        except pydantic.ValidationError as error:
            raise ValueError(f"{path}: line {number}: {error.errors()[0]['msg']}; remove the line") from None
    try:
        return [*rows, Row.model_validate_json(last)]
    except pydantic.ValidationError:  # a run writes at this moment, or was killed while it did
        return rows


def _trained_at(state: Path) -> str:
    """The commit in the header of a checkpoint, empty where there is none: it is told, and nothing depends on it."""
    try:
        with safe_open(state, framework="pt") as file:
            return str(json.loads((file.metadata() or {})["commit"]) or "")
    except (OSError, SafetensorError, KeyError, ValueError):
        return ""
