"""How fast is a training step of epsilon-VAE, beside the same with the U-Net of diffusers, and how much more does one
step of decoding cost than a deterministic decoder?

    python bench/picture_flow.py

A step is that of the recipe: encoder, decoder, LPIPS and critic, forward and backward. The U-Net of diffusers has our
levels, blocks and attention, and pictures are cut into the same squares for both. Untrained weights, but for the
packaged pair. In turns, medians.
"""

import time
from collections.abc import Callable, Mapping
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from torch import Tensor, nn

from signtok.config import FlowDecoder, PictureConfig, TrainConfig, UNetConfig
from signtok.data.batch import PictureBatch
from signtok.hub import PictureTokenizer, load
from signtok.recipes import grid
from signtok.tokenizer.picture_model import PictureModel
from signtok.training.fit import Objective
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


class Theirs(nn.Module):
    """In the place of ours."""

    def __init__(self, config: UNetConfig, inputs: int, size: int) -> None:
        super().__init__()
        self.patch, self.net = config.patch, theirs(config, inputs, size)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        said = self.net(F.pixel_unshuffle(x, self.patch), 1000 * t).sample
        return F.pixel_shuffle(said, self.patch)


def step_of(model: PictureModel, x: Tensor, bf16: bool) -> Callable[[], None]:
    objective = Objective(model, bf16).train()
    batch = PictureBatch(x=x, label=torch.zeros(len(x), dtype=torch.long))

    def step() -> None:
        torch.manual_seed(0)  # the same times, parts and penalties for all
        model.zero_grad()
        objective(batch)[0].backward()

    return step


def training(size: int, batch: int) -> dict[str, Callable[[], None]]:
    config = with_size(grid.eps_vae(), size).tokenizer
    assert isinstance(config.decoder, FlowDecoder)
    assert isinstance(config.decoder.net, UNetConfig)
    ours, peer = PictureModel(config), PictureModel(config)
    inputs = 3 + peer.decoder.condition(torch.zeros(1, 1, 1, config.latent)).shape[1]
    peer.decoder.net = Theirs(config.decoder.net, inputs, size)
    print(f"parameters of the U-Net: ours {count(ours.decoder.net):,}, diffusers {count(peer.decoder.net):,}")
    bf16 = uses_bf16(TrainConfig(), torch.device("cpu"))
    x = torch.rand(batch, 3, size, size).contiguous(memory_format=torch.channels_last) * 2 - 1
    rivals = {"a training step with ours, as we train": step_of(ours, x, bf16)}
    if bf16:
        rivals["with diffusers' U-Net, autocast"] = step_of(peer, x, True)
    return rivals | {"with diffusers' U-Net, float32": step_of(peer, x, False)}


def decoding(size: int) -> dict[str, Callable[[], object]]:
    found: dict[str, Callable[[], object]] = {}
    for recipe in (grid.vae, grid.swycc, grid.eps_vae, grid.vae_b, grid.eps_vae_b):
        config = recipe()
        model = PictureModel(with_size(config, size).tokenizer).eval()
        z = model.encode(torch.zeros(1, 3, size, size))
        steps = 1 if isinstance(config.tokenizer.decoder, FlowDecoder) else None
        found[f"decoding by {config.name}"] = lambda m=model, z=z, s=steps: m.decode(z, s, torch.Generator())
    return found


def packaged() -> dict[str, Callable[[], object]]:
    """Of 64 pixels, and of 200 at their own resolution."""
    found: dict[str, Callable[[], object]] = {}
    for name in ("hands-vae", "hands"):
        tok = load(name)
        assert isinstance(tok, PictureTokenizer)
        for size, fit in ((64, True), (200, False)):
            picture = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
            tokens = tok.tokenize([picture], fit=fit)
            found[f"{name} {size} px: tokenize"] = lambda t=tok, p=picture, f=fit: t.tokenize([p], fit=f)
            found[f"{name} {size} px: detokenize"] = lambda t=tok, z=tokens: t.detokenize(z)
    return found


def with_size(config: PictureConfig, size: int) -> PictureConfig:
    tokenizer = type(config.tokenizer)(**{**dict(config.tokenizer), "size": size})
    return config.model_copy(update={"tokenizer": tokenizer})


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def measure(rivals: Mapping[str, Callable[[], object]], repeats: int) -> None:
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
    for side in (64, 128):
        print(f"\n{side} px")
        measure(decoding(side), 3 * repeats)
    measure(packaged(), repeats)


if __name__ == "__main__":
    tyro.cli(main)
