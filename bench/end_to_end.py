"""Landmarks to tokens, end to end: frames a second, and what share of it the quantizer takes.

    python bench/end_to_end.py --tokenizer fingerspelling

A batch of 16 recordings of 256 frames through `tokenize`, with 1 and 2 threads; medians over repeats. Where other
programs run, the processor time tells more than the clock, so both are printed.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from signtok.data.normalise import normalise
from signtok.hub import LandmarkTokenizer, load_landmark_tokenizer

SEQUENCES, FRAMES = 16, 256


def recordings() -> list[np.ndarray]:
    """Right hands that wander, as far as speed is concerned."""
    rng = np.random.default_rng(0)
    steps = rng.normal(0, 0.003, (SEQUENCES, FRAMES, 42, 2)).cumsum(1) + rng.uniform(0.3, 0.7, (SEQUENCES, 1, 42, 2))
    steps[:, :, :21] = np.nan
    return list(steps.astype(np.float32))


def timed(run: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median wall and processor seconds."""
    run()
    wall, processor = [], []
    for _ in range(repeats):
        started = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - started[0])
        processor.append(time.process_time() - started[1])
    return statistics.median(wall), statistics.median(processor)


@torch.inference_mode()
def stages(tokenizer: LandmarkTokenizer, batch: list[np.ndarray]) -> dict[str, Callable[[], object]]:
    """The whole, and its parts on the same data."""
    normal = [normalise(array)[:2] for array in batch]
    inputs = [(torch.from_numpy(x)[None], torch.from_numpy(present)[None]) for x, present in normal]
    hidden = [tokenizer.model.encoder(x, present) for x, present in inputs]
    mask = torch.ones(1, FRAMES, dtype=torch.bool)
    return {
        "whole": lambda: tokenizer.tokenize(batch),
        "normalise": lambda: [normalise(array) for array in batch],
        "encoder": lambda: [tokenizer.model.encoder(x, present) for x, present in inputs],
        "quantizer": lambda: [tokenizer.model.bottleneck.encode(h, mask) for h in hidden],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", default="fingerspelling")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    tokenizer, batch = load_landmark_tokenizer(options.tokenizer), recordings()
    frames = SEQUENCES * FRAMES
    for threads in (1, 2):
        torch.set_num_threads(threads)
        whole = 0.0
        for name, run in stages(tokenizer, batch).items():
            with torch.inference_mode():
                wall, processor = timed(run, options.repeats)
            whole = whole or wall
            print(
                f"{threads} threads  {name:<10} {frames / wall:10,.0f} frames/s  {1000 * wall:7.1f} ms "
                f"(processor {1000 * processor:7.1f} ms)  {wall / whole:6.1%} of the whole"
            )


if __name__ == "__main__":
    main()
