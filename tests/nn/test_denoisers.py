"""The U-Net of paper 003 to the parameter, and what holds for smaller ones and for transformers."""

import pytest
import torch

from signtok.config import UNET_B, UNET_H, UNET_L, UNET_M, UNET_XL, TransformerConfig, UNetConfig
from signtok.nn.dit import Transformer
from signtok.nn.unet import UNet
from signtok.tokenizer.flow_decoder import build_denoiser

SMALL = UNetConfig(channels=8, multipliers=(1, 2), blocks=1, attention=(1,), head=8)
PATCHED = SMALL.model_copy(update={"patch": 2, "multipliers": (2, 2)})
TRANSFORMER = TransformerConfig(width=16, blocks=2, head=8, patch=4)
small = pytest.mark.parametrize("config", [SMALL, PATCHED, TRANSFORMER], ids=["pixels", "patches", "transformer"])


def build(config: UNetConfig | TransformerConfig) -> torch.nn.Module:
    """With no layer at zero, as after some training."""
    torch.manual_seed(0)
    net = build_denoiser(config, 5)
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return net.eval()


@pytest.mark.parametrize(
    ("config", "thousands"),
    [(UNET_B, 20_627), (UNET_M, 49_329), (UNET_L, 88_972), (UNET_XL, 140_622), (UNET_H, 355_611)],
    ids=["B", "M", "L", "XL", "H"],
)
def test_parameters_are_the_papers(config, thousands):
    """Paper 003, table 6: 20.627, 49.329, 88.972, 140.622 and 355.611 million with 3 + 8 channels."""
    with torch.device("meta"):
        net = UNet(config, 11)
    assert round(sum(parameter.numel() for parameter in net.parameters()) / 1000) == thousands


@small
def test_it_starts_as_nothing_and_has_the_shape(config):
    x = build_denoiser(config, 5)(torch.randn(2, 5, 16, 8), torch.rand(2))
    assert x.shape == (2, 3, 16, 8)
    assert not x.any()


@small
def test_every_pixel_and_the_time_reach_every_corner(config):
    net = build(config)
    x, t = torch.randn(1, 5, 8, 8, requires_grad=True), torch.full((1,), 0.5, requires_grad=True)
    for row, column in ((0, 0), (7, 7)):
        by_x, by_t = torch.autograd.grad(net(x, t)[0, :, row, column].sum(), (x, t), retain_graph=True)
        assert (by_x != 0).all()
        assert by_t.item() != 0


@small
def test_pictures_do_not_depend_on_their_neighbours(config):
    net = build(config)
    x, t = torch.randn(3, 5, 8, 8), torch.rand(3)
    torch.testing.assert_close(net(x, t)[1:2], net(x[1:2], t[1:2]))


@small
def test_every_parameter_learns(config):
    net = build(config).train()
    net(torch.randn(2, 5, 8, 8), torch.rand(2)).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_transformer_has_as_many_parameters_as_the_papers():
    """Peebles and Xie 2023, table 1: DiT-S has 33 million, DiT-B 130, with 12 blocks of width 384 and 768."""
    for width, millions in ((384, 33), (768, 130)):
        with torch.device("meta"):
            net = Transformer(TransformerConfig(width=width, blocks=12, head=64, patch=2), 4, 4)
        assert sum(parameter.numel() for parameter in net.parameters()) / 1e6 == pytest.approx(millions, rel=0.02)


def test_a_transformer_knows_where_a_square_is():
    net, x = build(TRANSFORMER), torch.randn(1, 5, 12, 8)
    moved = net(x.roll(4, 2), torch.zeros(1)).roll(-4, 2)
    assert not torch.allclose(moved, net(x, torch.zeros(1)), atol=1e-3)


def test_sizes_that_do_not_fit_and_levels_that_are_not_there():
    with pytest.raises(ValueError, match="takes multiples of 4; pad them"):
        build(PATCHED)(torch.randn(1, 5, 8, 6), torch.rand(1))
    with pytest.raises(ValueError, match="there are 2, from 0"):
        UNetConfig(multipliers=(1, 2), attention=(2,))
    with pytest.raises(ValueError, match="has to be a multiple"):
        TransformerConfig(width=20, head=8)
