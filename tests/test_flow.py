"""Paths invert, samplers converge at their order, and both agree with diffusers where it has the same thing."""

import math
from itertools import pairwise

import pytest
import torch

from signtok.flow import (
    Estimate,
    Path,
    even_spacing,
    guided,
    logit_normal_times,
    reversed_log_spacing,
    sample,
    uniform_times,
)

PATHS = [Path(kind, scale) for kind in ("rectified", "cosine") for scale in (1.0, 0.6)]
paths = pytest.mark.parametrize("path", PATHS, ids=str)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@paths
@pytest.mark.parametrize("predicts", ["data", "noise", "velocity"])
def test_what_a_perfect_network_says_gives_data_and_noise_back(path, predicts):
    x, noise, t = draw(9, 3, 4, seed=1), draw(9, 3, 4, seed=2), torch.linspace(0.01, 0.99, 9, dtype=torch.float64)
    found = path.estimate(predicts, path.target(predicts, x, noise, t), path.at(x, noise, t), t)
    torch.testing.assert_close(found.x, x)
    torch.testing.assert_close(found.noise, noise)


@paths
def test_velocity_serves_at_both_ends(path):
    x, noise, t = draw(2, 5, seed=1), draw(2, 5, seed=2), torch.tensor([0.0, 1.0], dtype=torch.float64)
    found = path.estimate("velocity", path.target("velocity", x, noise, t), path.at(x, noise, t), t)
    torch.testing.assert_close(found.x, x)
    torch.testing.assert_close(found.noise, noise)


@paths
def test_from_data_to_noise_at_the_velocity_that_it_says(path):
    x, noise = draw(1, 4, seed=1), draw(1, 4, seed=2)
    ends = [path.at(x, noise, torch.tensor([t], dtype=torch.float64)) for t in (0.0, 1.0)]
    torch.testing.assert_close(ends[0], path.scale * x)
    torch.testing.assert_close(ends[1], noise)
    t = torch.tensor([0.3], dtype=torch.float64)
    _, slope = torch.autograd.functional.jvp(lambda t: path.at(x, noise, t), t, torch.ones_like(t))
    torch.testing.assert_close(path.target("velocity", x, noise, t), slope)


@paths
def test_the_deviation_is_that_of_noised_data(path):
    t = torch.tensor([0.2, 0.7], dtype=torch.float64)
    x_t = path.at(0.5 * draw(2, 200_000, seed=1), draw(2, 200_000, seed=2), t)
    torch.testing.assert_close(path.deviation(t, 0.5), x_t.std(1), rtol=0.01, atol=0)


def gaussian(path: Path, spread: float):
    """The best estimates where data are normal with deviation `spread`, for whom the flow is a line through 0."""

    def look(x_t, t):
        alpha, sigma = path.weights(t[:, None])
        x = alpha * spread**2 / (alpha**2 * spread**2 + sigma**2) * x_t
        return path.estimate("velocity", *_velocity(path, x, x_t, t))

    return look


def _velocity(path, x, x_t, t):
    noise = path.estimate("data", x, x_t, t).noise
    return path.target("velocity", x, noise, t), x_t, t


@paths
@pytest.mark.parametrize("order", [1, 2])
def test_samplers_converge_at_their_order(path, order):
    noise, spread = draw(1, 6), 0.5
    exact = spread * noise  # the deviation of x_t falls from 1 to scale x spread, and that of data is spread
    errors = []
    for steps in (20, 40, 80, 160):
        nodes = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
        errors.append((sample(gaussian(path, spread), path, noise, nodes, order) - exact).abs().max())
    orders = [math.log2(a / b) for a, b in pairwise(errors)]
    assert orders[-1] > order - 0.25
    assert errors[-1] < 0.02


@paths
@pytest.mark.parametrize("spacing", [even_spacing, reversed_log_spacing])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_model_that_knows_its_data_finds_it_in_any_number_of_steps(path, spacing, steps):
    x = draw(3, 2, 5, seed=5)
    found = sample(lambda x_t, t: path.estimate("data", x, x_t, t), path, draw(3, 2, 5), spacing(steps))
    torch.testing.assert_close(found, x)


