"""The only training loop: tokenizers, translation, language model, latent generator.

    result = fit(model, stream, validation, config, Path("runs/NAME"))

writes run/{config.json, metrics.jsonl, model.safetensors, state/last.safetensors, tensorboard/}. The same call on the
same folder goes on where the last checkpoint stands, and gives the same numbers as a run that was never stopped: data
and randomness are functions of (seed, step), and evaluation works on a copy. Several processes are started with
`torchrun --nproc-per-node 2 -m ...` (not `accelerate launch --cpu`, which silently starts one). On a CPU that others
use too set OMP_WAIT_POLICY=passive: without it two threads that wait for each other ran at a tenth of the speed.
"""

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn

from signtok.atomic import remove_abandoned
from signtok.config import Config
from signtok.data.batch import Batch, Batches
from signtok.training import checkpoint
from signtok.training.log import Means, Progress, RunLog, as_floats
from signtok.training.optim import Learner, seed_of, uses_bf16
from signtok.training.state import Position, load_state, save_state
from signtok.training.validate import Stream, evaluate, loss_of

LOG_EVERY = 10
"""Steps that one training row of metrics.jsonl is the mean of."""


class DivergedError(ValueError):
    """The loss or the gradient is no longer a number."""


@dataclass(frozen=True)
class FitResult:
    """`best_loss` is the lowest validation loss; run/model.safetensors holds the weights of `best_step`."""

    run: Path
    step: int
    seconds: float
    best_loss: float
    best_step: int


def fit(
    model: nn.Module,
    stream: Stream,
    validation: Batches,
    config: Config,
    run: Path,
    *,
    data_hash: str | None = None,
) -> FitResult:
    """Trains `model`, which has `loss(batch) -> (loss, logs)`, until max_steps or max_minutes, and keeps the best.

    model: on return it holds the best weights, in eval mode, as run/model.safetensors does. It is copied for every
        evaluation, so it must not keep tensors with a gradient history between steps.
    stream: the training batch of a step, a pure function; each process takes its contiguous share of the rows.
    validation: what the best weights are chosen by.
    data_hash: what the data were; kept in the checkpoint, and a resumed run must have the same.

    Raises ValueError for a damaged checkpoint, another config than the folder's, a disk that is full; DivergedError
    (a ValueError) naming the step where loss or gradient are not finite. The last good checkpoint then stays.
    """
    if not validation:
        raise ValueError("validation is empty: the weights to keep are chosen by its loss; pass at least one batch")
    training = Training(model, config, run, data_hash)
    try:
        while not training.over():
            training.step(stream)
            if training.due(config.train.evaluate_every):
                training.evaluate(stream, validation)
            if training.due(config.train.checkpoint_every):
                training.save()
        training.finish(stream, validation)
    except KeyboardInterrupt:
        training.progress.write("stopped; the same command again goes on from the last checkpoint")
        raise
    finally:
        training.close()
    return training.result()


class Objective(nn.Module):
    """model.loss as a forward, so that DistributedDataParallel sees it.

    The autocast is here and not in Accelerator(mixed_precision=...), which is one setting for the whole process.
    """

    def __init__(self, model: nn.Module, bf16: bool) -> None:
        super().__init__()
        self.model, self.bf16 = model, bf16

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Any]]:
        with torch.autocast(batch.x.device.type, torch.bfloat16, enabled=self.bf16):
            return loss_of(self.model, batch)


def build_accelerator() -> Accelerator:
    """The GPU if there is one, and all processes that torchrun started."""
    # find_unused_parameters: a head may go unused, such as CTC where no row of this process has a text.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    # cpu: without it, accelerate takes two torchrun processes on a CPU for two single ones.
    return Accelerator(mixed_precision="no", cpu=not torch.accelerator.is_available(), kwargs_handlers=[unused])


