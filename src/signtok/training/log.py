"""What a run tells: metrics.jsonl, TensorBoard, and a progress bar (or a line now and then)."""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from signtok.training.checkpoint import cannot_write

LINE_EVERY_SECONDS = 30.0


def as_floats(logs: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value.detach() if isinstance(value, torch.Tensor) else value) for name, value in logs.items()}


class Means:
    """Weighted means, kept as sums and counts: {name: [sum, weight]}, which is also how a checkpoint keeps them."""

    def __init__(self, sums: Mapping[str, list[float]] | None = None) -> None:
        self.sums = {name: list(pair) for name, pair in (sums or {}).items()}

    @classmethod
    def of(cls, values: Mapping[str, float], weight: int) -> "Means":
        return cls({name: [value * weight, float(weight)] for name, value in values.items()})

    def merge(self, other: "Means") -> None:
        for name, (total, weight) in other.sums.items():
            pair = self.sums.setdefault(name, [0.0, 0.0])
            pair[0] += total
            pair[1] += weight

    def values(self) -> dict[str, float]:
        return {name: total / weight if weight else 0.0 for name, (total, weight) in self.sums.items()}


class RunLog:
    """metrics.jsonl, one JSON a line: step, seconds, split ("train" or "validation") and every log; and TensorBoard.

    A resumed run gives the length that the file had at its checkpoint: what came after is cut off and written again.
    """

    def __init__(self, run: Path, step: int, length: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import

        self.path = run / "metrics.jsonl"
        try:
            self.file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 (open as long as the run)
            os.truncate(self.path, min(length, self.path.stat().st_size))
            self.board = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def row(self, step: int, seconds: float, split: str, values: Mapping[str, float]) -> None:
        line = {"step": step, "seconds": round(seconds, 3), "split": split, **values}
        try:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
            for name, value in values.items():
                self.board.add_scalar(f"{name}/{split}", value, step)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def length(self) -> int:
        """Bytes written so far."""
        return self.path.stat().st_size

    def close(self) -> None:
        self.file.close()
        self.board.close()


class Progress:
    """A bar on a terminal, a line every half minute elsewhere: loss, speed, time left."""

    def __init__(self, name: str, step: int, max_steps: int, max_seconds: float | None, show: bool) -> None:
        self.name, self.max_steps, self.max_seconds = name, max_steps, max_seconds
        self.started = self.lined = time.monotonic()
        self.first, self.weight = step, 0.0
        self.show = show
        self.bar = tqdm(
            total=max_steps, initial=step, desc=name, disable=not (show and sys.stderr.isatty()), dynamic_ncols=True
        )

    def update(self, step: int, seconds: float, means: Means, unit: str) -> None:
        """A step was done; `means` holds its "loss", weighed by how many of `unit` ("frames") it has seen."""
        self.weight += means.sums["loss"][1]
        now = time.monotonic()
        self.bar.update()
        if not self.bar.disable:
            self.bar.set_postfix_str(self.describe(step, seconds, means, unit, now))
        elif self.show and now - self.lined > LINE_EVERY_SECONDS:
            self.lined = now
            self.write(f"step {step}: {self.describe(step, seconds, means, unit, now)}")

    def describe(self, step: int, seconds: float, means: Means, unit: str, now: float) -> str:
        spent = max(now - self.started, 1e-9)
        left = (self.max_steps - step) * spent / max(step - self.first, 1)
        if self.max_seconds is not None:
            left = min(left, self.max_seconds - seconds)
        loss = means.values()["loss"]
        return f"loss {loss:.4f}, {self.weight / spent:,.0f} {unit}/s, {max(left, 0) / 60:.1f} min left"

    def write(self, line: str) -> None:
        """A line of its own, on the process that shows anything."""
        if self.show:
            self.bar.write(f"{self.name}: {line}", file=sys.stderr)

    def close(self) -> None:
        self.bar.close()
