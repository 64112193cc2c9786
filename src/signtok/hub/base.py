"""What every tokenizer has beside its tokens: a name, a fingerprint, a model card, and a folder to live in."""

import hashlib
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsIndex, TypeVar

import numpy as np
import torch
from huggingface_hub import ModelHubMixin, snapshot_download
from jaxtyping import Shaped
from torch import nn

from signtok.atomic import write_text
from signtok.config import Config
from signtok.nn.patch_critic import critics
from signtok.threads import Result, each
from signtok.training.checkpoint import load_model_weights, read_config, save_model, write_config

CARD = "README.md"
Kind = TypeVar("Kind", bound="Tokenizer")
Placed = TypeVar("Placed", bound="PlacedArray")
Arrays = Sequence[Shaped[np.ndarray, "..."]] | Shaped[np.ndarray, "..."]
"""A list of arrays; one array alone counts as a list of one."""


@dataclass(frozen=True)
class Info:
    """What a tokenizer is. `tokens`: in words, such as "4 x 1024, 40 bits a frame"; bits of a latent as float16."""

    name: str
    fingerprint: str
    parameters: int
    tokens: str
    bits: float
    reads: bool
    card: str

    def __str__(self) -> str:
        lines = [
            f"name         {self.name}",
            f"fingerprint  {self.fingerprint}",
            f"parameters   {self.parameters:,}",
            f"tokens       {self.tokens}",
            f"reads text   {'yes' if self.reads else 'no'}",
        ]
        return "\n".join(lines + (["", self.card] if self.card else []))


class PlacedArray(np.ndarray):
    """A plain array in all that matters, which also remembers its `placement`: what `detokenize` needs to put what it
    stands for back where it was. Slices and copies keep it, pickled ones too; None where it is not known."""

    placement: Any

    def __new__(cls: type[Placed], array: np.ndarray, placement: Any = None) -> Placed:
        tokens = np.asarray(array).view(cls)
        tokens.placement = placement
        return tokens

    def __array_finalize__(self, source: Any) -> None:
        self.placement = getattr(source, "placement", None)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (np.asarray(self), self.placement)


class Tokenizer(ModelHubMixin, ABC):
    """A trained tokenizer, ready to use on the CPU or, after `to`, elsewhere.

    A folder holds one as config.json, model.safetensors and README.md; ModelHubMixin adds push_to_hub.
    """

    model: nn.Module
    settings: Config
    card: str

    @classmethod
    @abstractmethod
    def untrained(cls: type[Kind], settings: Config, card: str) -> Kind:
        """With weights yet to be loaded. Raises ValueError for the settings of another kind of tokenizer."""

    @abstractmethod
    def identity(self) -> tuple[object, ...]:
        """What changes tokens, or what is made of them, beside the weights, and no more: a setting that a later version
        adds must not."""

    @property
    def steps(self) -> int | None:
        """In which it decodes where nobody asks for another number; None where it does not sample."""
        return None

    @abstractmethod
    def info(self) -> Info: ...

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def to(self: Kind, device: str | torch.device) -> Kind:
        """Moves the model; ids may differ between kinds of devices in rare near ties."""
        self.model.to(device)
        return self

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits of a hash over weights and `identity`; every token file carries it."""
        digest = hashlib.sha256(repr(self.identity()).encode())
        for key, tensor in sorted(self.model.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    @property
    def parameters(self) -> int:
        """Without a critic, which is there while it is trained."""
        every, theirs = self.model.parameters(), critics(self.model)
        return sum(parameter.numel() for parameter in every) - sum(parameter.numel() for parameter in theirs)

    def each(self, work: Callable[[np.ndarray, str], Result], what: str, arrays: Sequence[np.ndarray]) -> list[Result]:
        """`work` on each array and what to call it in an error; on the CPU as many at once as torch has threads."""
        named = [(array, f"{what} {i}") for i, array in enumerate(arrays)]
        return each(lambda item: work(*item), named, self.device.type == "cpu")

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    def _save_pretrained(self, save_directory: Path) -> None:
        write_config(save_directory, self.settings)
        save_model(save_directory / "model.safetensors", self.model, self.settings)
        if self.card:
            write_text(save_directory / CARD, self.card)

    @classmethod
    def _from_pretrained(
        cls: type[Kind],
        *,
        model_id: str,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        **model_kwargs: Any,
    ) -> Kind:
        folder = Path(model_id)
        if not folder.is_dir():
            found = snapshot_download(
                model_id,
                revision=revision,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
                token=token,
                allow_patterns=["config.json", "model.safetensors", CARD],
            )
            folder = Path(found)
        return cls.of_folder(folder)

    @classmethod
    def of_folder(cls: type[Kind], folder: Path) -> Kind:
        """Raises ValueError for a folder that holds none, or a damaged one, or another kind."""
        card = folder / CARD
        tokenizer = cls.untrained(read_config(folder), card.read_text(encoding="utf-8") if card.is_file() else "")
        load_model_weights(folder / "model.safetensors", tokenizer.model)
        return tokenizer


def whole_number(name: str, value: SupportsIndex) -> int:
    """Of numpy too. Raises ValueError for what is none, and below 0."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name}={value!r}: give a whole number") from None
    if not 0 <= number < 2**63:
        raise ValueError(f"{name}={value!r}: give a whole number from 0 to 2^63 - 1")
    return number


def check_codebooks(number: int | None, have: int) -> None:
    """Raises ValueError for the first so many of codebooks that are not there."""
    if number is None or 1 <= number <= have:
        return
    if not have:
        raise ValueError(f"codebooks {number}: this tokenizer is continuous and has none; leave it out")
    raise ValueError(f"codebooks {number}: this tokenizer has {have}; give 1 to {have}")


def as_list(items: Any, dimensions: int | None = None) -> Sequence[np.ndarray]:
    """A single array of the right number of dimensions counts as a list of one."""
    single = isinstance(items, np.ndarray) and items.dtype != object
    if single and (items.ndim in (2, 3) if dimensions is None else items.ndim == dimensions):
        return [items]
    return [np.asanyarray(item) for item in items]
