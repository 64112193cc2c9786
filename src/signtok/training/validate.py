"""Evaluation while training: on a copy of the model, so that training cannot tell that it happened."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, gather_object
from torch import Tensor, nn

from signtok.data.batch import Batch, Batches
from signtok.training.log import Means, as_floats
from signtok.training.optim import seed_of

Stream = Callable[[int], Batch]
"""The training batch of a step: a pure function, which is what makes resuming exact."""

CALIBRATION_STEP = 1_000_000_000
"""Training batches from this step on are for calibration alone: no training run gets so far."""


def loss_of(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Any]]:
    """The one contract of anything trainable: (loss, logs), without gradient in the logs."""
    return cast(Any, model).loss(batch)


def batch_norms(model: nn.Module) -> list[Any]:
    """Modules with running statistics, torch's or our own masked ones: `momentum` weighs what is new."""
    return [m for m in model.modules() if getattr(m, "running_mean", None) is not None and hasattr(m, "momentum")]


@torch.no_grad()
def calibrate(model: nn.Module, stream: Stream, batches: int, device: torch.device, seed: int) -> None:
    """Batch-norm statistics of these very weights: the plain mean over `batches` training batches.

    Running statistics belong to the weights that training went through, not to their average. Codebooks, which also
    learn in train mode, stay as they are: every module that has `frozen` gets it set, for good. (FACTS.md 3.4: the
    paper's code refreshes on validation batches, and the codebooks with them.)
    """
    norms = batch_norms(model)
    if not norms:
        return
    for module in model.modules():
        if hasattr(module, "frozen"):
            cast(Any, module).frozen = True
    model.train()
    momentum = [norm.momentum for norm in norms]
    for i in range(batches):
        for norm in norms:
            norm.momentum = 1 / (i + 1)  # a cumulative average
        torch.manual_seed(seed_of(seed, CALIBRATION_STEP + i))
        loss_of(model, stream(CALIBRATION_STEP + i).to(device))
    for norm, before in zip(norms, momentum, strict=True):
        norm.momentum = before


@torch.no_grad()
def validate(model: nn.Module, validation: Batches, accelerator: Accelerator, seed: int) -> dict[str, float]:
    """The logs and the loss, averaged over all real frames; each process takes every n-th batch.

    In float32 whatever the training precision: what is measured is what will be used.
    """
    model.eval()
    rows = []
    for i in range(accelerator.process_index, len(validation), accelerator.num_processes):
        batch = validation[i].to(accelerator.device)
        torch.manual_seed(seed_of(seed, i))
        loss, logs = loss_of(model, batch)
        rows.append((i, Means.of(as_floats({**logs, "loss": loss}), batch.weight).sums))
    means = Means()
    for _, sums in sorted(gather_object(rows), key=lambda row: row[0]):  # one order for any number of processes
        means.merge(Means(sums))
    return means.values()


def evaluate(
    model: nn.Module, stream: Stream, validation: Batches, accelerator: Accelerator, batches: int, seed: int
) -> dict[str, float]:
    """Calibrates `model`, a copy that this may change, on `batches` training batches, and validates it."""
    for buffer in model.buffers():  # codebooks move in each process by itself between two steps
        buffer.copy_(broadcast(buffer.clone()))
    with own_randomness(accelerator.device):
        calibrate(model, stream, batches, accelerator.device, seed)
        return validate(model, validation, accelerator, seed)


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Afterwards torch's random state is what it was."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
