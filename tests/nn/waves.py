"""Pictures that are the same wherever they are made: coloured waves in [0, 1]."""

import torch
from torch import Tensor


def waves(count: int, height: int, width: int, phase: float = 0.0) -> Tensor:
    """(count, 3, height, width), each picture and each colour with a frequency of its own."""
    y = torch.arange(height, dtype=torch.float64).view(-1, 1) / height
    x = torch.arange(width, dtype=torch.float64) / width
    pictures = [
        torch.stack([torch.sin(6.0 * (number + 1) * x + 4.0 * (colour + 1) * y + phase) for colour in range(3)])
        for number in range(count)
    ]
    return (0.5 + 0.5 * torch.stack(pictures)).float()
