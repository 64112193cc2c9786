"""How long does a picture take to be decoded, by how large a model, in how much memory?

    python bench/picture_decode.py --size 64

Paper 000's three autoencoders and ours, with untrained weights: all decode 64 numbers, latent diffusion after its 100
denoising steps. Time in one process, in turns, medians. Memory: the peak of a fresh process (Linux) that decodes one
batch of 64, above that of one that only imports.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Literal

import torch
import tyro
from torch import Tensor, nn

from signtok.config import PictureConfig, PictureTokenizerConfig
from signtok.recipes.image import asl_image_conv, asl_image_ddpm, asl_image_ff, hands_conv
from signtok.tokenizer.picture_model import PictureModel

RECIPES: dict[str, Callable[[], PictureConfig]] = {
    "asl-image-ff": asl_image_ff,
    "asl-image-conv": asl_image_conv,
    "asl-image-ddpm": asl_image_ddpm,
    "hands-conv": hands_conv,
}
BATCHES = (1, 64)
Name = Literal["asl-image-ff", "asl-image-conv", "asl-image-ddpm", "hands-conv", "imports"]


def build(name: str, size: int) -> PictureModel:
    """Raises ValueError for a size that its networks cannot halve."""
    torch.manual_seed(0)
    return PictureModel(PictureTokenizerConfig(**{**dict(RECIPES[name]().tokenizer), "size": size})).eval()


def latents(model: PictureModel, count: int) -> Tensor:
    return torch.randn(count, model.config.latent, generator=torch.Generator().manual_seed(0))


def decode(model: PictureModel, z: Tensor) -> None:
    model.decode(z, generator=torch.Generator().manual_seed(0))


def seconds(model: PictureModel, z: Tensor, calls: int) -> float:
    """Of one call."""
    start = time.perf_counter()
    for _ in range(calls):
        decode(model, z)
    return (time.perf_counter() - start) / calls


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def peak_megabytes(name: str, size: int) -> float:
    command = [sys.executable, __file__, "--size", str(size), "--peak-of", name]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def print_peak(name: str, size: int) -> None:
    if name != "imports":
        model = build(name, size)
        decode(model, latents(model, max(BATCHES)))
    # Not getrusage: its peak is inherited from the process that started this one.
    print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024)


def models_of(size: int) -> dict[str, PictureModel]:
    models = {}
    for name in RECIPES:
        try:
            models[name] = build(name, size)
        except ValueError as error:
            print(f"without {name}: {error}")
    return models


def main(size: int = 64, repeats: int = 9, threads: int = 1, peak_of: Name | None = None) -> None:
    torch.set_num_threads(threads)
    if peak_of:
        print_peak(peak_of, size)
        return
    models = models_of(size)
    spent: dict[tuple[str, int], list[float]] = {(name, batch): [] for name in models for batch in BATCHES}
    for turn in range(repeats + 1):
        for (name, batch), runs in spent.items():
            model = models[name]
            taken = seconds(model, latents(model, batch), calls=20 if batch == 1 else 1) / batch
            if turn:  # the first is to warm up
                runs.append(taken)
    base = peak_megabytes("imports", size)
    print(f"\n{size} px, {threads} threads, {repeats} turns; memory above {base:.0f} MB of the imports\n")
    print("| decoder | parameters, decoder | ms a picture, alone | ms, of 64 | spread | peak MB |")
    print("|---|---:|---:|---:|---|---:|")
    for name, model in models.items():
        alone, together = (sorted(1000 * run for run in spent[name, batch]) for batch in BATCHES)
        spread = f"{alone[0]:.2f} to {alone[-1]:.2f}, {together[0]:.2f} to {together[-1]:.2f}"
        counts = f"{parameters(model):,}, {parameters(model.decoder):,}"
        peak = peak_megabytes(name, size) - base
        print(f"| {name} | {counts} | {median(alone):.2f} | {median(together):.2f} | {spread} | {peak:.0f} |")


if __name__ == "__main__":
    tyro.cli(main)
