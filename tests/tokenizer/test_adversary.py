"""One backward pass for two: each gets its own gradient and nothing of the other's."""

import pytest
import torch

from signtok.config import CriticConfig
from signtok.tokenizer.adversary import Adversary

CONFIG = CriticConfig(weight=0.5, most=1e9, penalty=2.0, penalty_every=1, channels=8, layers=2, time=8)


def build(config=CONFIG, timed=True) -> Adversary:
    torch.manual_seed(0)
    return Adversary(config, 6, timed)


def pictures(seed: int, count: int = 3) -> torch.Tensor:
    return torch.randn(count, 6, 16, 16, generator=torch.Generator().manual_seed(seed))


T = torch.tensor([0.1, 0.5, 0.9])


def test_the_decoder_is_drawn_to_what_looks_real_and_the_critic_is_not():
    adversary, fake = build(), pictures(1).requires_grad_()
    loss, _ = adversary.loss(pictures(0), fake, T)
    loss.backward()
    wanted = torch.autograd.grad(0.5 * torch.nn.functional.softplus(-adversary.critic(fake, T)).mean(), fake)[0]
    torch.testing.assert_close(fake.grad, wanted)


def test_it_pulls_no_harder_than_the_squared_error():
    """Picture by picture: one that is right already is left alone."""
    real, fake = pictures(0), pictures(1)
    fake[1] = real[1]
    fake.requires_grad_()
    build(CONFIG.model_copy(update={"weight": 1e6, "most": 0.3})).loss(real, fake, T)[0].backward()
    (squared,) = torch.autograd.grad((fake - real)[:, :3].square().mean(), fake)
    pulls = fake.grad[:, :3].flatten(1).norm(dim=1)
    torch.testing.assert_close(pulls, 0.3 * squared.flatten(1).norm(dim=1), rtol=1e-4, atol=1e-9)
    assert pulls[1] == 0


def test_the_critic_learns_nothing_of_the_decoders_part():
    """Its gradient is the same whatever the decoder's part weighs."""
    gradients = []
    for weight in (0.0, 100.0):
        adversary = build(CONFIG.model_copy(update={"weight": weight}))
        loss, _ = adversary.loss(pictures(0), pictures(1).requires_grad_(), T)
        loss.backward()
        gradients.append([parameter.grad for parameter in adversary.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_penalty_is_the_squared_slope():
    """Against the rise of the mean logit over a small step uphill, which is the slope's length."""
    adversary, real, t = build(), pictures(0, 1), T[:1]
    half = adversary.penalty(real, t).detach() / CONFIG.penalty
    leaf = real.clone().requires_grad_()
    (slope,) = torch.autograd.grad(adversary.critic(leaf, t).mean(), leaf)
    step = 0.02 * slope / slope.norm()
    rise = (adversary.critic(real + step, t).mean() - adversary.critic(real - step, t).mean()) / 0.04
    torch.testing.assert_close(2 * half, rise.detach().square(), rtol=0.02, atol=0)


def test_penalty_reaches_the_critic():
    adversary = build(CONFIG.model_copy(update={"penalty": 1e6}))
    adversary.penalty(pictures(0), T).backward()
    assert all(p.grad.any() for name, p in adversary.named_parameters() if name.endswith("original"))


def test_rare_penalties_weigh_the_same_on_average():
    torch.manual_seed(1)
    rare = build(CONFIG.model_copy(update={"penalty_every": 4}))
    real = pictures(0)
    always = build().penalty(real, T).item()
    found = [rare.penalty(real, T).item() for _ in range(400)]
    assert {round(value / always, 3) for value in found} == {0.0, 4.0}
    assert sum(found) / len(found) == pytest.approx(always, rel=0.3)


def test_a_critic_that_learns_tells_them_apart():
    adversary = build(CONFIG.model_copy(update={"penalty": 0.01})).train()
    optimizer = torch.optim.Adam(adversary.parameters(), 3e-3)
    real, fake = pictures(0), pictures(0).roll(1, 3) * 0.5
    for _ in range(60):
        loss, logs = adversary.loss(real, fake, T)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert logs["critic"] < 0.3  # 2 log 2 by guessing
    assert logs["adversarial"] > 1


def test_the_time_is_told():
    adversary = build()
    assert not torch.equal(adversary.critic(pictures(0), T), adversary.critic(pictures(0), T.flip(0)))
    assert Adversary(CONFIG, 6, timed=False).critic(pictures(0)).shape == (3, 1, 2, 2)


def test_no_layer_stretches_anything():
    """Each has norm 1, and weights a hundred times as large are the same ones."""
    critic = build().train().critic
    for _ in range(50):
        critic(pictures(0), T)  # the power iteration settles
    critic.eval()
    for layer in (critic.enter, *critic.layers, critic.leave):
        assert float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) == pytest.approx(1, abs=0.02)
    before = critic(pictures(0), T)
    with torch.no_grad():
        for layer in (critic.enter, *critic.layers, critic.leave):
            layer.parametrizations.weight.original.mul_(100)
    torch.testing.assert_close(critic(pictures(0), T), before, rtol=1e-3, atol=1e-3)


def test_no_opponent_in_evaluation():
    loss, logs = build().eval().loss(pictures(0), pictures(1), T)
    assert loss == 0
    assert logs == {}
