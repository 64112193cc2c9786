"""How fast are generated hands made? Landmark frames and pictures a second, on one core and on two.

python bench/generate.py
"""

import time
from concurrent.futures import ProcessPoolExecutor
from statistics import median

import numpy as np
import torch

from signtok.data.generate import generate
from signtok.data.handshapes import packaged_handshapes
from signtok.data.render import pictures

RECORDINGS, PICTURES, REPEATS = 60, 128, 5


def frames(seed: int) -> int:
    torch.set_num_threads(1)
    return sum(len(recording) for recording in generate(packaged_handshapes(), RECORDINGS, seed))


def images(seed: int) -> int:
    torch.set_num_threads(1)
    return sum(1 for _ in pictures(packaged_handshapes(), PICTURES, seed, 64))


def main() -> None:
    print("| what | processes | a second (median) | all runs |\n|---|---:|---:|---|")
    with ProcessPoolExecutor(2) as pool:
        for name, work in (("landmark frames", frames), ("64-px pictures", images)):
            list(pool.map(work, range(2)))  # warm
            for processes in (1, 2):
                rates = []
                for repeat in range(REPEATS):
                    start = time.perf_counter()
                    made = sum(pool.map(work, range(repeat * 2, repeat * 2 + processes)))
                    rates.append(made / (time.perf_counter() - start))
                listed = ", ".join(f"{rate:,.0f}" for rate in np.sort(rates))
                print(f"| {name} | {processes} | {median(rates):,.0f} | {listed} |", flush=True)


if __name__ == "__main__":
    main()
