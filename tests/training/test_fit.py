"""The loop: it learns, it goes on as if never stopped, and it fails in one line."""

import copy
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate.utils import gather_object
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny_run import VALIDATION, Tiny, make_batch, make_config, run_tiny
from torch import nn

from signtok.config import TrainConfig
from signtok.training import checkpoint
from signtok.training.fit import DivergedError, Training, build_accelerator, fit
from signtok.training.log import Means
from signtok.training.optim import Learner, uses_bf16
from signtok.training.validate import CALIBRATION_STEP, batch_norms, calibrate, evaluate, loss_of, validate

SCRIPT = Path(__file__).with_name("tiny_run.py")


class StopError(Exception):
    """Stands for a power cut."""


def stop_at(step: int):
    def stream(now: int):
        if now == step:
            raise StopError
        return make_batch(now)

    return stream


def metrics(run: Path, split: str | None = None) -> list[dict]:
    """Rows without the clock."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows if split in (None, row["split"])]


def same_tensors(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def same_run(a: Path, b: Path) -> bool:
    files = ("model.safetensors", "state/last.safetensors")
    return metrics(a) == metrics(b) and all(same_tensors(load_file(a / name), load_file(b / name)) for name in files)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of 60 steps that was never stopped."""
    run = tmp_path_factory.mktemp("whole")
    result = run_tiny(run)
    return run, result


def test_learns_and_writes_what_it_says(whole):
    run, result = whole
    validation = metrics(run, "validation")
    assert [row["step"] for row in validation] == [15, 30, 45, 60]
    assert [row["step"] for row in metrics(run, "train")] == [10, 20, 30, 40, 50, 60]
    assert result.best_loss == min(row["loss"] for row in validation) < 0.15 * metrics(run, "train")[0]["loss"]
    assert (result.step, result.best_step) == (60, min(validation, key=lambda row: row["loss"])["step"])
    assert checkpoint.read_config(run) == make_config()
    files = {path.name for path in run.rglob("*") if path.is_file() and "tfevents" not in path.name}
    assert files == {"config.json", "metrics.jsonl", "model.safetensors", "last.safetensors"}
    assert list(run.glob("tensorboard/*tfevents*"))


def test_overfits_one_batch(tmp_path):
    batch = make_batch(0)
    model = Tiny()
    model.drop.p = 0.0
    assert fit(model, lambda step: batch, [batch], make_config(400, evaluate_every=100), tmp_path).best_loss < 0.003


@pytest.mark.parametrize("step", [1, 7, 17, 31, 46, 60])
def test_resume_equals_never_stopping(whole, tmp_path, step):
    """17 lies between two checkpoints and in the middle of a training row; 16 steps and an evaluation are kept."""
    with pytest.raises(StopError):
        run_tiny(tmp_path, stream=stop_at(step))
    assert run_tiny(tmp_path).best_loss == whole[1].best_loss
    assert same_run(tmp_path, whole[0])


def test_resume_with_ema_equals_never_stopping(tmp_path):
    run_tiny(tmp_path / "whole", make_config(40, ema=0.9))
    with pytest.raises(StopError):
        run_tiny(tmp_path / "cut", make_config(40, ema=0.9), stop_at(29))
    run_tiny(tmp_path / "cut", make_config(40, ema=0.9))
    assert same_run(tmp_path / "whole", tmp_path / "cut")


def test_killed_process_resumes(whole, tmp_path):
    process = subprocess.Popen([sys.executable, SCRIPT, tmp_path, "0.02"], env={**os.environ, "OMP_NUM_THREADS": "1"})
    while not (tmp_path / "model.safetensors").exists():  # the first evaluation, at step 15 of 60
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(random.uniform(0, 0.6))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    run_tiny(tmp_path)
    assert same_run(tmp_path, whole[0])


def test_longer_run_goes_on(whole, tmp_path):
    """A run of 30 steps that is then given 60 equals a run of 60."""
    run_tiny(tmp_path, make_config(30))
    run_tiny(tmp_path, make_config(60))
    assert metrics(tmp_path) == metrics(whole[0])


def test_finished_run_returns_at_once(whole):
    run, result = whole
    before = {path: path.stat().st_mtime_ns for path in (run / "state").iterdir()}
    assert run_tiny(run, stream=stop_at(61)) == result
    assert before == {path: path.stat().st_mtime_ns for path in (run / "state").iterdir()}


