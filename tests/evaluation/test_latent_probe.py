"""The probes: the minimum that they are to find, and what a linear model cannot know."""

import pytest
import torch
import torch.nn.functional as F

from signtok.evaluation import latent_probe as module
from signtok.evaluation.latent_probe import Examples, Labelled, fit_linear, linear_probe, small_classifier

CENTRES = torch.tensor([[2.0, 0, 0], [0, 2, 0], [0, 0, 2], [-2, -2, -2]])


def blobs(count: int, spread: float, seed: int = 0) -> Labelled:
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(count) % len(CENTRES)
    return Labelled(CENTRES[label] + spread * torch.randn(count, 3, generator=generator), label)


def crossed(count: int, seed: int) -> Labelled:
    """Exclusive or: the class is the sign of a product, which no line tells."""
    x = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
    return Labelled(x, (x.prod(1) > 0).long())


def share(right) -> float:
    return right.float().mean().item()


@pytest.mark.parametrize("decay", [1e-3, 1e-1])
def test_the_linear_fit_is_where_the_gradient_is_zero(decay):
    """By hand; the loss is convex, so that it is zero nowhere else."""
    train = blobs(120, 2.0)
    model = fit_linear(train, 4, decay)
    excess = (model(train.x).softmax(1) - F.one_hot(train.label, 4)) / len(train.label)
    torch.testing.assert_close(excess.T @ train.x, -decay * model.weight, atol=2e-4, rtol=0)
    torch.testing.assert_close(excess.sum(0), torch.zeros(4), atol=2e-4, rtol=0)
    assert model.weight.abs().max() > 0.1


def test_a_line_is_enough_for_blobs_and_not_for_a_cross():
    near = Examples(blobs(200, 0.3), blobs(40, 0.3, 1), blobs(80, 0.3, 2), 4)
    assert share(linear_probe(near)) == share(small_classifier(near)) == 1
    cross = Examples(crossed(600, 0), crossed(200, 1), crossed(300, 2), 2)
    assert share(linear_probe(cross)) < 0.65
    assert share(small_classifier(cross)) > 0.93


def test_scale_and_place_of_the_numbers_do_not_matter():
    plain = Examples(blobs(100, 1.5), blobs(40, 1.5, 1), blobs(200, 1.5, 2), 4)
    scale = torch.tensor([1e-3, 1, 1e3])
    moved = Examples(*(Labelled(p.x * scale + 5, p.label) for p in (plain.train, plain.validation, plain.test)), 4)
    assert (linear_probe(plain) == linear_probe(moved)).float().mean() > 0.98


def test_a_number_that_never_varies_tells_nothing():
    def with_constant(part):
        return Labelled(torch.cat([part.x, torch.full((len(part.x), 1), 3.0)], 1), part.label)

    parts = [blobs(100, 0.3), blobs(40, 0.3, 1), blobs(80, 0.3, 2)]
    constant = Examples(*map(with_constant, parts), 4)
    assert constant.standardised().test.x.isfinite().all()
    assert share(linear_probe(constant)) == 1


def test_settings_are_chosen_on_the_validation_part(monkeypatch):
    """Of two decays, the one that is good there: with the other, all goes to one class."""
    near = Examples(blobs(200, 0.3), blobs(40, 0.3, 1), blobs(80, 0.3, 2), 4)
    monkeypatch.setattr(module, "DECAYS", (1e6, 1e-3))
    assert share(linear_probe(near)) == 1
    ones = Labelled(near.validation.x, torch.ones(40, dtype=torch.int64))
    monkeypatch.setattr(module, "fit_linear", lambda train, classes, decay: fixed(0 if decay > 1 else 1))
    chosen = linear_probe(Examples(near.train, ones, near.test, 4))
    assert torch.equal(chosen, near.test.label == 1)


def fixed(answer: int) -> torch.nn.Linear:
    model = torch.nn.Linear(3, 4)
    torch.nn.init.zeros_(model.weight)
    with torch.no_grad():
        model.bias.copy_(torch.eye(4)[answer])
    return model


def test_the_best_epoch_is_kept(monkeypatch):
    """After five epochs nothing is told rightly any more."""
    near = Examples(blobs(200, 0.3), blobs(40, 0.3, 1), blobs(80, 0.3, 2), 4)
    seen = []
    told = module.told

    def spoilt(model, part):
        right = told(model, part)
        seen.extend([share(right)] if part.label is near.validation.label else [])
        return right if len(seen) <= 5 else torch.zeros_like(right)

    monkeypatch.setattr(module, "told", spoilt)
    assert share(small_classifier(near)) > 0.9
    assert len(seen) == module.EPOCHS


def test_the_same_again_whatever_was_drawn_before():
    far = Examples(blobs(60, 2.5), blobs(40, 2.5, 1), blobs(100, 2.5, 2), 4)
    first = small_classifier(far)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    assert torch.equal(small_classifier(far), first)
    assert torch.equal(torch.get_rng_state(), before)