def test_more_order_is_more_looks():
    looks = []

    def model(x_t, t):
        looks.append(float(t[0]))
        return Estimate(x_t, x_t)

    sample(model, Path(), draw(1, 2), even_spacing(4), order=1)
    assert looks == [1, 0.75, 0.5, 0.25]
    looks.clear()
    sample(model, Path(), draw(1, 2), even_spacing(2), order=2)
    assert looks == [1, 0.5, 0.5]


def test_reversed_log_spacing_is_the_papers():
    """rho(t; m, n) = (log m - log(t (m - n) + n)) / (log m - log n) at t = 0, 1/3, 2/3, 1 with m = 1 and n = 100."""
    expected = [1, math.log(67) / math.log(100), math.log(34) / math.log(100), 0]
    torch.testing.assert_close(reversed_log_spacing(3), torch.tensor(expected, dtype=torch.float64))
    with pytest.raises(ValueError, match="give 1 to 1,000"):
        reversed_log_spacing(0)


def test_times_are_spread_as_they_say():
    generator = torch.Generator().manual_seed(0)
    even, middle = uniform_times(4000, generator), logit_normal_times(4000, generator, mean=0.5)
    quarters = torch.tensor([0.25, 0.5, 0.75])
    torch.testing.assert_close(even.quantile(quarters), quarters, rtol=0, atol=0.001)
    normal = torch.distributions.Normal(0.5, 1).icdf(quarters)
    torch.testing.assert_close(middle.quantile(quarters), torch.sigmoid(normal), rtol=0, atol=0.001)
    for times in (even, middle):
        assert times.min() > 0
        assert times.max() < 1
        assert (times[1:] > times[:-1]).float().mean() < 0.55  # in no order


def test_guidance_goes_on_beyond_the_condition():
    model, without = (lambda x_t, t, v=v: Estimate(x_t + v, x_t - v) for v in (1.0, 0.5))
    x_t, t = draw(2, 3), torch.ones(2, dtype=torch.float64)
    torch.testing.assert_close(guided(model, without, 3.0)(x_t, t).x, x_t + 2)
    torch.testing.assert_close(guided(model, without, 3.0)(x_t, t).noise, x_t - 2)
    torch.testing.assert_close(guided(model, without, 0.0)(x_t, t).x, without(x_t, t).x)


def test_euler_is_that_of_diffusers():
    diffusers = pytest.importorskip("diffusers", reason="pip install diffusers compares with it")
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000)
    nodes, path, model = even_spacing(5), Path(), gaussian(Path(), 0.5)
    noise = draw(2, 7)
    scheduler.set_timesteps(sigmas=nodes[:-1].tolist())  # it adds the last, 0, itself
    x_t = noise
    for sigma, step in zip(scheduler.sigmas[:-1], scheduler.timesteps, strict=True):
        t = sigma.double().expand(2)
        found = model(x_t, t)
        x_t = scheduler.step(path.target("velocity", found.x, found.noise, t), step, x_t).prev_sample
    torch.testing.assert_close(sample(model, path, noise, nodes), x_t.double(), rtol=1e-5, atol=1e-6)


def test_a_cosine_step_is_ddim_of_diffusers():
    """At a time where the cosine path has the alpha of one of its steps, to one where it has that of another."""
    diffusers = pytest.importorskip("diffusers", reason="pip install diffusers compares with it")
    scheduler = diffusers.DDIMScheduler(
        num_train_timesteps=100, set_alpha_to_one=False, clip_sample=False, prediction_type="epsilon"
    )
    scheduler.set_timesteps(10)
    now = int(scheduler.timesteps[3])
    before = now - 10
    x_t, said = draw(2, 7, seed=1), draw(2, 7, seed=2)
    expected = scheduler.step(said, now, x_t, eta=0.0).prev_sample
    t, s = (torch.acos(scheduler.alphas_cumprod[i].double().sqrt()).expand(2) * 2 / math.pi for i in (now, before))
    path = Path("cosine")
    found = path.estimate("noise", said, x_t, t)
    torch.testing.assert_close(path.at(found.x, found.noise, s), expected.double(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("spacing", [even_spacing, reversed_log_spacing])
@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_steps_that_are_none(spacing, steps):
    with pytest.raises(ValueError, match=f"steps={steps}: give 1 to 1,000"):
        spacing(steps)
