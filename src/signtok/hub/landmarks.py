"""Tokenizers of hand landmarks as they are used: arrays in, tokens out, and back."""

import math
from typing import SupportsIndex

import numpy as np
import torch
from jaxtyping import Float

from signtok.config import Config, LandmarkConfig, ResidualVQConfig
from signtok.data.normalise import MIDDLE_OF_PICTURE, Placement, denormalise, normalise
from signtok.data.recording import check_landmarks
from signtok.data.text import BLANK, VOCABULARY, decode_text, encode_text
from signtok.hub.base import Arrays, Info, PlacedArray, Tokenizer, as_list, check_codebooks, whole_number
from signtok.tokenizer.ctc_decode import greedy, prefix_beam
from signtok.tokenizer.model import TokenizerModel


class Tokens(PlacedArray):
    """Token ids int64 (T, Q) of one recording, or float32 latents (T, D) of a continuous tokenizer.

    `placement` says where the hand was in the picture; arrays without one are decoded into the middle of the picture.
    """

    placement: Placement | None


class LandmarkTokenizer(Tokenizer):
    """A trained tokenizer of hand landmarks (paper 002), ready to use on the CPU or, after `to`, elsewhere."""

    model: TokenizerModel
    settings: LandmarkConfig

    def __init__(self, model: TokenizerModel, settings: LandmarkConfig, card: str = "") -> None:
        self.model = model.eval()
        self.settings = settings
        self.card = card

    @classmethod
    def untrained(cls, settings: Config, card: str) -> "LandmarkTokenizer":
        if not isinstance(settings, LandmarkConfig):
            raise ValueError(f"{settings.name} is no tokenizer of landmarks; signtok.load takes any kind")
        return cls(TokenizerModel(settings.tokenizer), settings, card)

    def tokenize(self, recordings: Arrays) -> list[Tokens]:
        """One row of tokens for each frame of each recording.

        recordings: arrays (T, 42, 2) in [0, 1] picture coordinates, y down, left hand 0-20, right hand 21-41, NaN where
            a landmark was not seen; or (T, 21, 2), taken as a right hand. A third coordinate is ignored.
        Returns int64 (T, Q) in [0, V) each, the same whatever else is in the list; float32 (T, D) where the tokenizer
        has no codes. Raises ValueError for another shape, infinite values, and a recording in which no hand is seen.
        """
        return self.each(self._tokenize, "recording", as_list(recordings, 3))

    def _tokenize(self, array: np.ndarray, what: str) -> Tokens:
        settings = self.settings.tokenizer
        landmarks = check_landmarks(array, what)
        x, present, placement = normalise(landmarks, settings.normalise, settings.dominant)
        return Tokens(self.model.encode(self.tensor(x), self.tensor(present)).cpu().numpy(), placement)

    def detokenize(
        self,
        tokens: Arrays,
        num_codebooks: int | None = None,
        steps: SupportsIndex | None = None,
        seed: SupportsIndex = 0,
    ) -> list[Float[np.ndarray, "t 42 2"]]:
        """Recordings float32 (T, 42, 2) in picture coordinates, NaN where the tokens say that no hand was seen.

        tokens: as `tokenize` gave them, or plain arrays of the same kind, which come out in the middle of the picture.
        num_codebooks: use only the first so many (1 to Q).
        steps, seed: of a decoder that samples (recipe sign-rvq-flow), None as it was trained, 0 for the mean.
        Raises ValueError for ids that this tokenizer does not have, and for steps where its decoder does not sample.
        """

        number = whole_number("seed", seed)
        looks = None if steps is None else whole_number("steps", steps)

        def decode(array: np.ndarray, what: str) -> np.ndarray:
            placement = getattr(array, "placement", None) or MIDDLE_OF_PICTURE
            out = self.model.decode(self._latent(array, num_codebooks, what), looks, number)
            return denormalise(out.x.cpu().numpy(), out.present.cpu().numpy(), placement)

        return self.each(decode, "tokens", as_list(tokens, 2))

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

        return self.each(spell, "item", as_list(items))

    def _latent(self, tokens: np.ndarray, num_codebooks: int | None, what: str) -> torch.Tensor:
        tokens = np.asarray(tokens)
        check_codebooks(num_codebooks, self.codebooks)
        if tokens.ndim != 2 or 0 in tokens.shape:
            raise ValueError(f"{what}: expected tokens of shape (T, {self.width}) with T >= 1, got {tokens.shape}")
        if self.codebooks == 0:
            if tokens.dtype.kind != "f" or tokens.shape[1] != self.width:
                raise ValueError(f"{what}: expected float latents (T, {self.width}), got {tokens.dtype} {tokens.shape}")
            return self.tensor(np.array(tokens, np.float32))
        if tokens.dtype.kind not in "iu":
            raise ValueError(f"{what}: expected integer ids (T, {self.width}), got {tokens.dtype} {tokens.shape}")
        return self.model.from_ids(self.tensor(np.array(tokens[:, :num_codebooks], np.int64)))

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

    def identity(self) -> tuple[object, ...]:
        config = self.settings.tokenizer
        flow = config.decoder.flow
        heads = config.encoder.blocks.heads, config.decoder.blocks.heads
        drawing = (flow.spread, flow.blocks.heads) if flow else ()
        return config.normalise, config.dominant, config.window, config.margin, *heads, *drawing

    @property
    def steps(self) -> int | None:
        flow = self.settings.tokenizer.decoder.flow
        return flow.steps if flow else None

    def info(self) -> Info:
        bits = self.codebooks * math.log2(self.codes) if self.codebooks else 16.0 * self.width
        kind = f"{self.codebooks} x {self.codes}" if self.codebooks else f"{self.width} numbers"
        return Info(
            name=self.name,
            fingerprint=self.fingerprint,
            parameters=self.parameters,
            tokens=f"{kind}, {bits:g} bits a frame",
            bits=bits,
            reads=self.model.head is not None,
            card=self.card,
        )
