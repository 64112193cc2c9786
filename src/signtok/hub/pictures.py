"""Tokenizers of pictures as they are used: pictures in, one vector each out, and back."""

import math
from typing import SupportsIndex

import numpy as np
import torch
from jaxtyping import UInt8

from signtok.config import Config, FlowDecoder, FSQConfig, LatentDiffusionDecoder, LayerNormConfig, PictureConfig
from signtok.data.batch import signed, unsigned
from signtok.data.picture import (
    PicturePlacement,
    check_picture,
    crop_picture,
    fit_picture,
    pad_picture,
    unfit_picture,
)
from signtok.hub.base import Arrays, Info, PlacedArray, Tokenizer, as_list, check_codebooks, whole_number
from signtok.tokenizer.picture_model import PictureModel


class PictureTokens(PlacedArray):
    """A latent, float32 (D,) or of a grid (y, x, D), or ids, int64 (y, x, Q). `placement` is the size that its picture
    had; arrays without one come back as they are decoded."""

    placement: PicturePlacement | None


class PictureTokenizer(Tokenizer):
    """A trained tokenizer of pictures (papers 000, 001 and 003)."""

    model: PictureModel
    settings: PictureConfig

    def __init__(self, model: PictureModel, settings: PictureConfig, card: str = "") -> None:
        self.model = model.eval()
        self.settings = settings
        self.card = card

    @classmethod
    def untrained(cls, settings: Config, card: str) -> "PictureTokenizer":
        if not isinstance(settings, PictureConfig):
            raise ValueError(f"{settings.name} is no tokenizer of pictures; signtok.load takes any kind")
        return cls(PictureModel(settings.tokenizer), settings, card)

    def tokenize(self, pictures: Arrays, refine: int | None = None, fit: bool = True) -> list[PictureTokens]:
        """A latent float32 for each picture, (D,) or where the tokenizer has a grid (y, x, D), or where it has codes
        ids int64 (y, x, Q): `shape`. They are the same whatever else is in the list.

        pictures: uint8 (H, W, 3) of any size.
        refine: steps of descent, each about three decodings, that make the error of a picture smaller than the encoder
            alone does; None as the tokenizer is set. Ten to thirty take off most of what can be taken off.
        fit: the whole picture is fitted into the tokenizer's square, its shape kept, its edges repeated where it is not
            square. False: it keeps its own resolution, and the grid is as large as it needs, its edges repeated to a
            multiple of `stride`: (ceil(H / stride), ceil(W / stride), D).
        Raises ValueError for another dtype or shape, for refining what a decoder then samples or what has codes, and
        for fit=False where there is no grid.
        """
        steps = self.check_choices(refine, fit)

        def encode(picture: np.ndarray, what: str) -> PictureTokens:
            picture = check_picture(picture, what)
            square = fit_picture(picture, self.size) if fit else pad_picture(picture, self.stride)
            x = signed(self.tensor(square)[None])
            tokens = self.model.encode(x)
            if steps:
                tokens = self.model.refine(x, tokens, steps)
            return PictureTokens(tokens[0].cpu().numpy(), PicturePlacement(picture.shape[0], picture.shape[1], fit))

        return self.each(encode, "picture", as_list(pictures, 3))

    def check_choices(self, refine: int | None, fit: bool) -> int:
        """The steps of descent. Raises ValueError for what `tokenize` cannot do, before any picture is read."""
        refine = self.settings.tokenizer.refine if refine is None else refine
        if refine < 0:
            raise ValueError(f"refine {refine}: give 0 or more steps")
        if refine and self.codebooks:
            raise ValueError(f"{self.name} has codes, which cannot be improved step by step: refine 0")
        if refine and self.samples:
            raise ValueError(f"{self.name} has a decoder that samples, for which no latent is the best: refine 0")
        if not fit and len(self.shape) == 1:
            raise ValueError(
                f"{self.name} knows {self.size} x {self.size} pixels alone: pictures cannot keep a size of their own"
            )
        return refine

    def detokenize(
        self,
        tokens: Arrays,
        num_codebooks: int | None = None,
        steps: SupportsIndex | None = None,
        seed: SupportsIndex = 0,
    ) -> list[UInt8[np.ndarray, "_ _ 3"]]:
        """A picture uint8 (H, W, 3) for each latent or array of ids, of the size that was tokenized. A grid larger than
        `shape` is decoded in tiles.

        num_codebooks: use only the first so many (1 to Q) of residual VQ.
        steps: of a decoder that samples, None as it was trained; seed: of its noise. Latent diffusion noises the latent
            by so many steps, and takes as many back: 0 decodes it as it is. The same latent, steps and seed
        give the same picture, whatever else is in the list. Raises ValueError for arrays of another shape, and for
        steps and codebooks that there are not.
        """

        number = whole_number("seed", seed)
        looks = None if steps is None else whole_number("steps", steps)
        check_codebooks(num_codebooks, self.codebooks)

        def decode(tokens: np.ndarray, what: str) -> np.ndarray:
            generator = torch.Generator().manual_seed(number)
            placement = getattr(tokens, "placement", None)
            z = self._latent(self._check(tokens, placement, what)[..., :num_codebooks])
            found = self.model.decode(z[None], looks, generator)
            if not found.isfinite().all():
                raise ValueError(f"{what}: the latent's numbers are far too large; encode the picture again")
            picture = unsigned(found)[0].cpu().numpy()
            if placement is None:
                return picture
            return unfit_picture(picture, placement) if placement.fitted else crop_picture(picture, placement)

        return self.each(decode, "tokens", as_list(tokens, len(self.shape)))

    def _latent(self, tokens: np.ndarray) -> torch.Tensor:
        return self.model.from_ids(self.tensor(tokens)[None])[0] if self.codebooks else self.tensor(tokens)

    def _check(self, tokens: np.ndarray, placement: PicturePlacement | None, what: str) -> np.ndarray:
        """Of the right kind and shape: that of `shape`, or of a grid any that the placement asks for."""
        array = np.array(tokens)
        shape: tuple[object, ...] = self.shape
        if len(self.shape) == 3 and (placement is None or not placement.fitted):
            shape = ("y", "x", self.shape[2])
            if placement is not None:
                sides = (placement.height, placement.width)
                shape = (*(-(-side // self.stride) for side in sides), self.shape[2])
        fits = array.ndim == len(shape) and 0 not in array.shape
        fits = fits and all(want in (there, "y", "x") for want, there in zip(shape, array.shape, strict=True))
        kind, name = ("iu", "integer ids") if self.codebooks else ("f", "float latents")
        if not fits or array.dtype.kind not in kind:
            expected = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
            raise ValueError(f"{what}: expected {name} {expected}, got {array.dtype} {array.shape}")
        with np.errstate(over="ignore"):
            array = array.astype(self.dtype)
        if not np.isfinite(array).all():
            raise ValueError(f"{what}: the latent has infinite or missing numbers; encode the picture again")
        return array

    @property
    def size(self) -> int:
        """Height and width that it works on, in pixels."""
        return self.settings.tokenizer.size

    @property
    def stride(self) -> int:
        """Pixels of a place of the grid; all of them where there is none."""
        return self.settings.tokenizer.stride

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tokens of a square: (D,), or (y, x, D) of a grid, with codes (y, x, Q)."""
        return self.settings.tokenizer.shape

    @property
    def codebooks(self) -> int:
        """Ids of each place; 0 for a continuous tokenizer."""
        return self.settings.tokenizer.codebooks

    @property
    def codes(self) -> int:
        """Of each codebook; 0 for a continuous tokenizer."""
        return self.settings.tokenizer.codes

    @property
    def dtype(self) -> type[np.generic]:
        return np.int64 if self.codes else np.float32

    @property
    def width(self) -> int:
        """Numbers a square, or ids."""
        return math.prod(self.shape)

    @property
    def unit(self) -> str:
        """What they are."""
        return f"ids of {self.codes}" if self.codes else "numbers"

    def bits(self, each: int = 16) -> float:
        """A square, its numbers with so many bits each; ids have their own."""
        return self.width * (math.log2(self.codes) if self.codes else float(each))

    def identity(self) -> tuple[object, ...]:
        config = self.settings.tokenizer
        parts: list[object] = [self.size, self.width]
        if isinstance(config.bottleneck, LayerNormConfig):
            parts.append(config.bottleneck.kind)
        if isinstance(config.bottleneck, FSQConfig):
            parts.append(config.bottleneck.levels)
        if isinstance(config.decoder, LatentDiffusionDecoder):
            parts += config.decoder.beta
        if isinstance(config.decoder, FlowDecoder):
            parts += [config.decoder.path, config.decoder.scale, config.decoder.predicts, config.decoder.shortcut]
            parts += [config.decoder.spacing, config.decoder.net.head]
        return tuple(parts)

    @property
    def samples(self) -> bool:
        return isinstance(self.settings.tokenizer.decoder, FlowDecoder | LatentDiffusionDecoder)

    @property
    def steps(self) -> int | None:
        decoder = self.settings.tokenizer.decoder
        return decoder.steps if isinstance(decoder, FlowDecoder) else None

    def info(self) -> Info:
        refine, bits = self.settings.tokenizer.refine, self.bits()
        return Info(
            name=self.name,
            fingerprint=self.fingerprint,
            parameters=self.parameters,
            tokens=f"{self.width} {self.unit} for {self.size} x {self.size} pixels, {bits:g} bits a picture"
            + ("" if self.codes else " as float16")
            + (f", refined by {refine} steps" if refine else ""),
            bits=bits,
            reads=False,
            card=self.card,
        )
