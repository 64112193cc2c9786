"""The networks of paper 000 to the parameter, and what holds for all of them."""

import pytest
import torch

from signtok.config import ConvolutionNet, LinearNet
from signtok.nn.picture_nets import build_down, build_up
from signtok.recipes import image
from signtok.tokenizer.picture_model import PictureModel

NETS = (LinearNet(), ConvolutionNet(channels=(8, 16)))
nets = pytest.mark.parametrize("net", NETS, ids=lambda net: net.kind)


@pytest.mark.parametrize(
    ("recipe", "parameters"),
    [
        (image.asl_image_ff, 15_480_064),
        (image.asl_image_conv, 10_651_139),
        (image.asl_image_conv_two_heads, 15_771_203),
    ],
)
def test_parameters_are_the_papers(recipe, parameters):
    """FACTS of paper 000: 15.48, 10.65 and 15.77 million at 200 x 200 x 3 and 64 numbers."""
    with torch.device("meta"):
        model = PictureModel(recipe().tokenizer)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


@nets
@pytest.mark.parametrize("size", [16, 32])
def test_there_and_back_have_the_shape(net, size):
    down, up = build_down(net, size, 5), build_up(net, size, 5)
    z = down(torch.randn(3, 3, size, size))
    assert z.shape == (3, 5)
    x = up(z)
    assert x.shape == (3, 3, size, size)
    assert x.abs().max() <= 1


@nets
def test_every_number_of_the_latent_reaches_every_corner(net):
    torch.manual_seed(0)
    up = build_up(net, 16, 4)
    z = torch.randn(1, 4, requires_grad=True)
    x = up(z)
    for row, column in ((0, 0), (0, 15), (15, 0), (15, 15)):
        (gradient,) = torch.autograd.grad(x[0, :, row, column].sum(), z, retain_graph=True)
        assert (gradient != 0).all()


@nets
def test_every_pixel_reaches_the_latent(net):
    torch.manual_seed(0)
    down = build_down(net, 16, 4)
    x = torch.randn(1, 3, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(down(x).sum(), x)
    assert (gradient != 0).float().mean() > 0.99


def test_a_size_that_cannot_be_halved_is_named():
    with pytest.raises(ValueError, match="cannot be halved 2 times: use a multiple of 4"):
        build_down(ConvolutionNet(channels=(8, 16)), 18, 4)


@pytest.mark.parametrize(
    ("net", "keys"),
    [
        (NETS[0], "layer.bias layer.weight"),
        (
            NETS[1],
            "convolutions.0.bias convolutions.0.weight convolutions.2.bias convolutions.2.weight last.bias last.weight",
        ),
    ],
    ids=["linear", "convolution"],
)
def test_names_of_weights_stay(net, keys):
    """Another name, and nobody's weights can be loaded any more."""
    assert " ".join(sorted(build_down(net, 16, 4).state_dict())) == keys
