"""Averaged weights, their batch-norm statistics, and means: and training never notices."""

import copy
import json

import pytest
import torch
from tiny_run import (
    VALIDATION,
    Tiny,
    make_batch,
    make_config,
    same_tensors,
    stop_at,
)
from torch import nn

from signtok.training.fit import Training, build_accelerator
from signtok.training.log import Means, Progress
from signtok.training.optim import Learner
from signtok.training.validate import CALIBRATION_STEP, batch_norms, calibrate, evaluate, loss_of, validate


def test_evaluation_leaves_training_as_it_was(tmp_path):
    torch.manual_seed(0)
    training = Training(Tiny(), make_config(), tmp_path, None)
    for _ in range(5):
        training.step(make_batch)
    before = {name: tensor.clone() for name, tensor in training.learner.tensors().items()}
    scalars, randomness = copy.deepcopy(training.learner.scalars()), torch.get_rng_state()
    training.evaluate(make_batch, VALIDATION)
    training.close()
    assert same_tensors(before, training.learner.tensors())
    assert scalars == training.learner.scalars()
    assert torch.equal(randomness, torch.get_rng_state())
    assert training.model.training
    assert training.model.norm.momentum == 0.1
    assert not training.model.frozen


def test_averaged_weights_are_schedule_free_ones():
    torch.manual_seed(0)
    learner = Learner.of(Tiny(), make_config().optim)
    for step in range(20):
        loss_of(learner.model, make_batch(step))[0].backward()
        learner.step()
    averaged = learner.averaged()
    assert not torch.equal(averaged.out.weight, learner.model.out.weight)
    learner.optimizer.eval()
    assert same_tensors(dict(averaged.named_parameters()), dict(learner.model.named_parameters()))


def test_ema_is_the_exponential_average_of_the_training_weights():
    learner = Learner.of(Tiny(), make_config(ema=0.75).optim)
    expected = None
    for step in range(4):
        loss_of(learner.model, make_batch(step))[0].backward()
        learner.step()
        now = learner.model.out.weight.detach().clone()
        expected = now if expected is None else 0.75 * expected + 0.25 * now
    torch.testing.assert_close(learner.averaged().out.weight.detach(), expected)


def test_calibration_is_the_mean_over_training_batches():
    """By hand: mean and variance of into(x), averaged over three batches; the codebook stays."""
    model = Tiny()
    calibrate(model, make_batch, 3, torch.device("cpu"), seed=0)
    batches = [make_batch(CALIBRATION_STEP + i) for i in range(3)]
    inside = [model.into(batch.x[batch.mask].flatten(1)).detach() for batch in batches]
    torch.testing.assert_close(model.norm.running_mean, torch.stack([h.mean(0) for h in inside]).mean(0))
    torch.testing.assert_close(model.norm.running_var, torch.stack([h.var(0) for h in inside]).mean(0))
    assert model.norm.momentum == 0.1
    assert model.codebook.eq(0).all()


def test_without_batch_norm_there_is_no_calibration():
    model = Tiny()
    model.norm = nn.Identity()
    assert not batch_norms(model)
    values = evaluate(model, stop_at(CALIBRATION_STEP), VALIDATION, build_accelerator(), 3, 0)
    assert values["loss"] > 0


def test_validation_weighs_every_real_frame_alike():
    model = Tiny().eval()
    errors = []
    for batch in VALIDATION:
        loss, _ = model.loss(batch)
        errors.append((loss.item() * int(batch.mask.sum()), int(batch.mask.sum())))
    expected = sum(e for e, _ in errors) / sum(n for _, n in errors)
    assert validate(model, VALIDATION, build_accelerator(), 0)["loss"] == pytest.approx(expected, rel=1e-6)


def test_means_weigh_and_survive_json():
    means = Means()
    means.merge(Means.of({"a": 1.0, "b": 5.0}, 1))
    means.merge(Means.of({"a": 4.0}, 2))
    again = Means(json.loads(json.dumps(means.sums)))
    assert again.values() == {"a": 3.0, "b": 5.0}


def test_progress_tells_speed_and_the_nearer_end():
    """50 of 100 steps in 10 seconds leave 10 seconds, or the 6 that are left of a minute."""
    means = Means.of({"loss": 0.5}, 400)
    for limit, left, unit in ((None, 10 / 60, "frames"), (60.0, 6 / 60, "pictures")):
        progress = Progress("x", 0, 100, limit, False)
        for step in range(50):
            progress.update(step + 1, 54.0, means, unit)
        text = progress.describe(50, 54.0, means, unit, progress.started + 10)
        assert text == f"loss 0.5000, 2,000 {unit}/s, {left:.1f} min left"
