"""What a measurement is: a value with its interval, and what exactly was measured."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Shaped

from signtok.atomic import write_text

FORMAT, VERSION = "signtok-scores", "1"


@dataclass(frozen=True)
class Ratio:
    """One example's share of a metric: a sum, and what it is to be divided by. Never a mean of means."""

    numerator: float
    denominator: float

    @property
    def value(self) -> float:
        """numerator / denominator, NaN where there was nothing to measure."""
        return self.numerator / self.denominator if self.denominator else float("nan")

    def __add__(self, other: "Ratio") -> "Ratio":
        return Ratio(self.numerator + other.numerator, self.denominator + other.denominator)


@dataclass(frozen=True)
class Interval:
    """A value, its bootstrap interval, and the number of examples behind it."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Score:
    """One result. `signature`: what was measured on what, so that two equal signatures can be compared."""

    name: str
    value: float
    low: float
    high: float
    n: int
    unit: str
    direction: Literal["higher", "lower"]
    signature: str
    commit: str = ""
    fingerprint: str = ""


def bootstrap(
    numerators: Shaped[np.ndarray, " n"] | Sequence[float],
    denominators: Shaped[np.ndarray, " n"] | Sequence[float] | None = None,
    seed: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """sum(numerators) / sum(denominators) with the percentile bootstrap interval over examples (Efron 1979).

    Without denominators, the plain mean. An example with denominator 0 weighs nothing and is not counted in n.
    Raises ValueError without any example that has something to measure.
    """
    top = np.asarray(numerators, np.float64)
    bottom = np.ones_like(top) if denominators is None else np.asarray(denominators, np.float64)
    if top.shape != bottom.shape:
        raise ValueError(f"bootstrap: {top.shape[0]} numerators but {bottom.shape[0]} denominators")
    top, bottom = top[bottom > 0], bottom[bottom > 0]
    if len(top) == 0:
        raise ValueError("bootstrap: nothing to measure; give at least one example with a positive denominator")
    generator = np.random.default_rng(seed)
    values = np.empty(resamples)
    for index in range(resamples):  # one resample at a time: memory stays flat
        drawn = generator.integers(0, len(top), len(top))
        values[index] = top[drawn].sum() / bottom[drawn].sum()
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(top.sum() / bottom.sum()), float(low), float(high), len(top))


def score(
    name: str,
    ratios: Sequence[Ratio],
    *,
    unit: str,
    direction: Literal["higher", "lower"],
    signature: str,
    commit: str = "",
    fingerprint: str = "",
    scale: float = 1.0,
) -> Score:
    """A Score of one Ratio an example; `scale` 100 turns shares into per cent."""
    interval = bootstrap([scale * ratio.numerator for ratio in ratios], [ratio.denominator for ratio in ratios])
    return Score(
        name,
        **asdict(interval),
        unit=unit,
        direction=direction,
        signature=signature,
        commit=commit,
        fingerprint=fingerprint,
    )


def write_scores(path: str | os.PathLike[str], scores: Sequence[Score]) -> None:
    """scores.json (docs/formats.md), atomically. Raises ValueError that names a score that is not finite."""
    for one in scores:
        if not np.isfinite([one.value, one.low, one.high]).all():
            raise ValueError(f"score {one.name!r} is not finite ({one.value}); leave it out or measure it again")
    content = {"format": FORMAT, "version": VERSION, "scores": [asdict(one) for one in scores]}
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_scores(path: str | os.PathLike[str]) -> list[Score]:
    """Raises ValueError for a file that is missing, no scores file or of another version, and for a score that lacks a
    field or holds what it should not."""
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if (content["format"], content["version"]) != (FORMAT, VERSION):
            raise ValueError(f"format {content['format']!r} version {content['version']!r}")
        return [_to_score(entry) for entry in content["scores"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: not a scores file of version {VERSION} ({error}); `signtok evaluate` makes one"
        ) from None


def _to_score(entry: Any) -> Score:
    """Raises TypeError or ValueError for what is no score."""
    if not isinstance(entry, dict):
        raise ValueError("a score that is no object")
    for name, value in entry.items():
        if not _fits(name, value):
            raise ValueError(f"{name} {value!r}")
    return Score(**entry)


def _fits(name: str, value: Any) -> bool:
    match name:
        case "value" | "low" | "high":
            return type(value) in (int, float) and bool(np.isfinite(value))
        case "n":
            return type(value) is int
        case "direction":
            return value in ("higher", "lower")
        case _:
            return isinstance(value, str)


def table(scores: Sequence[Score], digits: int = 3) -> str:
    """A markdown table; the arrow says which way is better."""
    lines = ["| score | value | 95 % interval | n | unit |", "|---|---:|---:|---:|---|"]
    for one in scores:
        arrow = {"higher": "↑", "lower": "↓"}[one.direction]
        interval = f"{one.low:.{digits}f} to {one.high:.{digits}f}"
        lines.append(f"| {one.name} {arrow} | {one.value:.{digits}f} | {interval} | {one.n} | {one.unit} |")
    return "\n".join(lines) + "\n"
