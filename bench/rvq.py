"""How fast is our residual VQ, beside vector-quantize-pytorch and beside the matrix products that it cannot do without?

    OMP_WAIT_POLICY=passive python bench/rvq.py --repeats 3

4 codebooks of 1024 codes in 128 dimensions; smooth tracks, codebooks by k-means on them, the same in both libraries.
All contenders take turns in one process, and medians are printed: compare rows of one run, not runs.
"""

import argparse
import copy
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor
from vector_quantize_pytorch import ResidualVQ as Peer

from signtok.config import ResidualVQConfig
from signtok.tokenizer.nearest import ROWS, Scorer
from signtok.tokenizer.rvq import ResidualVQ

CONFIG = ResidualVQConfig(dropout=0, bypass=0)
SHAPES = {"1 x 256": (1, 256), "64 x 256": (64, 256)}
PEER_SPLIT = f"peer, {ROWS}-row pieces"


def tracks(batch: int, frames: int) -> Tensor:
    """Encoder-like features (B, T, 128): 24 bounded random walks, mixed, with a little noise."""
    generator = torch.Generator().manual_seed(0)
    walk = torch.randn(batch, frames, 24, generator=generator).cumsum(1) / frames**0.5
    mix = torch.randn(24, CONFIG.dim, generator=generator) / 5
    return walk.tanh() @ mix + 0.05 * torch.randn(batch, frames, CONFIG.dim, generator=generator)


def contenders() -> tuple[ResidualVQ, Peer]:
    """Ours and theirs with the same codebooks and the same rules."""
    torch.manual_seed(0)
    ours = ResidualVQ(CONFIG)
    h = tracks(64, 256)
    for _ in range(3):
        ours(h, torch.ones(h.shape[:2], dtype=torch.bool))
    peer = Peer(
        dim=CONFIG.dim,
        num_quantizers=CONFIG.codebooks,
        codebook_size=CONFIG.codes,
        decay=CONFIG.decay,
        threshold_ema_dead_code=CONFIG.dead_below,
    )
    for layer, codes, size, total in zip(peer.layers, ours.codebooks, ours.cluster_size, ours.embed_sum, strict=True):
        book = layer._codebook
        for buffer, value in ((book.embed, codes), (book.cluster_size, size), (book.embed_avg, total)):
            buffer.copy_(value[None])
    return ours.eval(), peer.eval()


def products(h: Tensor, scorers: list[Scorer], route: str) -> None:
    """What every residual VQ has to do at least: four products, in pieces that stay in cache."""
    for rows in h.view(-1, CONFIG.dim).split(ROWS):
        for scorer in scorers:
            if route == "default":
                torch.addmm(scorer.bias, rows, scorer.weight.T)
            else:
                scorer(rows)


def encoders(ours: ResidualVQ, peer: Peer, h: Tensor) -> dict[str, Callable[[], object]]:
    mask = torch.ones(h.shape[:2], dtype=torch.bool)
    rows = h.view(1, -1, CONFIG.dim)
    scorers = ours.scorers()
    return {
        "ours": lambda: ours.encode(h, mask),
        "peer": lambda: peer(h),
        PEER_SPLIT: lambda: [peer(piece) for piece in rows.split(ROWS, dim=1)],
        "products, default": lambda: products(h, scorers, "default"),
        "products, oneDNN": lambda: products(h, scorers, "oneDNN"),
    }


def trainers(ours: ResidualVQ, peer: Peer, h: Tensor) -> dict[str, Callable[[], object]]:
    mask = torch.ones(h.shape[:2], dtype=torch.bool)

    def step_ours() -> None:
        latent = ours(h.clone().requires_grad_(), mask)
        (latent.z.square().sum() + latent.loss).backward()

    def step_peer() -> None:
        z, _, losses = peer(h.clone().requires_grad_())
        (z.square().sum() + losses.sum()).backward()

    return {"ours": step_ours, "peer": step_peer}


def medians(functions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds of each, in turns, after one turn to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(values[1:]) for name, values in seconds.items()}


def show(title: str, frames: int, seconds: dict[str, float]) -> None:
    for name, value in seconds.items():
        ratio = value / seconds["ours"]
        print(f"| {title} | {name} | {value * 1e3:.1f} | {frames / value / 1e3:.1f} | {ratio:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    ours, peer = contenders()
    print("| job | who | ms | thousand frames/s | time / ours |\n|---|---|---|---|---|")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for name, shape in SHAPES.items():
            h = tracks(*shape)
            more = repeats * (10 if shape[0] == 1 else 1)
            with torch.no_grad():
                seconds = medians(encoders(ours, peer, h), more)
            show(f"encode {name}, threads: {threads}", h[..., 0].numel(), seconds)
            mine, theirs = copy.deepcopy((ours, peer))  # what they learn must not touch the next encoding
            seconds = medians(trainers(mine.train(), theirs.train(), h), more)
            show(f"train {name}, threads: {threads}", h[..., 0].numel(), seconds)


if __name__ == "__main__":
    main()
