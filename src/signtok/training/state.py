"""run/state/last.safetensors: everything that a run needs to go on as if it had never stopped."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from signtok.config import Config
from signtok.training.checkpoint import VERSION, check_same_config, git_commit, read_tensors, save_tensors
from signtok.training.optim import Learner

STATE_FORMAT = "signtok-training-state"


@dataclass
class Position:
    """Where a run stands, beside its tensors."""

    step: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    best_step: int = 0
    evaluated_step: int = -1
    metrics_length: int = 0
    """Bytes of metrics.jsonl."""
    window: dict[str, list[float]] = field(default_factory=dict)
    """Sums of the logs since the last training row."""


def save_state(path: Path, learner: Learner, position: Position, config: Config, data_hash: str | None) -> None:
    """One file: the tensors, and in the header one JSON a field."""
    fields: dict[str, Any] = {
        "position": asdict(position),
        "optimizer": learner.scalars(),
        "config": config.model_dump(mode="json"),
        "torch": torch.__version__,
        "commit": git_commit(),
        "data_hash": data_hash,
    }
    header = {name: json.dumps(value) for name, value in fields.items()}
    save_tensors(path, learner.tensors(), {"format": STATE_FORMAT, "version": VERSION, **header})


def load_state(path: Path, learner: Learner, config: Config, data_hash: str | None) -> Position:
    """Puts the file's tensors into `learner`.

    Raises ValueError for a damaged file, and where config, data or model are not those that the run began with.
    """
    stored = read_tensors(path, STATE_FORMAT)
    check_same_config(path, json.loads(stored.header["config"]), config)
    before = json.loads(stored.header["data_hash"])
    if before != data_hash:
        raise ValueError(f"{path} was trained on data {before}, not {data_hash}: choose another run folder")
    learner.restore(stored.tensors, json.loads(stored.header["optimizer"]), path)
    return Position(**json.loads(stored.header["position"]))
