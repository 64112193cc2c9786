"""Several recordings at once, each on one thread.

Two threads that share one recording of some hundred frames wait for each other more than they work, and products
round by how many threads share them. One recording a thread is faster, and its codes do not depend on their number.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def use_threads(threads: int) -> None:
    """torch works on so many from now on. Raises ValueError for less than one."""
    if threads < 1:
        raise ValueError(f"--threads {threads}: give 1 or more")
    torch.set_num_threads(threads)


@contextmanager
def one_thread() -> Iterator[None]:
    """torch works on one thread inside, and on as many as before outside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def each(function: Callable[[Item], Result], items: Sequence[Item], cpu: bool = True) -> list[Result]:
    """[function(item) for item in items]; work for the CPU on as many threads as torch has, one an item."""
    threads = min(torch.get_num_threads(), len(items)) if cpu else 1
    with one_thread():
        if threads < 2:
            return [function(item) for item in items]
        # The number of threads that OpenMP uses is each thread's own.
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(function, items))
