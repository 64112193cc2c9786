"""Attention as torch has it, with its gradient, for few places and for many."""

import pytest
import torch
import torch.nn.functional as F

from signtok.nn.attention import FEW, Attention, attend


@pytest.mark.parametrize("places", [1, 64, FEW + 1])
def test_as_torch(places):
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, places, 8, generator=generator, requires_grad=True) for _ in range(3))
    ours, theirs = attend(q, k, v), F.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(ours, theirs)
    for one, other in zip(*(torch.autograd.grad(out.sin().sum(), (q, k, v)) for out in (ours, theirs)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("head", "heads"), [(4, 4), (16, 1), (5, 1)])
def test_heads_as_torch(head, heads):
    torch.manual_seed(0)
    ours, theirs = Attention(16, head), torch.nn.MultiheadAttention(16, heads, batch_first=True)
    torch.nn.init.normal_(ours.project.weight)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.qkv.weight.flatten(1))
        theirs.in_proj_bias.copy_(ours.qkv.bias)
        theirs.out_proj.weight.copy_(ours.project.weight.flatten(1))
    x = torch.randn(2, 16, 3, 5)
    places = ours.norm(x).flatten(2).mT
    wanted = x + theirs(places, places, places)[0].mT.unflatten(2, (3, 5))
    torch.testing.assert_close(ours(x), wanted, atol=1e-5, rtol=1e-4)
