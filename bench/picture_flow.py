"""How fast is a step of epsilon-VAE's U-Net, beside the one of diffusers, and how much more does one step of decoding
cost than a deterministic decoder?

    python bench/picture_flow.py --size 64

Forward and backward, velocity loss alone, in turns, medians. The U-Net of diffusers has our levels, blocks and
attention, and pictures are cut into the same squares for both.
"""

import time
from collections.abc import Callable
from statistics import median

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from signtok.config import TrainConfig, UNetConfig
from signtok.nn.unet import UNet
from signtok.recipes import grid
from signtok.tokenizer.picture_model import PictureModel
from signtok.training.optim import uses_bf16


def theirs(config: UNetConfig, inputs: int, size: int) -> torch.nn.Module:
    from diffusers import UNet2DModel

    widths, levels = [config.channels * m for m in config.multipliers], range(len(config.multipliers))
    return UNet2DModel(
        sample_size=size // config.patch,
        in_channels=inputs * config.patch**2,
        out_channels=3 * config.patch**2,
        block_out_channels=widths,
        layers_per_block=config.blocks,
        down_block_types=["AttnDownBlock2D" if i in config.attention else "DownBlock2D" for i in levels],
        up_block_types=["AttnUpBlock2D" if i in config.attention else "UpBlock2D" for i in reversed(levels)],
        attention_head_dim=config.head,
        norm_num_groups=8,
        resnet_time_scale_shift="scale_shift",
        downsample_type="resnet",
        upsample_type="resnet",
    )


def step_of(
    net: Callable[[Tensor, Tensor], Tensor], model: torch.nn.Module, x: Tensor, bf16: bool
) -> Callable[[], None]:
    t, target = torch.rand(len(x)), torch.rand(len(x), 3, *x.shape[2:])

    def step() -> None:
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            said = net(x, t)
        F.mse_loss(said.float(), target).backward()

    return step


def training(size: int, batch: int) -> dict[str, Callable[[], None]]:
    config = grid.eps_vae().tokenizer.decoder.net
    bf16 = uses_bf16(TrainConfig(), torch.device("cpu"))
    x = torch.randn(batch, 7, size, size)
    ours, peer = UNet(config, 7), theirs(config, 7, size)
    print(f"parameters: ours {count(ours):,}, diffusers {count(peer):,}")

    def by_peer(x: Tensor, t: Tensor) -> Tensor:
        squares = F.pixel_unshuffle(x, config.patch)
        return F.pixel_shuffle(peer(squares, 1000 * t).sample, config.patch)

    return {
        "a training step of diffusers' U-Net, float32": step_of(by_peer, peer, x, False),
        "a training step of diffusers' U-Net, autocast": step_of(by_peer, peer, x, bf16),
        "a training step of ours, as we train": step_of(ours, ours, x, bf16),
    }


def decoding(size: int) -> dict[str, Callable[[], None]]:
    models = {recipe().name: PictureModel(recipe().tokenizer).eval() for recipe in (grid.vae, grid.swycc, grid.eps_vae)}
    z = torch.randn(1, size // 8, size // 8, 4)
    generator = torch.Generator()
    one = {name: (lambda m=m, n=name: m.decode(z, None if n == "vae" else 1, generator)) for name, m in models.items()}
    return {f"decoding by {name}{'' if name == 'vae' else ', 1 step'}": work for name, work in one.items()}


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def measure(rivals: dict[str, Callable[[], None]], repeats: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for work in rivals.values():
        work()  # warm
    for _ in range(repeats):
        for name, work in rivals.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    first = median(next(iter(seconds.values())))
    print("\n| what | ms (median) | of the first |\n|---|---:|---:|")
    for name, runs in seconds.items():
        print(f"| {name} | {1000 * median(runs):,.1f} | {median(runs) / first:.2f} |")


def main(size: int = 64, batch: int = 16, repeats: int = 7, threads: int = 1) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    print(f"{size} px, batches of {batch}, {threads} threads")
    measure(training(size, batch), repeats)
    measure(decoding(size), 3 * repeats)


if __name__ == "__main__":
    tyro.cli(main)