def test_max_minutes_stops_and_counts_parts_before_a_resume(tmp_path):
    config = make_config(10**6, max_minutes=0.02, evaluate_every=10**6)
    result = run_tiny(tmp_path, config)
    assert 1.2 <= result.seconds < 3
    assert metrics(tmp_path)[-1]["split"] == "validation"
    assert run_tiny(tmp_path, config, stop_at(result.step + 1)) == result


def test_model_holds_the_best_weights_on_return(tmp_path):
    """From step 31 on there is nothing to learn from, and the last step is not the best."""
    torch.manual_seed(0)
    model, config = Tiny(), make_config(60)
    empty = replace(make_batch(0), x=make_batch(0).x * 0 - 5)
    result = fit(model, lambda step: empty if 30 < step <= 60 else make_batch(step), VALIDATION, config, tmp_path)
    assert result.best_step < result.step
    assert not model.training
    other = Tiny().eval()
    checkpoint.load_model_weights(tmp_path / "model.safetensors", other)
    assert same_tensors(model.state_dict(), other.state_dict())
    assert validate(other, VALIDATION, build_accelerator(), 0)["loss"] == pytest.approx(result.best_loss, rel=1e-6)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert file.metadata()["format"] == "signtok-model"
        assert json.loads(file.metadata()["config"]) == config.model_dump(mode="json")


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


def test_saved_weights_are_the_ema_where_there_is_one(tmp_path):
    run_tiny(tmp_path, make_config(30, ema=0.9))
    state, model = load_file(tmp_path / "state/last.safetensors"), load_file(tmp_path / "model.safetensors")
    assert torch.equal(model["out.weight"], state["ema.module.out.weight"])
    assert not torch.equal(model["out.weight"], state["model.out.weight"])


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


@pytest.mark.parametrize("name", ["loss", "grad_norm"])
def test_not_a_number_names_the_step_and_keeps_the_checkpoint(tmp_path, name):
    class Breaks(Tiny):
        def loss(self, batch):
            loss, logs = super().loss(batch)
            if batch.x[0, 0, 0, 0] == make_batch(21).x[0, 0, 0, 0]:
                # the square root has an infinite slope at 0: a finite loss without a finite gradient
                loss = loss * float("nan") if name == "loss" else loss + (0 * self.unused).sum().sqrt()
            return loss, logs

    with pytest.raises(DivergedError, match=rf"^step 21: .*{name} nan.*optim\.learning_rate") as error:
        fit(Breaks(), make_batch, VALIDATION, make_config(), tmp_path)
    assert "\n" not in str(error.value)
    assert metrics(tmp_path)[-1]["step"] == 20
    kept = load_file(tmp_path / "state/last.safetensors")
    assert all(tensor.isfinite().all() for tensor in kept.values())


@pytest.mark.parametrize("length", [0, 5, 200, -1])
def test_truncated_checkpoint_says_what_to_do(whole, tmp_path, length):
    data = (whole[0] / "state/last.safetensors").read_bytes()
    (tmp_path / "state").mkdir()
    (tmp_path / "state/last.safetensors").write_bytes(data[:length])
    with pytest.raises(
        ValueError, match=r"^\S+last.safetensors is cut short or not a .*: delete it and start again, or"
    ):
        run_tiny(tmp_path)


def test_foreign_checkpoint_is_refused(tmp_path):
    (tmp_path / "state").mkdir()
    save_file({"x": torch.ones(1)}, tmp_path / "state/last.safetensors")
    with pytest.raises(ValueError, match="cut short or not a signtok-training-state file"):
        run_tiny(tmp_path)
    with pytest.raises(ValueError, match="cut short or not a signtok-model file"):
        checkpoint.load_model_weights(tmp_path / "state/last.safetensors", Tiny())
    with pytest.raises(ValueError, match="no such file"):
        checkpoint.load_model_weights(tmp_path / "model.safetensors", Tiny())


def test_other_models_weights_are_refused(whole):
    with pytest.raises(ValueError, match=r"holds another model \(\d+ tensors differ, first bias\)"):
        checkpoint.load_model_weights(whole[0] / "model.safetensors", nn.Linear(4, 16))


def test_other_config_names_the_field(whole):
    config = make_config()
    other = config.model_copy(update={"optim": config.optim.model_copy(update={"clip": 1.0})})
    with pytest.raises(ValueError, match=r"was trained with optim\.clip = 4\.0, not 1\.0: choose another run folder"):
        run_tiny(whole[0], other)


