"""What the processes of one distributed training have to agree on. With one, all are trivial."""

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor


def several() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def add_up(x: Tensor) -> Tensor:
    """The sum of x over the processes, in place."""
    if several():
        dist.all_reduce(x)
    return x


def agree(x: Tensor) -> Tensor:
    """The first process's x, in place."""
    if several():
        dist.broadcast(x, 0)
    return x


def row_counts(rows: Tensor) -> list[int]:
    """How many rows each process has, in rank order."""
    if not several():
        return [len(rows)]
    counts = torch.zeros(dist.get_world_size(), dtype=torch.int64, device=rows.device)
    counts[dist.get_rank()] = len(rows)
    return [int(count) for count in add_up(counts)]


def first_row(counts: list[int]) -> int:
    """The place of this process's first row among the rows of all."""
    return sum(counts[: dist.get_rank()]) if several() else 0


def draw(n: int, k: int, device: torch.device) -> Int[Tensor, " k"]:
    """k of the numbers below n, each once while they last; by the first process's global generator."""
    assert n > 0
    picks = torch.cat([torch.randperm(n)[:k], torch.randint(n, (max(k - n, 0),))])
    return agree(picks.to(device))


def gather(rows: Float[Tensor, "n d"]) -> Float[Tensor, "total d"]:
    """The rows of all processes, in rank order."""
    if not several():
        return rows
    counts = row_counts(rows)
    start = first_row(counts)
    together = rows.new_zeros(sum(counts), rows.shape[1])
    together[start : start + len(rows)] = rows
    return add_up(together)
