"""What learns: a model, schedule-free AdamW, and an EMA if wanted; and the precision and the seed of a step."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from schedulefree import AdamWScheduleFree
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from signtok.config import OptimConfig, TrainConfig
from signtok.nn.patch_critic import critics
from signtok.training.checkpoint import load_weights

GROUP_STATE = ("k", "weight_sum", "lr_max", "scheduled_lr", "train_mode")
"""What schedule-free AdamW moves in its parameter group: step, sum of averaging weights, highest and last rate."""


@dataclass(frozen=True, eq=False)
class Learner:
    """The model's parameters are schedule-free's y, where gradients are taken (Defazio et al. 2024, eq. 2)."""

    model: nn.Module
    optimizer: AdamWScheduleFree
    ema: AveragedModel | None
    clip: float

    @classmethod
    def of(cls, model: nn.Module, config: OptimConfig) -> "Learner":
        optimizer = AdamWScheduleFree(
            [parameter for parameter in model.parameters() if parameter.requires_grad],
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
            warmup_steps=config.warmup_steps,
        )
        optimizer.train()
        ema = None
        if config.ema_decay is not None:
            ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay))
        return cls(model, optimizer, ema, config.clip)

    def clip_gradients(self) -> Tensor:
        """Scales the gradients down to norm `clip`, those of a critic (`opponent`) by themselves: when it errs by much,
        what it stands against still learns. Returns the norm that the model's own had."""
        theirs = critics(self.model)
        apart = set(map(id, theirs))
        nn.utils.clip_grad_norm_(theirs, self.clip)
        return nn.utils.clip_grad_norm_([p for p in self.model.parameters() if id(p) not in apart], self.clip)

    def step(self) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.ema is not None:
            self.ema.update_parameters(self.model)

    def averaged(self) -> nn.Module:
        """A model of its own with the weights to evaluate and to keep: the EMA's, or else schedule-free's average x.

        A copy, because optimizer.eval() and .train() go from y to x and back with a rounding error each way: a run
        that is evaluated would not be the run that is not.
        """
        if self.ema is not None:
            return copy.deepcopy(self.ema.module)
        averaged = copy.deepcopy(self.model)
        beta1 = self.optimizer.param_groups[0]["betas"][0]
        with torch.no_grad():
            for y, x in zip(self.model.parameters(), averaged.parameters(), strict=True):
                z = self.optimizer.state.get(y, {}).get("z")
                if z is not None:  # else it never had a gradient
                    x.lerp_(z, 1 - 1 / beta1)  # y = (1 - beta1) z + beta1 x, solved as AdamWScheduleFree.eval does
        return averaged

    def tensors(self) -> dict[str, Tensor]:
        """All that `restore` needs, beside `scalars`: model.NAME, ema.NAME, z.NAME and exp_avg_sq.NAME."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        if self.ema is not None:
            tensors |= {f"ema.{name}": tensor for name, tensor in self.ema.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            # a parameter that never had a gradient has no state
            tensors |= {f"{key}.{name}": value for key, value in self.optimizer.state.get(parameter, {}).items()}
        return tensors

    def scalars(self) -> dict[str, Any]:
        return {name: self.optimizer.param_groups[0][name] for name in GROUP_STATE}

    def restore(self, tensors: dict[str, Tensor], scalars: dict[str, Any], path: Path) -> None:
        """The inverse of `tensors` and `scalars`. Raises ValueError, naming `path`, for another model's."""
        load_weights(self.model, under("model", tensors), path)
        if self.ema is not None:
            load_weights(self.ema, under("ema", tensors), path)
        for name, parameter in self.model.named_parameters():
            for key in ("z", "exp_avg_sq"):
                if f"{key}.{name}" in tensors:
                    self.optimizer.state[parameter][key] = tensors[f"{key}.{name}"].to(parameter.device)
        self.optimizer.param_groups[0].update(scalars)


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """{"a.b": x} as {"b": x} for the prefix "a"."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def uses_bf16(config: TrainConfig, device: torch.device) -> bool:
    """Whether the training forward runs under bf16 autocast; "auto": where the machine multiplies bf16 natively."""
    if config.precision != "auto":
        return config.precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Not mkldnn's own answer, which is also yes where it emulates bf16, slower than float32.
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def seed_of(*numbers: int) -> int:
    """One seed of several numbers, all >= 0, such as (seed, step, rank)."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
