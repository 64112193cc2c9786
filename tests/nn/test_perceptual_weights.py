"""Reading weights: nothing is run, nothing but the published file is read, every fault is one line."""

import hashlib
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from signtok.nn.perceptual_weights import PackageFile, fill, fill_named, numpy_arrays, read_safetensors, torch_arrays

INSTALL = "pip install somebody-s-weights"


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that must not be imported, and the PackageFile of its weights."""
    folder = tmp_path / "somebodys_weights"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    (folder / "weights.bin").write_bytes(b"numbers")
    monkeypatch.syspath_prepend(tmp_path)
    return PackageFile("somebodys_weights", "weights.bin", hashlib.sha256(b"numbers").hexdigest(), INSTALL)


def test_a_packages_file_is_read_without_importing_it(package):
    assert package.read() == b"numbers"


def test_a_file_that_is_absent_or_changed_is_refused(package, tmp_path):
    path = tmp_path / "somebodys_weights" / "weights.bin"
    path.write_bytes(b"numbers!")
    with pytest.raises(ValueError, match=f"not the file that was published: `{INSTALL}"):
        package.read()
    path.unlink()
    with pytest.raises(ValueError, match=f"cannot read .* `{INSTALL}"):
        package.read()
    with pytest.raises(ValueError, match=f"the weights of no_such_package are not installed: `{INSTALL}`"):
        PackageFile("no_such_package", "weights.bin", "", INSTALL).read()


def test_numpy_arrays_are_picked_in_order_and_nothing_is_run(tmp_path):
    kernel, bias = np.arange(600, dtype=np.float32).reshape(2, 3, 100), np.linspace(0, 1, 64, dtype=np.float32)
    data = pickle.dumps({"a": {"kernel": kernel, "bias": bias}, "trap": Trap(tmp_path / "sprung")}, protocol=3)
    first, second = numpy_arrays(data)
    np.testing.assert_array_equal(first, kernel.ravel())
    np.testing.assert_array_equal(second, bias)
    assert not (tmp_path / "sprung").exists()


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(2, 3, (2, 3))
        self.norm = nn.BatchNorm2d(3)
        self.linear = nn.Linear(4, 5)


def test_torch_tensors_are_picked_in_the_order_of_the_dict():
    weights = Small().state_dict()
    weights["norm.num_batches_tracked"].fill_(7)
    file = io.BytesIO()
    torch.save(weights, file, _use_new_zipfile_serialization=False)
    arrays = torch_arrays(file.getvalue())
    assert len(arrays) == len(weights)
    for array, weight in zip(arrays, weights.values(), strict=True):
        np.testing.assert_array_equal(array, weight.numpy().ravel())


def test_fill_takes_the_axes_of_tensorflow():
    height, width, inputs, outputs = 2, 3, 2, 3
    kernel = np.random.default_rng(0).normal(size=(height, width, inputs, outputs)).astype(np.float32)
    matrix = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)
    norm = [np.full(3, value, np.float32) for value in (1, 2, 3, 4)]
    arrays = [kernel.ravel(), np.zeros(3, np.float32), *norm, np.array([9]), matrix.ravel(), np.ones(5, np.float32)]
    small = Small()
    fill(small, arrays)
    np.testing.assert_array_equal(small.convolution.weight.detach().numpy(), kernel.transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(small.linear.weight.detach().numpy(), matrix.T)
    assert small.norm.running_var.tolist() == [4] * 3
    assert small.norm.num_batches_tracked == 9
    with pytest.raises(ValueError, match="shorter"):
        fill(small, arrays[:-1])


def test_a_users_file(tmp_path):
    path = tmp_path / "weights.safetensors"
    given = Small().state_dict()
    del given["norm.num_batches_tracked"]
    half = {name: tensor.half() for name, tensor in given.items()}
    safetensors.torch.save_file(half | {"more": torch.zeros(2)}, path)
    small = Small()
    fill_named(small, read_safetensors(path), "no Small")
    torch.testing.assert_close(small.linear.weight.detach(), given["linear.weight"], atol=1e-3, rtol=0)
    assert small.linear.weight.dtype == torch.float32


def test_faults_of_a_users_file(tmp_path):
    for name in ("inception.pth", "model.pt", "pytorch_model.bin"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
        with pytest.raises(ValueError, match=r"read from \.safetensors only"):
            read_safetensors(tmp_path / name)
    path = tmp_path / "weights.safetensors"
    with pytest.raises(ValueError, match="no such file"):
        read_safetensors(path)
    for wrong in (b"", pickle.dumps(Trap(tmp_path / "sprung")), safetensors.torch.save(Small().state_dict())[:-1]):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="damaged or no safetensors file") as caught:
            read_safetensors(path)
        assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "sprung").exists()


def test_tensors_of_another_network_are_refused():
    given, before = Small().state_dict(), Small().state_dict()
    small = Small()
    small.load_state_dict(before)
    with pytest.raises(ValueError, match=r"no Small: there is no tensor linear\.bias"):
        fill_named(small, {name: tensor for name, tensor in given.items() if name != "linear.bias"}, "no Small")
    with pytest.raises(ValueError, match=r"no Small: linear.bias is \(1,\), not \(5,\)"):
        fill_named(small, given | {"linear.bias": torch.ones(1)}, "no Small")
    assert torch.equal(small.linear.weight, before["linear.weight"]), "half filled"
