"""The tokenizer as it is used: arrays in, tokens out, and back. `signtok.load("fingerspelling")` gives one."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import ModelHubMixin, snapshot_download
from jaxtyping import Float, Shaped

from signtok.atomic import write_text
from signtok.config import Config, ResidualVQConfig
from signtok.data.normalise import MIDDLE_OF_PICTURE, Placement, denormalise, normalise
from signtok.data.recording import check_landmarks
from signtok.data.text import BLANK, VOCABULARY, decode_text, encode_text
from signtok.threads import Result, each
from signtok.tokenizer.ctc_decode import greedy, prefix_beam
from signtok.tokenizer.model import TokenizerModel
from signtok.training.checkpoint import load_model_weights, read_config, save_model, write_config

PRETRAINED = Path(__file__).parent / "pretrained"
CARD = "README.md"
Arrays = Sequence[Shaped[np.ndarray, "..."]] | Shaped[np.ndarray, "..."]
"""A list of arrays; one array alone counts as a list of one."""


class Tokens(np.ndarray):
    """Token ids int64 (T, Q) of one recording, or float32 latents (T, D) of a continuous tokenizer.

    A plain array in all that matters; it also remembers in `placement` where the hand was in the picture, so that
    `detokenize` puts it back there. Slices keep it; arrays without one are decoded into the middle of the picture.
    """

    placement: Placement | None

    def __new__(cls, array: np.ndarray, placement: Placement | None = None) -> "Tokens":
        tokens = np.asarray(array).view(cls)
        tokens.placement = placement
        return tokens

    def __array_finalize__(self, source: Any) -> None:
        self.placement = getattr(source, "placement", None)


@dataclass(frozen=True)
class Info:
    """What a tokenizer is."""

    name: str
    fingerprint: str
    parameters: int
    codebooks: int
    codes: int
    bits_per_frame: float
    reads: bool
    card: str

    def __str__(self) -> str:
        rate = (
            f"{self.codebooks} x {self.codes}, {self.bits_per_frame:g} bits a frame" if self.codebooks else "continuous"
        )
        lines = [
            f"name         {self.name}",
            f"fingerprint  {self.fingerprint}",
            f"parameters   {self.parameters:,}",
            f"tokens       {rate}",
            f"reads text   {'yes' if self.reads else 'no'}",
        ]
        return "\n".join(lines + (["", self.card] if self.card else []))


class Tokenizer(ModelHubMixin):
    """A trained tokenizer of hand landmarks (paper 002), ready to use on the CPU or, after `to`, elsewhere."""

    def __init__(self, model: TokenizerModel, settings: Config, card: str = "") -> None:
        self.model = model.eval()
        self.settings = settings
        self.card = card

    # ---- tokens ----

    def tokenize(self, recordings: Arrays) -> list[Tokens]:
        """One row of tokens for each frame of each recording.

        recordings: arrays (T, 42, 2) in [0, 1] picture coordinates, y down, left hand 0-20, right hand 21-41, NaN where
            a landmark was not seen; or (T, 21, 2), taken as a right hand. A third coordinate is ignored.
        Returns int64 (T, Q) in [0, V) each, the same whatever else is in the list; float32 (T, D) where the tokenizer
        has no codes. Raises ValueError for another shape, infinite values, and a recording in which no hand is seen.
        """
        return self._each(self._tokenize, "recording", _as_list(recordings, 3))

    def _each(self, work: Callable[[np.ndarray, str], Result], what: str, arrays: Sequence[np.ndarray]) -> list[Result]:
        """`work` on each array and what to call it in an error; on the CPU as many at once as torch has threads."""
        named = [(array, f"{what} {i}") for i, array in enumerate(arrays)]
        return each(lambda item: work(*item), named, self.device.type == "cpu")

    def _tokenize(self, array: np.ndarray, what: str) -> Tokens:
        settings = self.settings.tokenizer
        landmarks = check_landmarks(array, what)
        x, present, placement = normalise(landmarks, settings.normalise, settings.dominant)
        return Tokens(self.model.encode(self._tensor(x), self._tensor(present)).cpu().numpy(), placement)

    def detokenize(self, tokens: Arrays, num_codebooks: int | None = None) -> list[Float[np.ndarray, "t 42 2"]]:
        """Recordings float32 (T, 42, 2) in picture coordinates, NaN where the tokens say that no hand was seen.

        tokens: as `tokenize` gave them, or plain arrays of the same kind, which come out in the middle of the picture.
        num_codebooks: use only the first so many (1 to Q). Raises ValueError for ids that this tokenizer does not have.
        """

        def decode(array: np.ndarray, what: str) -> np.ndarray:
            placement = getattr(array, "placement", None) or MIDDLE_OF_PICTURE
            out = self.model.decode(self._latent(array, num_codebooks, what))
            return denormalise(out.x.cpu().numpy(), out.present.cpu().numpy(), placement)

        return self._each(decode, "tokens", _as_list(tokens, 2))

    def read(
        self, items: Arrays, beam: int = 8, num_codebooks: int | None = None, alphabet: str | None = None
    ) -> list[str]:
        """The text that each recording, or each array of tokens, spells, without spaces around it.

        beam: width of the CTC prefix beam search; 1 reads greedily.
        alphabet: the only characters that can occur, such as "0123456789"; None allows all that the tokenizer knows.
        Raises ValueError for a tokenizer without CTC head and for an alphabet with an unknown character.
        """
        barred = np.zeros(VOCABULARY, bool)
        if alphabet is not None:
            barred[:] = True
            barred[[BLANK, *encode_text(alphabet)]] = False

        def spell(item: np.ndarray, what: str) -> str:
            tokens = item if item.ndim == 2 else self._tokenize(item, what)
            log_probs = self.model.characters(self._latent(tokens, num_codebooks, what)).cpu().numpy()
            log_probs[:, barred] = -np.inf
            labels = greedy(log_probs, BLANK) if beam == 1 else prefix_beam(log_probs, BLANK, beam)
            return decode_text(labels).strip()

        return self._each(spell, "item", _as_list(items))

    def _latent(self, tokens: np.ndarray, num_codebooks: int | None, what: str) -> torch.Tensor:
        tokens = np.asarray(tokens)
        if tokens.ndim != 2 or 0 in tokens.shape:
            raise ValueError(f"{what}: expected tokens of shape (T, {self.width}) with T >= 1, got {tokens.shape}")
        if self.codebooks == 0:
            if tokens.dtype.kind != "f" or tokens.shape[1] != self.width:
                raise ValueError(f"{what}: expected float latents (T, {self.width}), got {tokens.dtype} {tokens.shape}")
            return self._tensor(np.array(tokens, np.float32))
        if tokens.dtype.kind not in "iu":
            raise ValueError(f"{what}: expected integer ids (T, {self.width}), got {tokens.dtype} {tokens.shape}")
        if num_codebooks is not None and not 1 <= num_codebooks <= self.codebooks:
            raise ValueError(
                f"num_codebooks={num_codebooks}: this tokenizer has {self.codebooks}; give 1 to {self.codebooks}"
            )
        return self.model.from_ids(self._tensor(np.array(tokens[:, :num_codebooks], np.int64)))

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    # ---- what it is ----

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def to(self, device: str | torch.device) -> "Tokenizer":
        """Moves the model; ids may differ between kinds of devices in rare near ties."""
        self.model.to(device)
        return self

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def codebooks(self) -> int:
        """0 for a continuous tokenizer."""
        bottleneck = self.settings.tokenizer.bottleneck
        return bottleneck.codebooks if isinstance(bottleneck, ResidualVQConfig) else 0

    @property
    def codes(self) -> int:
        bottleneck = self.settings.tokenizer.bottleneck
        return bottleneck.codes if isinstance(bottleneck, ResidualVQConfig) else 0

    @property
    def width(self) -> int:
        """Numbers a frame."""
        return self.codebooks or self.settings.tokenizer.encoder.blocks.dim

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits of a hash over weights and normalisation; every token file carries it."""
        config = self.settings.tokenizer
        # What changes codes beside the weights, and no more: a setting that a later version adds must not.
        rest = config.normalise, config.dominant, config.window, config.margin
        heads = config.encoder.blocks.heads, config.decoder.blocks.heads
        digest = hashlib.sha256(repr((*rest, *heads)).encode())
        for key, tensor in sorted(self.model.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    def info(self) -> Info:
        return Info(
            name=self.name,
            fingerprint=self.fingerprint,
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            codebooks=self.codebooks,
            codes=self.codes,
            bits_per_frame=self.codebooks * math.log2(self.codes) if self.codebooks else math.inf,
            reads=self.model.head is not None,
            card=self.card,
        )

    # ---- files: a folder with config.json, model.safetensors and README.md; ModelHubMixin adds push_to_hub ----

    def _save_pretrained(self, save_directory: Path) -> None:
        write_config(save_directory, self.settings)
        save_model(save_directory / "model.safetensors", self.model, self.settings)
        if self.card:
            write_text(save_directory / CARD, self.card)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        **model_kwargs: Any,
    ) -> "Tokenizer":
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
        return _read_folder(cls, folder)


