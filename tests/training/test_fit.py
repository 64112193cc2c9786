"""The loop: it learns, it goes on as if never stopped, and it stops where it should."""

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
from safetensors import safe_open
from safetensors.torch import load_file
from tiny_run import (
    VALIDATION,
    StopError,
    Tiny,
    make_batch,
    make_config,
    metrics,
    run_tiny,
    same_run,
    same_tensors,
    stop_at,
)

from signtok.config import TrainConfig
from signtok.training import checkpoint
from signtok.training.fit import DivergedError, build_accelerator, fit
from signtok.training.optim import uses_bf16
from signtok.training.validate import validate

SCRIPT = Path(__file__).with_name("tiny_run.py")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of 60 steps that was never stopped, and its result."""
    run = tmp_path_factory.mktemp("whole")
    return run, run_tiny(run)


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


def test_saved_weights_are_the_ema_where_there_is_one(tmp_path):
    run_tiny(tmp_path, make_config(30, ema=0.9))
    state, model = load_file(tmp_path / "state/last.safetensors"), load_file(tmp_path / "model.safetensors")
    assert torch.equal(model["out.weight"], state["ema.module.out.weight"])
    assert not torch.equal(model["out.weight"], state["model.out.weight"])


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


@pytest.mark.slow
def test_two_processes(whole, tmp_path):
    """Half the rows each: one writer, one set of rows, a resume. Batch-norm sees half batches: other floats."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29577"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    first = subprocess.run([*torchrun, SCRIPT, tmp_path], check=True, env=environment, capture_output=True, timeout=120)
    assert b"seconds=0.0," not in first.stdout
    assert [row["step"] for row in metrics(tmp_path)] == [row["step"] for row in metrics(whole[0])]
    assert metrics(tmp_path)[0]["loss"] == pytest.approx(metrics(whole[0])[0]["loss"], rel=0.2)
    assert metrics(tmp_path) != metrics(whole[0])
    again = subprocess.run([*torchrun, SCRIPT, tmp_path], check=True, env=environment, capture_output=True, timeout=120)
    assert again.stdout.decode().count("FitResult(") == 2
