"""A model and data small enough to train in a blink; as a script, a whole training run to kill or to start by torchrun.

python tiny_run.py RUN [SECONDS_PER_BATCH]
"""

import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from signtok.config import LandmarkConfig, OptimConfig, TrainConfig
from signtok.data.batch import LandmarkBatch
from signtok.training.fit import FitResult, fit


class Tiny(nn.Module):
    """Regression of a fixed linear map, through batch-norm on real frames, dropout and a codebook-like buffer."""

    frozen = False

    def __init__(self) -> None:
        super().__init__()
        self.into, self.norm, self.out = nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Linear(16, 4)
        self.drop = nn.Dropout(0.1)
        self.unused = nn.Parameter(torch.ones(3))
        self.register_buffer("codebook", torch.zeros(4))

    def loss(self, batch: LandmarkBatch) -> tuple[Tensor, dict[str, Tensor]]:
        x = batch.x[batch.mask].flatten(1)  # (N, 4)
        if self.training and not self.frozen:
            self.codebook.lerp_(x.mean(0) + torch.randn(4), 0.1)
        error = self.out(self.drop(self.norm(self.into(x)))) - (2 * x.roll(1, -1) + 1)
        loss = error.square().mean()
        return loss, {"mse": loss.detach()}


def make_batch(step: int) -> LandmarkBatch:
    """6 sequences of up to 9 frames of 2 landmarks."""
    generator = torch.Generator().manual_seed(step)
    mask = torch.arange(9) < torch.randint(2, 10, (6, 1), generator=generator)
    x = torch.randn(6, 9, 2, 2, generator=generator) * mask[..., None, None]
    text = torch.zeros(6, 1, dtype=torch.int64)
    length = text[:, 0]
    present = mask[..., None].expand(6, 9, 2).clone()
    return LandmarkBatch(x=x, mask=mask, present=present, text=text, text_len=length, label=length)


def make_config(max_steps: int = 60, ema: float | None = None, **train: float | str) -> LandmarkConfig:
    settings = {"evaluate_every": 15, "checkpoint_every": 8, "calibration_batches": 3, "precision": "fp32", **train}
    return LandmarkConfig(
        name="tiny",
        optim=OptimConfig(learning_rate=0.03, warmup_steps=10, ema_decay=ema),
        train=TrainConfig(max_steps=max_steps, **settings),
    )


VALIDATION = [make_batch(10**6 + i) for i in range(3)]


def run_tiny(run: Path, config: LandmarkConfig | None = None, stream=make_batch) -> FitResult:
    torch.manual_seed(0)
    return fit(Tiny(), stream, VALIDATION, config or make_config(), run)


class StopError(Exception):
    """Stands for a power cut."""


def stop_at(step: int):
    def stream(now: int):
        if now == step:
            raise StopError
        return make_batch(now)

    return stream


def metrics(run: Path, split: str | None = None) -> list[dict]:
    """Rows without the clock."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows if split in (None, row["split"])]


def same_tensors(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def same_run(a: Path, b: Path) -> bool:
    files = ("model.safetensors", "state/last.safetensors")
    return metrics(a) == metrics(b) and all(same_tensors(load_file(a / name), load_file(b / name)) for name in files)


if __name__ == "__main__":
    torch.set_num_threads(1)
    pause = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0

    def slow_stream(step: int) -> LandmarkBatch:
        time.sleep(pause)
        return make_batch(step)

    print(run_tiny(Path(sys.argv[1]), stream=slow_stream))