class Training:
    """A run in its folder. The main process alone writes."""

    def __init__(self, model: nn.Module, config: Config, run: Path, data_hash: str | None) -> None:
        self.accelerator = build_accelerator()
        self.model, self.config, self.run, self.data_hash = model, config, run, data_hash
        self.state_path, self.model_path = run / "state" / "last.safetensors", run / "model.safetensors"
        bf16 = uses_bf16(config.train, self.accelerator.device)
        self.objective = self.accelerator.prepare(Objective(model, bf16)).train()
        self.learner = Learner.of(model, config.optim)
        self.log: RunLog | None = None
        resumes = self.state_path.exists()
        if not resumes and self.model_path.exists():
            raise ValueError(f"{run} holds a model but no training state: choose another run folder")
        self.position = load_state(self.state_path, self.learner, config, data_hash) if resumes else Position()
        self.accelerator.wait_for_everyone()  # all have looked before one writes
        self.open(resumes)

    def open(self, resumes: bool) -> None:
        """The clock, the logs, and in a new run the first checkpoint: from then on the folder tells whose it is."""
        train, position, main = self.config.train, self.position, self.accelerator.is_main_process
        self.started = time.monotonic() - position.seconds
        self.window, self.saved = Means(position.window), replace(position)
        self.max_seconds = None if train.max_minutes is None else 60 * train.max_minutes
        self.progress = Progress(self.config.name, position.step, train.max_steps, self.max_seconds, main)
        if main:
            for path in (self.state_path, self.model_path, self.run / "config.json"):
                remove_abandoned(path)
            if not resumes:
                checkpoint.write_config(self.run, self.config)
            self.log = RunLog(self.run, position.step, position.metrics_length)
        if not resumes:
            self.save()

    def seconds(self) -> float:
        """Wall time of this run, parts before a resume included."""
        return time.monotonic() - self.started

    def over(self) -> bool:
        if self.position.step >= self.config.train.max_steps:
            return True
        if self.max_seconds is None:
            return False
        now = torch.tensor(self.seconds(), device=self.accelerator.device)
        return bool(self.accelerator.reduce(now, "mean") >= self.max_seconds)  # the same answer in all processes

    def due(self, every: int) -> bool:
        return self.position.step % every == 0

    def step(self, stream: Stream) -> None:
        """One batch: gradient at y, clipped; optimiser step; logs."""
        step = self.position.step + 1
        batch = self.share(stream(step))
        torch.manual_seed(seed_of(self.config.train.seed, step, self.accelerator.process_index))
        loss, logs = self.objective(batch)
        self.accelerator.backward(loss)
        logs = as_floats({**logs, "loss": loss, "grad_norm": self.learner.clip_gradients()})
        means = self.over_processes(Means.of(logs, batch.weight))
        self.check_finite(step, means.values())
        self.learner.step()
        self.position.step = step
        self.window.merge(means)
        self.progress.update(step, self.seconds(), means, batch.unit)
        if self.due(LOG_EVERY):
            self.write_row("train", self.window.values())
            self.window = Means()

    def share(self, batch: Batch) -> Batch:
        """This process's contiguous rows, on its device."""
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        if len(batch) < processes:
            raise ValueError(f"a batch of {len(batch)} rows cannot feed {processes} processes: raise train.batch_size")
        rows = batch.rows(rank * len(batch) // processes, (rank + 1) * len(batch) // processes)
        return rows.to(self.accelerator.device)

    def over_processes(self, means: Means) -> Means:
        """The means over the frames of all processes, which log the same names."""
        if self.accelerator.num_processes == 1:
            return means
        sums = torch.tensor(list(means.sums.values()), dtype=torch.float64, device=self.accelerator.device)
        return Means(dict(zip(means.sums, self.accelerator.reduce(sums, "sum").tolist(), strict=True)))

    def check_finite(self, step: int, logs: dict[str, float]) -> None:
        wrong = {name: logs[name] for name in ("loss", "grad_norm") if name in logs and not math.isfinite(logs[name])}
        if wrong:
            what = " and ".join(f"{name} {value}" for name, value in wrong.items())
            rate = self.config.optim.learning_rate
            raise DivergedError(
                f"step {step}: {what}; {self.state_path} still holds the last good step; "
                f"begin anew with a lower optim.learning_rate (now {rate})"
            )

    def evaluate(self, stream: Stream, validation: Batches) -> None:
        """Validates the averaged weights, and keeps them if they are the best so far."""
        train, position = self.config.train, self.position
        model = self.learner.averaged()
        logs = evaluate(model, stream, validation, self.accelerator, train.calibration_batches, train.seed)
        self.check_finite(position.step, logs)
        self.write_row("validation", logs)
        position.evaluated_step = position.step
        if position.best_loss is None or logs["loss"] < position.best_loss:
            position.best_loss, position.best_step = logs["loss"], position.step
            if self.accelerator.is_main_process:
                checkpoint.save_model(self.model_path, model, self.config)
        self.progress.write(f"step {position.step}: validation loss {logs['loss']:.4f}, best {position.best_loss:.4f}")

    def write_row(self, split: str, values: dict[str, float]) -> None:
        if self.log is not None:
            self.log.row(self.position.step, self.seconds(), split, values)

    def save(self) -> None:
        self.position.seconds, self.position.window = self.seconds(), self.window.sums
        if self.log is not None:
            self.position.metrics_length = self.log.length()
            save_state(self.state_path, self.learner, self.position, self.config, self.data_hash)
        self.saved = replace(self.position)

    def finish(self, stream: Stream, validation: Batches) -> None:
        """The last evaluation and checkpoint, unless the run was finished when it was opened."""
        if self.position.evaluated_step != self.position.step:
            self.evaluate(stream, validation)
        if self.position != self.saved:
            self.save()

    def close(self) -> None:
        self.progress.close()
        if self.log is not None:
            self.log.close()

    def result(self) -> FitResult:
        """Puts the best weights into the model."""
        self.accelerator.wait_for_everyone()  # the main process has written them
        checkpoint.load_model_weights(self.model_path, self.model)
        self.model.eval()
        position = self.position
        assert position.best_loss is not None
        return FitResult(self.run, position.step, position.seconds, position.best_loss, position.best_step)
