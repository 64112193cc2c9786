"""Files of a run: written whole or not at all, and never pickled.

run/config.json               the Config, written once at the start
run/model.safetensors         the best weights; header: format, version, config
run/state/last.safetensors    everything that training needs to go on; header: format, version and JSON fields
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from signtok.atomic import atomic_path
from signtok.config import ANY_CONFIG, Config, LandmarkConfig, PictureConfig

MODEL_FORMAT = "signtok-model"
VERSION = "1"
MAY_CHANGE = ("train.max_steps", "train.max_minutes")
"""Fields of the Config that a resumed run may have otherwise: they say when to stop, not what is trained."""


@dataclass(frozen=True)
class Stored:
    """What a safetensors file holds: its tensors, on the CPU, and its header."""

    tensors: dict[str, Tensor]
    header: dict[str, str]


def write_atomically(path: Path, data: bytes) -> None:
    """`data` to the disk under a temporary name, then to `path`: never half a file, not even after a power cut.

    Raises ValueError where the disk is full or the folder cannot be written; `path` is then as it was.
    """
    try:
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> ValueError:
    """The one line for a full disk, a folder without the right to write, and their like."""
    return ValueError(f"cannot write {path} ({error.strerror}): make room or choose another run folder")


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """One safetensors file, atomically. Tied tensors are written out once for each name."""
    # A copy each: safetensors refuses tensors that share memory, and so tied weights.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    write_atomically(path, safetensors.torch.save(copies, dict(header)))


def read_tensors(path: Path, kind: str) -> Stored:
    """A file that `save_tensors` wrote with header["format"] == `kind`.

    Raises ValueError for a file that is missing, cut short, foreign or of a later version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            # clone: what safe_open gives are pages of the file itself
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (SafetensorError, OSError):
        raise damaged(path, kind) from None
    if header.get("format") != kind:
        raise damaged(path, kind)
    if header.get("version") != VERSION:
        raise ValueError(f"{path} is of version {header.get('version')}, this signtok reads {VERSION}: upgrade signtok")
    return Stored(tensors, header)


def damaged(path: Path, kind: str) -> ValueError:
    return ValueError(f"{path} is cut short or not a {kind} file: delete it and start again, or copy it anew")


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Like load_state_dict, but where `path` holds another model's weights: one ValueError that names the first."""
    own = model.state_dict()
    wrong = own.keys() ^ weights.keys()
    both = own.keys() & weights.keys()
    wrong |= {name for name in both if own[name].shape != weights[name].shape}
    wrong |= {name for name in both if own[name].is_floating_point() != weights[name].is_floating_point()}
    if wrong:
        raise ValueError(
            f"{path} holds another model ({len(wrong)} tensors differ, first {min(wrong)}): check the config"
        )
    model.load_state_dict(weights)


def save_model(path: Path, model: nn.Module, config: Config) -> None:
    """Weights and buffers, with the config in the header."""
    header = {"format": MODEL_FORMAT, "version": VERSION, "config": config.model_dump_json()}
    save_tensors(path, model.state_dict(), header)


def read_model_weights(path: Path) -> dict[str, Tensor]:
    """Those of a `save_model` file. Raises ValueError for one that is missing or damaged, and for NaN and infinity."""
    tensors = read_tensors(path, MODEL_FORMAT).tensors
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"{path}: {name} has NaN or infinite numbers: train again, or copy it anew")
    return tensors


def load_model_weights(path: Path, model: nn.Module) -> None:
    """Puts the weights of a `save_model` file into `model`, in place.

    Raises ValueError as `read_model_weights` does, and for another model's.
    """
    load_weights(model, read_model_weights(path), path)


def write_config(folder: Path, config: Config) -> None:
    write_atomically(folder / "config.json", (config.model_dump_json(indent=2) + "\n").encode())


def read_config(folder: Path) -> LandmarkConfig | PictureConfig:
    """The Config in `folder`/config.json. Raises ValueError where there is none or it does not fit this signtok."""
    path = folder / "config.json"
    try:
        return ANY_CONFIG.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file, so {folder} is not a signtok run or model") from None
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        if first["type"].startswith("union_tag"):
            raise ValueError(f"{path}: kind is missing or unknown: this signtok cannot read it") from None
        where = ".".join(str(part) for part in first["loc"][1:]) or "the file"  # the first is the kind
        raise ValueError(f"{path}: {where}: {first['msg']}") from None


def check_same_config(path: Path, saved: dict[str, Any], now: Config) -> None:
    """Raises ValueError that names the first field in which a run goes on otherwise than it began."""
    before, after = flatten(saved), flatten(now.model_dump(mode="json"))
    for name in [*after, *(before.keys() - after.keys())]:
        if name not in MAY_CHANGE and before.get(name) != after.get(name):
            raise ValueError(
                f"{path} was trained with {name} = {before.get(name)}, not {after.get(name)}: "
                f"choose another run folder, or set {name} back"
            )


def flatten(tree: Any, prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} as {"a.b": 1}."""
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {
        name: leaf
        for key, value in tree.items()
        for name, leaf in flatten(value, f"{prefix}.{key}" if prefix else key).items()
    }


def git_commit() -> str | None:
    """The commit of signtok's own checkout, "-dirty" where files differ from it; None for an installed package."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    here = Path(__file__).parent
    if "site-packages" in here.parts:  # there git would answer for whatever checkout the environment lies in
        return None
    try:
        return subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
