"""Attention as torch has it, with its gradient, for few places and for many."""

import pytest
import torch
import torch.nn.functional as F

from signtok.nn.attention import FEW, attend


@pytest.mark.parametrize("places", [1, 64, FEW + 1])
def test_as_torch(places):
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, places, 8, generator=generator, requires_grad=True) for _ in range(3))
    ours, theirs = attend(q, k, v), F.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(ours, theirs)
    for one, other in zip(*(torch.autograd.grad(out.sin().sum(), (q, k, v)) for out in (ours, theirs)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
