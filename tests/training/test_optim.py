"""Gradients are clipped, and those of a critic by themselves."""

import pytest
import torch
from torch import nn

from signtok.config import OptimConfig
from signtok.training.optim import Learner


class Opposed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.own, self.critic = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
        self.critic.opponent = True


@pytest.mark.parametrize(("own", "critic"), [(1.0, 1e6), (100.0, 0.5), (3.0, 0.0)])
def test_a_critic_that_errs_by_much_holds_nobody_up(own, critic):
    model = Opposed()
    learner = Learner.of(model, OptimConfig(clip=4.0))
    for layer, size in ((model.own, own), (model.critic, critic)):
        layer.weight.grad = torch.tensor([[0.6, 0.8]]) * size
    assert float(learner.clip_gradients()) == pytest.approx(own, rel=1e-4)
    for layer, size in ((model.own, own), (model.critic, critic)):
        assert float(layer.weight.grad.norm()) == pytest.approx(min(size, 4.0), rel=1e-4)
