"""Picture tokenizers: the Gaussian, the latent diffusion, and what all of them promise."""

import math

import pytest
import torch

from signtok.config import (
    ConvolutionNet,
    CriticConfig,
    FlowDecoder,
    FSQConfig,
    GaussianConfig,
    GridNet,
    LatentDiffusionDecoder,
    LayerNormConfig,
    LinearNet,
    NoBottleneck,
    PictureTokenizerConfig,
    PlainDecoder,
    ResidualVQConfig,
    UNetConfig,
)
from signtok.data.batch import PictureBatch
from signtok.tokenizer.bottleneck import Gaussian
from signtok.tokenizer.picture_decoder import LatentDiffusion
from signtok.tokenizer.picture_model import PictureModel

NETS = (LinearNet(), ConvolutionNet(channels=(8, 16)))
GRID = GridNet(channels=8, multipliers=(1, 2), blocks=1, patch=2)
ODD = GridNet(channels=8, multipliers=(1,), blocks=1)
UNET = UNetConfig(channels=8, multipliers=(1, 2), blocks=1, attention=(1,), head=8)
CRITIC = CriticConfig(channels=8, layers=1, time=8, penalty_every=1)
FLOW = FlowDecoder(net=UNET, perceptual=None, critic=CRITIC)
STOPPED = FlowDecoder(
    net=UNET,
    first=GRID,
    stop_gradient=True,
    path="cosine",
    score="data",
    spacing="even",
    scale=1.0,
    perceptual=None,
    critic=None,
)
SWYCC = STOPPED.model_copy(update={"sees_latent": False, "stop_gradient": False})
RVQ = ResidualVQConfig(codebooks=2, codes=8, dim=6, dropout=0, bypass=0)
FSQ = FSQConfig(levels=(64, 48), codebooks=3)  # small numbers are not all rounded to 0


def decoders(net):
    yield PlainDecoder(net=net), "plain"
    if isinstance(net, GridNet):
        yield PlainDecoder(net=net, critic=CRITIC), "critic"
        yield PlainDecoder(net=net, first=net), "added"
        yield FLOW, "flow"
        yield SWYCC, "first"
        yield STOPPED, "stopped"
    else:
        yield LatentDiffusionDecoder(net=net, steps=7, width=16), "diffusion"


def every_combination():
    for net in (*NETS, GRID):
        for bottleneck in (NoBottleneck(), GaussianConfig(), LayerNormConfig(), RVQ, FSQ):
            for decoder, name in decoders(net):
                config = PictureTokenizerConfig(size=16, latent=6, encoder=net, bottleneck=bottleneck, decoder=decoder)
                yield pytest.param(config, id=f"{net.kind}-{bottleneck.kind}-{name}")


every = pytest.mark.parametrize("config", list(every_combination()))


def build(config: PictureTokenizerConfig) -> PictureModel:
    """With nothing at zero, as after some training."""
    torch.manual_seed(0)
    model = PictureModel(config)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def make_batch(rows: int = 4, size: int = 16) -> PictureBatch:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(rows, 3, size, size, generator=generator) * 2 - 1
    return PictureBatch(x=x, label=torch.zeros(rows).long())


def latents(model: PictureModel) -> torch.Tensor:
    tokens = model.encode(make_batch().x)
    return tokens if tokens.is_floating_point() else model.from_ids(tokens)


@every
def test_loss_reaches_every_parameter(config):
    model = build(config)
    loss, logs = model.loss(make_batch())
    loss.backward()
    assert loss.ndim == 0
    assert loss.isfinite()
    assert {"mse", "loss"} <= logs.keys()
    assert not any(value.requires_grad for value in logs.values())
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


