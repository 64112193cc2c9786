"""Files of a run: whole or not at all, and refused in one line where they are not its own."""

import os
import platform
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from tiny_run import VALIDATION, Tiny, make_batch, make_config, run_tiny, same_tensors
from torch import nn

from signtok.training import checkpoint
from signtok.training.fit import fit


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a short run."""
    return run_tiny(tmp_path_factory.mktemp("trained"), make_config(9)).run


@pytest.mark.parametrize("length", [0, 5, 200, -1])
def test_truncated_checkpoint_says_what_to_do(trained, tmp_path, length):
    data = (trained / "state/last.safetensors").read_bytes()
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


def test_other_models_weights_are_refused(trained):
    with pytest.raises(ValueError, match=r"holds another model \(\d+ tensors differ, first bias\)"):
        checkpoint.load_model_weights(trained / "model.safetensors", nn.Linear(4, 16))


def test_other_config_names_the_field(trained):
    config = make_config()
    other = config.model_copy(update={"optim": config.optim.model_copy(update={"clip": 1.0})})
    with pytest.raises(ValueError, match=r"was trained with optim\.clip = 4\.0, not 1\.0: choose another run folder"):
        run_tiny(trained, other)


def test_other_data_are_refused(tmp_path):
    fit(Tiny(), make_batch, VALIDATION, make_config(5), tmp_path, data_hash="abc")
    with pytest.raises(ValueError, match="trained on data abc, not xyz"):
        fit(Tiny(), make_batch, VALIDATION, make_config(9), tmp_path, data_hash="xyz")


def test_folder_with_only_a_model_is_not_overwritten(trained, tmp_path):
    model = (trained / "model.safetensors").read_bytes()
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
    """And nothing else: not what another run, below it or of a process that still runs, is writing."""
    (tmp_path / "state").mkdir()
    (tmp_path / "other").mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, theirs = (f".last.{platform.node()}.{process}.safetensors" for process in (dead.pid, os.getppid()))
    foreign = [tmp_path / ".mine.safetensors", tmp_path / "other" / left, tmp_path / "state" / theirs]
    for path in (tmp_path / "state" / left, *foreign):
        path.write_bytes(b"half")
    run_tiny(tmp_path, make_config(3))
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == [theirs, "last.safetensors"]
    assert all(path.exists() for path in foreign)


@pytest.mark.parametrize(("spoil", "message"), [(float("nan"), "bias has NaN"), (None, "another model")])
def test_weights_that_are_none_are_refused(tmp_path, spoil, message):
    model = nn.Linear(3, 3)
    if spoil is None:
        spoiled = {name: tensor.detach().to(torch.int8) for name, tensor in model.state_dict().items()}
    else:
        spoiled = {**model.state_dict(), "bias": torch.full((3,), spoil)}
    header = {"format": checkpoint.MODEL_FORMAT, "version": checkpoint.VERSION}
    checkpoint.save_tensors(tmp_path / "m.safetensors", spoiled, header)
    with pytest.raises(ValueError, match=message):
        checkpoint.load_model_weights(tmp_path / "m.safetensors", model)


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
    (tmp_path / "config.json").write_text('{"name": "x", "kind": "landmarks", "colour": 1}')
    with pytest.raises(ValueError, match=r"config\.json: colour: Extra inputs are not permitted$"):
        checkpoint.read_config(tmp_path)
    (tmp_path / "config.json").write_text('{"name": "x"}')
    with pytest.raises(ValueError, match=r"config\.json: kind is missing"):
        checkpoint.read_config(tmp_path)
    with pytest.raises(ValueError, match="no such file, so"):
        checkpoint.read_config(tmp_path / "nowhere")