def _read_folder(kind: type[Tokenizer], folder: Path) -> Tokenizer:
    settings = read_config(folder)
    model = TokenizerModel(settings.tokenizer)
    load_model_weights(folder / "model.safetensors", model)
    card = folder / CARD
    return kind(model, settings, card.read_text(encoding="utf-8") if card.is_file() else "")


def _as_list(items: Any, dimensions: int | None = None) -> Sequence[np.ndarray]:
    """A single array of the right number of dimensions counts as a list of one."""
    single = isinstance(items, np.ndarray) and items.dtype != object
    if single and (items.ndim in (2, 3) if dimensions is None else items.ndim == dimensions):
        return [items]
    return [np.asanyarray(item) for item in items]


def packaged() -> list[str]:
    """Names of the tokenizers that come with the package."""
    return (
        sorted(folder.name for folder in PRETRAINED.iterdir() if (folder / "config.json").is_file())
        if PRETRAINED.is_dir()
        else []
    )


def load(name: str | Path) -> Tokenizer:
    """A tokenizer: the name of a packaged one ("fingerspelling"), or a folder that a training or save_pretrained wrote.

    Raises ValueError naming the packaged ones for anything else. From the Hugging Face Hub: Tokenizer.from_pretrained.
    """
    folder = Path(name)
    if folder.is_dir():
        return _read_folder(Tokenizer, folder)
    if str(name) in packaged():
        return _read_folder(Tokenizer, PRETRAINED / str(name))
    raise ValueError(
        f"no tokenizer {str(name)!r}: give a folder with config.json and model.safetensors, "
        f"or one of: {', '.join(packaged())}"
    )