@every
def test_codes_do_not_depend_on_neighbours_and_encoding_changes_nothing(config):
    model = build(config).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x = make_batch().x
    one, other = model.encode(x[:1]), model.encode(x[:1])
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    torch.testing.assert_close(model.encode(x)[:1], one)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@every
def test_a_seed_is_a_picture(config):
    model = build(config).eval()
    z = latents(model)
    pictures = [model.decode(z, None, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    torch.testing.assert_close(pictures[0], pictures[1], rtol=0, atol=0)
    samples = isinstance(config.decoder, LatentDiffusionDecoder | FlowDecoder)
    assert torch.equal(pictures[0], pictures[2]) != samples


@every
def test_one_decodes_as_in_a_batch(config):
    model = build(config).eval()
    z = latents(model)
    assert len(z) > 1
    pictures, *alone = (model.decode(part, None, torch.Generator().manual_seed(3)) for part in (z, *z.split(1)))
    torch.testing.assert_close(pictures, torch.cat(alone), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size", [10, 18, 27])
def test_a_grid_takes_multiples_of_its_stride(size):
    """Of pictures larger than a tile too."""
    config = PictureTokenizerConfig(size=16, latent=6, encoder=GRID, decoder=PlainDecoder(net=GRID))
    with pytest.raises(ValueError, match="takes multiples of 4; pad them"):
        build(config).eval().encode(torch.zeros(1, 3, size, size))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder": FlowDecoder(net=UNET, critic=CriticConfig())}, "the critic needs pictures of 24 pixels or more"),
        ({"bottleneck": LayerNormConfig(), "latent": 1}, "is always 0"),
        (
            {
                "encoder": ODD,
                "decoder": FlowDecoder(net=UNET.model_copy(update={"multipliers": (1,), "attention": ()})),
            },
            "takes an even number",
        ),
        ({"decoder": PlainDecoder(net=GRID, first=ODD)}, "give them one stride"),
    ],
)
def test_settings_that_cannot_work(changes, message):
    settings = {"size": 16, "latent": 6, "encoder": GRID, "decoder": PlainDecoder(net=GRID)}
    with pytest.raises(ValueError, match=message):
        PictureTokenizerConfig(**settings | changes)


def test_what_is_added_to_a_grid_is_one():
    with pytest.raises(ValueError, match="first needs a net of kind 'grid', not 'linear'"):
        PlainDecoder(net=LinearNet(), first=GRID)


@pytest.mark.parametrize("layers", [3, 4])
def test_a_critic_works_from_its_smallest_size_on(layers):
    critic = CriticConfig(channels=8, layers=layers, time=8, penalty_every=1)
    config = PictureTokenizerConfig(
        size=critic.smallest, latent=6, encoder=GRID, decoder=PlainDecoder(net=GRID, critic=critic)
    )
    loss, _ = build(config).train().loss(make_batch(size=critic.smallest))
    assert loss.isfinite()


@pytest.mark.parametrize("critic", [None, CRITIC])
def test_a_first_picture_and_the_latent_learn_from_its_squared_error_alone(critic):
    settings = PlainDecoder(net=GRID, first=GRID, critic=critic)
    model = build(PictureTokenizerConfig(size=16, latent=6, encoder=GRID, decoder=settings)).train()
    batch = make_batch()
    loss, _ = model.loss(batch)
    loss.backward()
    learnt = [*model.encoder.parameters(), *model.decoder.first.parameters()]
    found = [p.grad.clone() for p in learnt]
    initial = model.decoder.first(model.encoder(batch.x))
    wanted = torch.autograd.grad(torch.nn.functional.mse_loss(initial, batch.x) / 4, learnt)
    torch.testing.assert_close(found, list(wanted))


class Brighter(torch.nn.Module):
    def forward(self, z):
        return torch.full((len(z), 3, 16, 16), 1.5)


def test_weights_are_chosen_by_what_is_decoded():
    """Brighter than white is white."""
    model = build(PictureTokenizerConfig(size=16, latent=6, encoder=GRID, decoder=PlainDecoder(net=GRID)))
    model.decoder.net = Brighter()
    white = PictureBatch(x=torch.ones(2, 3, 16, 16), label=torch.zeros(2).long())
    assert model.eval().loss(white)[1]["mse"] == 0
    assert model.train().loss(white)[1]["mse"] > 0


def test_overfits_one_batch():
    config = PictureTokenizerConfig(size=16, latent=6, encoder=NETS[1], decoder=PlainDecoder(net=NETS[1]))
    smooth = torch.nn.functional.interpolate(make_batch().x[..., :4, :4], 16, mode="bilinear")
    model, batch = build(config), PictureBatch(x=smooth, label=torch.zeros(4).long())
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    first = float(model.loss(batch)[0].detach())
    for _ in range(300):
        loss, _ = model.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.1 * first


def test_mse_is_of_pictures_between_0_and_1():
    """Black for white is 1, although inside they are -1 and 1."""
    config = PictureTokenizerConfig(size=16, latent=6, encoder=NETS[0], decoder=PlainDecoder(net=NETS[0]))
    model = build(config)
    with torch.no_grad():
        model.decoder.net.layer.weight.zero_()
        model.decoder.net.layer.bias.fill_(50.0)
    black = PictureBatch(x=torch.full((2, 3, 16, 16), -1.0), label=torch.zeros(2).long())
    assert float(model.loss(black)[1]["mse"]) == pytest.approx(1)


def test_gaussian_divergence_is_the_closed_form():
    """Kingma and Welling 2014, appendix B; oracle: torch.distributions."""
    torch.manual_seed(0)
    h = torch.randn(5, 8)
    mean, log_variance = h.chunk(2, -1)
    normal = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(-1)
    gaussian, rows = Gaussian(), torch.tensor([True, True, False, True, False])
    torch.testing.assert_close(gaussian(h, rows).loss, expected[rows].mean())
    assert torch.equal(gaussian.eval()(h, rows).z, mean)
    assert torch.equal(gaussian.encode(h, rows), mean)


def test_a_gaussian_may_start_narrow():
    h = torch.zeros(1000, 2)
    torch.manual_seed(0)
    latent = Gaussian(-6.0).train()(h, torch.ones(1000, dtype=torch.bool))
    assert float(latent.z.std()) == pytest.approx(math.exp(-3), rel=0.1)
    assert float(latent.loss) == pytest.approx(0.5 * (math.exp(-6) - 1 + 6), rel=1e-4)


def test_gaussian_samples_have_its_moments():
    h = torch.tensor([0.5, -1.0, 0.0, math.log(4.0)]).repeat(20_000, 1)
    torch.manual_seed(0)
    z = Gaussian().train()(h, torch.ones(20_000, dtype=torch.bool)).z
    torch.testing.assert_close(z.mean(0), torch.tensor([0.5, -1.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(z.std(0), torch.tensor([1.0, 2.0]), atol=0.05, rtol=0)


def diffusion(steps: int = 100) -> LatentDiffusion:
    torch.manual_seed(0)
    return LatentDiffusion(LatentDiffusionDecoder(net=NETS[0], steps=steps, width=16), 16, 6).double()


def test_forward_process_has_the_closed_form_of_its_steps():
    """Ho et al. 2020, equation 4: step by step (equation 2) gives the same mean and variance."""
    decoder = diffusion()
    beta = torch.linspace(*decoder.config.beta, 100, dtype=torch.float64)
    mean, variance = 1.0, 0.0
    for step in range(60):
        mean, variance = mean * float((1 - beta[step]).sqrt()), variance * float(1 - beta[step]) + float(beta[step])
    ones, t = torch.ones(1, 6, dtype=torch.float64), torch.tensor([59])
    assert float(decoder.noised(ones, t, 0 * ones).mean()) == pytest.approx(mean, rel=1e-5)
    assert float(decoder.noised(0 * ones, t, ones).mean()) ** 2 == pytest.approx(variance, rel=1e-5)


def test_reverse_process_of_a_perfect_denoiser_gives_the_latent_back(monkeypatch):
    """With the true noise of every step predicted, the last step lands on z_0, whatever was drawn on the way."""
    decoder, z = diffusion(), torch.randn(3, 6, dtype=torch.float64)

    def perfect(x, t):
        alpha_bar = decoder.alpha_bar[t][:, None]
        return (x - alpha_bar.sqrt() * z) / (1 - alpha_bar).sqrt()

    monkeypatch.setattr(decoder.denoiser, "forward", perfect)
    for steps in (0, 1, 10, 100):
        back = decoder.denoised(z, steps, torch.Generator().manual_seed(0))
        torch.testing.assert_close(back, z, atol=1e-5, rtol=0)


def test_reverse_process_keeps_the_posterior_variance(monkeypatch):
    """One step back from z_2 of a latent of equal numbers has the mean and variance of q(z_1 | z_0): equation 7."""
    decoder = diffusion(2)
    z = torch.full((1, 300_000), 0.7, dtype=torch.float64)
    monkeypatch.setattr(
        decoder.denoiser,
        "forward",
        lambda x, t: (x - decoder.alpha_bar[t][:, None].sqrt() * z) / (1 - decoder.alpha_bar[t][:, None]).sqrt(),
    )
    seen = []
    inner = decoder.denoiser.forward
    monkeypatch.setattr(decoder.denoiser, "forward", lambda x, t: (seen.append(x), inner(x, t))[1])
    decoder.denoised(z, 2, torch.Generator().manual_seed(0))
    # Marginally over z_2, the posterior of z_1 is q(z_1 | z_0).
    alpha_bar = float(decoder.alpha_bar[0])
    assert float(seen[1].mean()) == pytest.approx(0.7 * alpha_bar**0.5, abs=1e-3)
    assert float(seen[1].var()) == pytest.approx(1 - alpha_bar, rel=0.03)


def test_steps_that_a_decoder_does_not_have():
    with pytest.raises(ValueError, match="trained with 7; give 0 to that"):
        diffusion(7).reconstruct(torch.zeros(1, 6).double(), 8)
    plain = build(PictureTokenizerConfig(size=16, latent=6, encoder=NETS[0], decoder=PlainDecoder(net=NETS[0]))).eval()
    with pytest.raises(ValueError, match="does not sample"):
        plain.decode(torch.zeros(1, 6), 3)
