"""The blocks of paper 002: their size, their positions, and that padding is as if it were not there."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from signtok.config import SqueezeformerConfig
from signtok.nn.squeezeformer import (
    Convolution,
    MaskedBatchNorm,
    RelativeAttention,
    Squeezeformer,
    SqueezeformerBlock,
    relative_positions,
    relative_shift,
    zero_padding,
)
from signtok.recipes.pose import sign_rvq_ctc_paper
from signtok.tokenizer.decoder import LandmarkDecoder
from signtok.tokenizer.encoder import Encoder

SMALL = SqueezeformerConfig(dim=16, blocks=2, heads=2, kernel=7)
MODULES = {
    "attention": lambda: RelativeAttention(16, 2),
    "convolution": lambda: Convolution(16, 7),
    "block": lambda: SqueezeformerBlock(SMALL),
    "stack": lambda: Squeezeformer(SMALL),
}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def lengths_mask(lengths, frames):
    return torch.arange(frames) < torch.tensor(lengths)[:, None]


def test_sizes_are_the_papers():
    paper = sign_rvq_ctc_paper().tokenizer
    assert count(SqueezeformerBlock(SqueezeformerConfig())) == 207_104
    assert count(Encoder(paper.encoder, 42)) == 1_329_536
    assert count(LandmarkDecoder(paper.decoder, 42)) == 1_336_532


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_relative_shift_against_a_loop(frames):
    scores = torch.randn(2, 3, frames, 2 * frames - 1)
    shifted = relative_shift(F.pad(scores, (1, 0)))
    for i in range(frames):
        for j in range(frames):
            place = (frames - 1) - (i - j)  # distances run from T-1 down to -(T-1)
            assert torch.equal(shifted[..., i, j], scores[..., i, place])


def test_relative_positions_by_hand():
    p = relative_positions(3, 4, torch.device("cpu"))
    assert p.shape == (5, 4)
    for row, distance in enumerate([2, 1, 0, -1, -2]):
        angles = torch.tensor([distance, distance / 100.0])
        assert_close(p[row, 0::2], angles.sin())
        assert_close(p[row, 1::2], angles.cos())


def test_attention_against_a_loop():
    """Transformer-XL, equation by equation: content and position, each with its own bias."""
    torch.manual_seed(0)
    module, x = RelativeAttention(8, 2), torch.randn(1, 4, 8)
    q, k, v = (layer(x)[0].view(4, 2, 4) for layer in (module.query, module.key, module.value))
    p = module.position(relative_positions(4, 8, x.device)).view(7, 2, 4)
    out = torch.zeros(4, 2, 4)
    for h in range(2):
        for i in range(4):
            scores = [
                (q[i, h] + module.content_bias[h]) @ k[j, h] + (q[i, h] + module.position_bias[h]) @ p[3 - (i - j), h]
                for j in range(4)
            ]
            out[i, h] = torch.softmax(torch.stack(scores) / 2, 0) @ v[:, h]
    assert_close(module(x)[0], module.out(out.flatten(1)))


def test_remembered_positions_give_what_fresh_ones_do():
    """Without gradients they are kept: for other lengths, after a step of training, in a copy, under autocast."""
    torch.manual_seed(0)
    module = Squeezeformer(SMALL).eval()

    def check(module):
        for frames in (7, 8, 1, 7, 30):
            x = torch.randn(2, frames, 16)
            with torch.no_grad():
                remembered = module(x)
            assert_close(remembered, module(x))

    check(module)
    with torch.no_grad():
        module.blocks[0].attention.position.weight.add_(1)
    check(module)
    again = copy.deepcopy(module)
    with torch.no_grad():
        again.blocks[1].attention.position.weight.mul_(2)
    check(again)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        again(torch.randn(2, 100, 16))
    x = torch.randn(2, 100, 16)
    with torch.no_grad():
        assert_close(again(x), again.requires_grad_(True)(x.requires_grad_()).detach(), rtol=1e-5, atol=1e-5)
    check(again)


def test_convolution_is_the_modules_own():
    """The channels-last way and nn.Conv1d, forward and backward; in bf16 one sequence too."""
    torch.manual_seed(0)
    module, x = Convolution(16, 7), torch.randn(3, 20, 16, requires_grad=True)
    ours, plain = module.along_time(x), module.depthwise(x.mT).mT
    assert_close(ours, plain)
    grads = [torch.autograd.grad(out.square().sum(), (x, module.depthwise.weight)) for out in (ours, plain)]
    assert_close(*grads)
    with torch.autocast("cpu", torch.bfloat16):
        assert_close(module.along_time(x[:1]), module.along_time(x)[:1], rtol=0.02, atol=0.02)


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", MODULES)
def test_padding_does_not_matter(name, train):
    """Neither how much there is nor what is in it, for outputs and for batch-norm statistics."""
    torch.manual_seed(0)
    module = MODULES[name]()
    lengths, x = [9, 4, 7], torch.randn(3, 9, 16)
    x = zero_padding(x, lengths_mask(lengths, 9))
    results = []
    for frames, noise in ((9, 0.0), (9, 100.0), (17, 100.0)):
        again = MODULES[name]()
        again.load_state_dict(module.state_dict())
        again.train(train)
        mask = lengths_mask(lengths, frames)
        wide = torch.cat([x, torch.zeros(3, frames - 9, 16)], 1) + noise * torch.randn(3, frames, 16) * ~mask[..., None]
        out = again(wide, mask)
        results.append((out[:, :9][mask[:, :9]], dict(again.named_buffers())))
    for out, buffers in results[1:]:
        assert_close(out, results[0][0], rtol=1e-5, atol=1e-5)
        assert_close(buffers, results[0][1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODULES)
def test_no_mask_is_a_mask_of_ones(name):
    torch.manual_seed(0)
    module, x = MODULES[name]().eval(), torch.randn(2, 6, 16)
    assert_close(module(x), module(x, torch.ones(2, 6, dtype=torch.bool)))


@pytest.mark.parametrize("name", ["attention", "convolution", "stack"])
def test_order_of_frames_matters(name):
    """Of attention because of its positions: without them a permutation would go straight through."""
    torch.manual_seed(0)
    module, x = MODULES[name]().eval(), torch.randn(1, 8, 16)
    order = torch.tensor([3, 1, 7, 0, 5, 2, 6, 4])
    assert (module(x[:, order]) - module(x)[:, order]).abs().max() > 1e-3


def test_stack_ends_in_zeros_on_padding():
    mask = lengths_mask([3, 6], 6)
    out = Squeezeformer(SMALL)(torch.randn(2, 6, 16), mask)
    assert (out[~mask] == 0).all()
    assert (out[mask] != 0).any()


@pytest.mark.parametrize("rest", [(), (5,)], ids=["frames", "frames and landmarks"])
def test_masked_batch_norm_is_batch_norm_of_the_real_frames(rest):
    """Output, gradients and running statistics, over several steps and then in evaluation."""
    torch.manual_seed(0)
    ours, theirs = MaskedBatchNorm(6, momentum=0.3), nn.BatchNorm1d(6, momentum=0.3)
    for step in range(3):
        mask = lengths_mask([4 + step, 2, 7], 7)
        x = torch.randn(3, 7, *rest, 6) * 3 + 1
        a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
        one, other = ours(a, mask)[mask], theirs(b[mask].reshape(-1, 6)).view(-1, *rest, 6)
        assert_close(one, other, rtol=1e-4, atol=1e-5)
        upstream = torch.randn_like(one)
        for bn, y in ((ours, one), (theirs, other)):
            bn.zero_grad()
            y.backward(upstream)
        assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5)
        assert_close(ours.weight.grad, theirs.weight.grad, rtol=1e-4, atol=1e-4)
        assert_close(ours.bias.grad, theirs.bias.grad, rtol=1e-4, atol=1e-4)
        assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-5, atol=1e-6)
    x = torch.randn(2, 5, *rest, 6)
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    assert_close(ours.eval()(x), theirs.eval()(x.reshape(-1, 6)).view_as(x), rtol=1e-5, atol=1e-5)
    assert_close(ours.state_dict(), before, rtol=0, atol=0)


def test_gradients_do_not_come_from_padding():
    torch.manual_seed(0)
    mask, x = lengths_mask([3, 6], 6), torch.randn(2, 6, 16, requires_grad=True)
    Squeezeformer(SMALL)(x, mask)[mask].square().sum().backward()
    assert (x.grad[~mask] == 0).all()
    assert (x.grad[mask] != 0).any()


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_bf16_autocast_is_near(train):
    torch.manual_seed(0)
    module, x = Squeezeformer(SMALL).train(train), torch.randn(2, 12, 16)
    mask = lengths_mask([12, 5], 12)
    exact = module(x, mask)
    with torch.autocast("cpu", torch.bfloat16):
        out = module(x, mask)
    out.square().sum().backward()
    assert_close(out.float(), exact, rtol=0, atol=0.15)
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())
    statistics = module.blocks[0].convolution.norm.running_mean
    assert statistics.dtype == torch.float32