def test_other_data_are_refused(tmp_path):
    fit(Tiny(), make_batch, VALIDATION, make_config(5), tmp_path, data_hash="abc")
    with pytest.raises(ValueError, match="trained on data abc, not xyz"):
        fit(Tiny(), make_batch, VALIDATION, make_config(9), tmp_path, data_hash="xyz")


def test_folder_with_only_a_model_is_not_overwritten(whole, tmp_path):
    model = (whole[0] / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(model)
    with pytest.raises(ValueError, match="holds a model but no training state"):
        run_tiny(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == model


def test_full_disk_is_one_line_and_leaves_no_half_file(tmp_path):
    """A limit on the size of a file, which the operating system enforces as it does a full disk."""
    resource = pytest.importorskip("resource")
    good = tmp_path / "weights"
    checkpoint.write_atomically(good, b"before")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(ValueError, match=r"^cannot write \S+weights \(File too large\): make room"):
            checkpoint.write_atomically(good, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert good.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [good]


def test_unwritable_run_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"^cannot write \S+ \(Not a directory\): .* another run folder$"):
        run_tiny(tmp_path / "file" / "run")


def test_leftover_of_a_killed_write_is_removed(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/.last.123.safetensors").write_bytes(b"half")
    run_tiny(tmp_path, make_config(3))
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["last.safetensors"]


def test_tied_weights_are_kept(tmp_path):
    model = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
    model[1].weight = model[0].weight
    checkpoint.save_model(tmp_path / "m.safetensors", model, make_config())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model[0].weight.data.zero_()
    checkpoint.load_model_weights(tmp_path / "m.safetensors", model)
    assert same_tensors(before, model.state_dict())
    assert model[0].weight is model[1].weight


def test_unknown_field_in_config_is_one_line(tmp_path):
    (tmp_path / "config.json").write_text('{"name": "x", "colour": 1}')
    with pytest.raises(ValueError, match=r"config\.json: colour: Extra inputs are not permitted$"):
        checkpoint.read_config(tmp_path)
    with pytest.raises(ValueError, match="no such file, so"):
        checkpoint.read_config(tmp_path / "nowhere")


def test_empty_validation_is_refused(tmp_path):
    with pytest.raises(ValueError, match="validation is empty"):
        fit(Tiny(), make_batch, [], make_config(), tmp_path)


def test_ctrl_c_says_how_to_go_on(tmp_path, capsys):
    def stream(step):
        if step == 5:
            raise KeyboardInterrupt
        return make_batch(step)

    with pytest.raises(KeyboardInterrupt):
        run_tiny(tmp_path, stream=stream)
    assert "the same command again goes on" in capsys.readouterr().err


def test_bf16_is_used_in_the_training_forward_alone(tmp_path):
    dtypes = set()

    class Looks(Tiny):
        def loss(self, batch):
            dtypes.add((self.training, torch.is_grad_enabled(), self.into(batch.x.flatten(2)).dtype))
            return super().loss(batch)

    fit(Looks(), make_batch, VALIDATION, make_config(3, precision="bf16"), tmp_path)
    assert dtypes == {(True, True, torch.bfloat16), (True, False, torch.float32), (False, False, torch.float32)}
    assert uses_bf16(TrainConfig(precision="bf16"), torch.device("cpu"))
    assert not uses_bf16(TrainConfig(precision="fp32"), torch.device("cpu"))


def test_one_process_gathers_its_own_rows():
    assert gather_object([1, 2]) == [1, 2]


@pytest.mark.slow
def test_two_processes(whole, tmp_path):
    """Half the rows each: one writer, one set of rows, a resume. Batch-norm sees half batches: other floats."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29577"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*torchrun, SCRIPT, tmp_path], check=True, env=environment, capture_output=True, timeout=120)
    assert [row["step"] for row in metrics(tmp_path)] == [row["step"] for row in metrics(whole[0])]
    assert metrics(tmp_path)[0]["loss"] == pytest.approx(metrics(whole[0])[0]["loss"], rel=0.2)
    assert metrics(tmp_path) != metrics(whole[0])
    again = subprocess.run([*torchrun, SCRIPT, tmp_path], check=True, env=environment, capture_output=True, timeout=120)
    assert again.stdout.decode().count("FitResult(") == 2
