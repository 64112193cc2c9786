"""How fast is a training step of the convolutional tokenizer, beside a plain one in float32 and contiguous memory?

    python bench/picture_training.py --size 200

Both have the architecture of paper 000 and the same optimiser; the plain one is what one writes at first: no autocast,
no memory format, Adam. In turns, medians.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from torch import nn

from signtok.config import OptimConfig, PictureConfig, PictureTokenizerConfig, TrainConfig
from signtok.data.batch import PictureBatch
from signtok.recipes.image import asl_image_conv
from signtok.tokenizer.picture_model import PictureModel
from signtok.training.fit import Objective
from signtok.training.optim import Learner, uses_bf16


def plain(size: int) -> nn.Module:
    """Paper 000's network as it stands on the page."""
    grid = size // 8
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU()),
        *(nn.Conv2d(64, 128, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128 * grid**2, 64)),
        *(nn.Linear(64, 128 * grid**2), nn.Unflatten(1, (128, grid, grid)), nn.ReLU()),
        *(nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU()),
        *(nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Sigmoid()),
    )


def plain_step(size: int) -> Callable[[PictureBatch], float]:
    model = plain(size)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def step(batch: PictureBatch) -> float:
        target = (batch.x + 1) / 2
        loss = F.mse_loss(model(target), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def our_step(size: int) -> Callable[[PictureBatch], float]:
    """As `fit` does it: autocast where the machine has it, clipping, schedule-free AdamW."""
    config: PictureConfig = asl_image_conv()
    model = PictureModel(PictureTokenizerConfig(**{**dict(config.tokenizer), "size": size}))
    objective = Objective(model, uses_bf16(TrainConfig(), torch.device("cpu"))).train()
    learner = Learner.of(model, OptimConfig())

    def step(batch: PictureBatch) -> float:
        loss, _ = objective(batch)
        loss.backward()
        learner.clip_gradients()
        learner.step()
        return float(loss.detach())

    return step


def main(size: int = 200, batch_size: int = 32, steps: int = 5, repeats: int = 5, threads: int = 1) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    batch = PictureBatch(x=torch.rand(batch_size, 3, size, size) * 2 - 1, label=torch.zeros(batch_size).long())
    rivals = {"plain float32": plain_step(size), "signtok": our_step(size)}
    for step in rivals.values():
        step(batch)  # warm
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(repeats):
        for name, step in rivals.items():
            start = time.perf_counter()
            for _ in range(steps):
                step(batch)
            seconds[name].append((time.perf_counter() - start) / steps)
    print(f"{size} px, batches of {batch_size}, {threads} threads\n")
    print("| what | pictures/s (median) | all runs |\n|---|---:|---|")
    for name, runs in seconds.items():
        listed = ", ".join(f"{rate:,.0f}" for rate in np.sort([batch_size / run for run in runs]))
        print(f"| {name} | {batch_size / median(runs):,.0f} | {listed} |")
    print(f"\nsigntok {median(seconds['plain float32']) / median(seconds['signtok']):.2f} times as fast")


if __name__ == "__main__":
    tyro.cli(main)
