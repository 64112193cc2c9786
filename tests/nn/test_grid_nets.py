"""The encoder and the deterministic decoder of paper 003 to the parameter, and what holds for smaller ones."""

import pytest
import torch

from signtok.config import ENCODER_F8, ENCODER_F8_LITE, ENCODER_F16, ENCODER_F16_LITE, GridNet
from signtok.nn.grid_nets import GridDown, GridUp
from signtok.nn.lapped import LappedDown, LappedUp

SMALL = GridNet(channels=8, multipliers=(1, 2), blocks=1)
PATCHED = SMALL.model_copy(update={"patch": 2})
ATTENTIVE = SMALL.model_copy(update={"attention": True, "blocks": 2})
small = pytest.mark.parametrize("net", [SMALL, PATCHED, ATTENTIVE], ids=["pixels", "patches", "attention"])


def thousands(module) -> int:
    return round(sum(parameter.numel() for parameter in module.parameters()) / 1000)


@pytest.mark.parametrize(
    ("channels", "blocks", "expected"),
    [(64, 2, 10_139), (96, 2, 22_787), (128, 2, 40_488), (128, 4, 65_282), (256, 2, 161_814)],
    ids=["B", "M", "L", "XL", "H"],
)
def test_decoders_have_the_papers_size(channels, blocks, expected):
    """Paper 003, table 6: 10.14, 22.79, 40.48, 65.27 and 161.81 million, of 8 channels."""
    with torch.device("meta"):
        assert thousands(GridUp(GridNet(channels=channels, blocks=blocks), 8)) == expected


@pytest.mark.parametrize(
    ("net", "numbers", "expected"),
    [(ENCODER_F16_LITE, 8, 6250), (ENCODER_F8, 8, 34_131), (ENCODER_F8_LITE, 4, 5510), (ENCODER_F16, 16, 26_023)],
)
def test_encoders_have_the_papers_size(net, numbers, expected):
    """Paper 003: lite 6 million; that of latent diffusion 34 (34.164 with a 3 x 3 convolution at the end; means and
    deviations of 4 numbers)."""
    with torch.device("meta"):
        assert thousands(GridDown(net, numbers)) == expected
    assert net.stride == (16 if net in (ENCODER_F16, ENCODER_F16_LITE) else 8)


@small
def test_there_and_back(net):
    down, up = GridDown(net, 5), GridUp(net, 5)
    z = down(torch.randn(2, 3, 4 * net.stride, 2 * net.stride))
    assert z.shape == (2, 4, 2, 5)
    assert up(z).shape == (2, 3, 4 * net.stride, 2 * net.stride)


@small
def test_every_place_sees_its_own_pixels_and_every_pixel_its_place(net):
    torch.manual_seed(0)
    down, up, side = GridDown(net, 3), GridUp(net, 3), 2 * net.stride
    x, z = torch.randn(1, 3, side, side, requires_grad=True), torch.randn(1, 2, 2, 3, requires_grad=True)
    (seen,) = torch.autograd.grad(down(x)[0, 1, 0].sum(), x)
    assert (seen[0, :, net.stride :, : net.stride] != 0).all()
    (seen,) = torch.autograd.grad(up(z)[0, :, -1, 0].sum(), z)
    assert (seen[0, 1, 0] != 0).all()


@small
def test_neighbours_in_the_batch_do_not_matter(net):
    torch.manual_seed(0)
    down, x = GridDown(net, 3), torch.randn(3, 3, 8, 8)
    torch.testing.assert_close(down(x)[1:2], down(x[1:2]))


def test_sizes_that_do_not_fit():
    with pytest.raises(ValueError, match="takes multiples of 4; pad them"):
        GridDown(PATCHED, 3)(torch.randn(1, 3, 8, 6))


@pytest.mark.parametrize("width", [1, 5, 48, 50])
def test_shortcuts_start_as_a_lapped_transform(width):
    """Encoder and decoder, untrained, are the linear path alone."""
    net = GridNet(channels=8, multipliers=(1, 2), blocks=1, patch=2, shortcut=True)
    down, up = GridDown(net, width), GridUp(net, width)
    x = torch.randn(2, 3, 8, 12)
    torch.testing.assert_close(up(down(x)), LappedUp(width, 4)(LappedDown(width, 4)(x)))
    assert (up(down(x)) - x).abs().max() < (1e-4 if width >= 48 else 10)
