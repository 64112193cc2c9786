"""InceptionV3 of FID: names, arithmetic of its blocks against plain functions, files."""

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from waves import waves

from signtok.nn.inception import Inception, load_inception


@pytest.fixture(scope="module")
def network():
    """Random weights whose features neither vanish nor grow."""
    made = Inception()
    generator = torch.Generator().manual_seed(0)
    for name, tensor in made.state_dict().items():
        if name.endswith("conv.weight"):
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * (2 / tensor[0].numel()) ** 0.5)
        elif not name.endswith("num_batches_tracked"):
            tensor.copy_(0.5 + 0.5 * torch.rand(tensor.shape, generator=generator))
    return made


def unit(network, name, x, stride=1, padding=0):
    """Convolution, normalisation, ReLU in plain functions."""
    weights = network.state_dict()
    x = F.conv2d(x, weights[f"{name}.conv.weight"], None, stride, padding)
    mean, variance = weights[f"{name}.bn.running_mean"], weights[f"{name}.bn.running_var"]
    return F.relu(F.batch_norm(x, mean, variance, weights[f"{name}.bn.weight"], weights[f"{name}.bn.bias"], eps=1e-3))


def average(x):
    """3x3 means that do not count what lies outside."""
    ones = torch.ones_like(x)
    return F.avg_pool2d(x, 3, 1, 1) / F.avg_pool2d(ones, 3, 1, 1)


def places(channels, size, seed=1):
    return torch.rand(1, channels, size, size, generator=torch.Generator().manual_seed(seed))


def test_names_are_those_of_pytorch_fid(network):
    names = network.state_dict().keys()
    assert len(names) == 94 * 6
    assert names >= {
        "Conv2d_4a_3x3.conv.weight",
        "Mixed_5b.branch5x5_2.bn.running_var",
        "Mixed_6a.branch3x3dbl_3.conv.weight",
        "Mixed_6e.branch7x7dbl_5.bn.bias",
        "Mixed_7a.branch7x7x3_4.conv.weight",
        "Mixed_7c.branch3x3dbl_3b.bn.weight",
        "Mixed_7c.branch_pool.conv.weight",
    }
    assert sum(parameter.numel() for parameter in network.parameters()) == 21_785_568


def test_mixed_5b(network):
    x = places(192, 9)
    b = "Mixed_5b.branch"
    five = unit(network, f"{b}5x5_2", unit(network, f"{b}5x5_1", x), padding=2)
    three = unit(network, f"{b}3x3dbl_1", x)
    for step in (2, 3):
        three = unit(network, f"{b}3x3dbl_{step}", three, padding=1)
    expected = [unit(network, f"{b}1x1", x), five, three, unit(network, f"{b}_pool", average(x))]
    torch.testing.assert_close(network.Mixed_5b(x), torch.cat(expected, 1), rtol=1e-4, atol=1e-4)


def test_mixed_6a_and_7a_halve(network):
    x = places(288, 9)
    b = "Mixed_6a.branch3x3"
    double = unit(network, f"{b}dbl_2", unit(network, f"{b}dbl_1", x), padding=1)
    expected = [unit(network, b, x, 2), unit(network, f"{b}dbl_3", double, 2), F.max_pool2d(x, 3, 2)]
    torch.testing.assert_close(network.Mixed_6a(x), torch.cat(expected, 1), rtol=1e-4, atol=1e-4)
    x = places(768, 9)
    b = "Mixed_7a.branch"
    seven = unit(network, f"{b}7x7x3_2", unit(network, f"{b}7x7x3_1", x), padding=(0, 3))
    seven = unit(network, f"{b}7x7x3_4", unit(network, f"{b}7x7x3_3", seven, padding=(3, 0)), 2)
    three = unit(network, f"{b}3x3_2", unit(network, f"{b}3x3_1", x), 2)
    expected = [three, seven, F.max_pool2d(x, 3, 2)]
    torch.testing.assert_close(network.Mixed_7a(x), torch.cat(expected, 1), rtol=1e-4, atol=1e-4)


def test_mixed_6c(network):
    x = places(768, 8)
    b = "Mixed_6c.branch"
    seven = unit(network, f"{b}7x7_2", unit(network, f"{b}7x7_1", x), padding=(0, 3))
    seven = unit(network, f"{b}7x7_3", seven, padding=(3, 0))
    double = unit(network, f"{b}7x7dbl_1", x)
    for step, padding in ((2, (3, 0)), (3, (0, 3)), (4, (3, 0)), (5, (0, 3))):
        double = unit(network, f"{b}7x7dbl_{step}", double, padding=padding)
    expected = [unit(network, f"{b}1x1", x), seven, double, unit(network, f"{b}_pool", average(x))]
    torch.testing.assert_close(network.Mixed_6c(x), torch.cat(expected, 1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("block", "channels"), [("Mixed_7b", 1280), ("Mixed_7c", 2048)])
def test_mixed_7_of_which_the_last_pools_by_maximum(network, block, channels):
    x = places(channels, 5)
    b = f"{block}.branch"
    three = unit(network, f"{b}3x3_1", x)
    double = unit(network, f"{b}3x3dbl_2", unit(network, f"{b}3x3dbl_1", x), padding=1)
    pool = average(x) if block == "Mixed_7b" else F.max_pool2d(x, 3, 1, 1)
    expected = [
        unit(network, f"{b}1x1", x),
        unit(network, f"{b}3x3_2a", three, padding=(0, 1)),
        unit(network, f"{b}3x3_2b", three, padding=(1, 0)),
        unit(network, f"{b}3x3dbl_3a", double, padding=(0, 1)),
        unit(network, f"{b}3x3dbl_3b", double, padding=(1, 0)),
        unit(network, f"{b}_pool", pool),
    ]
    torch.testing.assert_close(getattr(network, block)(x), torch.cat(expected, 1), rtol=1e-4, atol=1e-4)


def test_the_way_through(network):
    """Sizes inside, range and resizing of the input, and the mean at the end."""
    sizes = {}
    handles = [
        module.register_forward_hook(lambda _, inputs, output, name=name: sizes.update({name: (inputs[0], output)}))
        for name, module in network.named_children()
    ]
    features = network(waves(1, 150, 100))
    for handle in handles:
        handle.remove()
    first = sizes["Conv2d_1a_3x3"][0]
    assert first.shape == (1, 3, 299, 299)
    assert first.min() < -0.99
    assert first.max() > 0.99
    found = {name: tuple(output.shape[1:3]) for name, (_, output) in sizes.items()}
    assert found["Conv2d_2b_3x3"] == (64, 147)
    assert found["Conv2d_4a_3x3"] == (192, 71)
    assert (found["Mixed_5d"], found["Mixed_6e"], found["Mixed_7c"]) == ((288, 35), (768, 17), (2048, 8))
    torch.testing.assert_close(features, sizes["Mixed_7c"][1].mean((2, 3)))


def test_a_file_round_trip_and_faults(network, tmp_path):
    path = tmp_path / "inception.safetensors"
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    safetensors.torch.save_file(weights | {"fc.weight": torch.zeros(1008, 2048)}, path)
    loaded = load_inception(path)
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in weights.items())
    assert not loaded.training
    safetensors.torch.save_file({"fc.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(ValueError, match="not InceptionV3 as pytorch-fid names it: there is no tensor Conv2d_1a_3x3"):
        load_inception(path)
    with pytest.raises(ValueError, match=r"inception\.pth: weights are read from \.safetensors only"):
        load_inception("inception.pth")
