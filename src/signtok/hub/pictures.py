"""Tokenizers of pictures as they are used: pictures in, one vector each out, and back."""

import math

import numpy as np
import torch
from jaxtyping import UInt8

from signtok.config import Config, FlowDecoder, LatentDiffusionDecoder, LayerNormConfig, PictureConfig
from signtok.data.batch import signed, unsigned
from signtok.data.picture import PicturePlacement, check_picture, fit_picture, unfit_picture
from signtok.hub.base import Arrays, Info, PlacedArray, Tokenizer, as_list
from signtok.tokenizer.picture_model import PictureModel


class PictureTokens(PlacedArray):
    """A latent, float32 (D,) or of a grid (y, x, D). `placement` is the size that its picture had; arrays without one
    come back as the square that the tokenizer works on."""

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

    def tokenize(self, pictures: Arrays, refine: int | None = None) -> list[PictureTokens]:
        """A latent float32 for each picture, (D,) or where the tokenizer has a grid (y, x, D): `shape`. It is the same
        whatever else is in the list.

        pictures: uint8 (H, W, 3) of any size; the whole picture is fitted into the tokenizer's square, its shape kept,
            its edges repeated where it is not square.
        refine: steps of descent, each about three decodings, that make the error of a picture smaller than the encoder
            alone does; None as the tokenizer is set. Ten to thirty take off most of what can be taken off.
        Raises ValueError for another dtype or shape, and for refining what a decoder then samples.
        """
        steps = self.settings.tokenizer.refine if refine is None else refine
        if steps < 0:
            raise ValueError(f"refine={steps}: give 0 or more steps")

        def encode(picture: np.ndarray, what: str) -> PictureTokens:
            picture = check_picture(picture, what)
            x = signed(self.tensor(fit_picture(picture, self.size))[None])
            latent = self.model.encode(x)
            if steps:
                latent = self.model.refine(x, latent, steps)
            return PictureTokens(latent[0].cpu().numpy(), PicturePlacement(*picture.shape[:2]))

        return self.each(encode, "picture", as_list(pictures, 3))

    def detokenize(self, tokens: Arrays, steps: int | None = None, seed: int = 0) -> list[UInt8[np.ndarray, "_ _ 3"]]:
        """A picture uint8 (H, W, 3) for each latent, of the size that was tokenized.

        steps: of a decoder that samples, None as it was trained; seed: of its noise. Latent diffusion noises the latent
            by so many steps, and takes as many back: 0 decodes it as it is. The same latent, steps and seed
        give the same picture, whatever else is in the list. Raises ValueError for arrays of another shape, and for
        steps that the decoder does not have.
        """

        def decode(latent: np.ndarray, what: str) -> np.ndarray:
            generator = torch.Generator().manual_seed(seed)
            x = self.model.decode(self.tensor(self._check(latent, what))[None], steps, generator)
            square = unsigned(x)[0].cpu().numpy()
            placement = getattr(latent, "placement", None)
            return unfit_picture(square, placement) if placement else square

        return self.each(decode, "tokens", as_list(tokens, len(self.shape)))

    def _check(self, latent: np.ndarray, what: str) -> np.ndarray:
        array = np.array(latent)
        if array.shape != self.shape or array.dtype.kind != "f":
            raise ValueError(f"{what}: expected float latents {self.shape}, got {array.dtype} {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{what}: the latent has infinite or missing numbers; encode the picture again")
        return array.astype(np.float32)

    @property
    def size(self) -> int:
        """Height and width that it works on, in pixels."""
        return self.settings.tokenizer.size

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a latent: (D,), or (y, x, D) of a grid."""
        return self.settings.tokenizer.shape

    @property
    def width(self) -> int:
        """Numbers a picture."""
        return math.prod(self.shape)

    def identity(self) -> tuple[object, ...]:
        config = self.settings.tokenizer
        parts: list[object] = [self.size, self.width]
        if isinstance(config.bottleneck, LayerNormConfig):
            parts.append(config.bottleneck.kind)
        if isinstance(config.decoder, LatentDiffusionDecoder):
            parts += config.decoder.beta
        if isinstance(config.decoder, FlowDecoder):
            parts += [config.decoder.path, config.decoder.scale, config.decoder.predicts]
        return tuple(parts)

    def info(self) -> Info:
        bits, refine = 16.0 * self.width, self.settings.tokenizer.refine
        return Info(
            name=self.name,
            fingerprint=self.fingerprint,
            parameters=self.parameters,
            tokens=f"{self.width} numbers for {self.size} x {self.size} pixels, {bits:g} bits a picture as float16"
            + (f", refined by {refine} steps" if refine else ""),
            bits=bits,
            reads=False,
            card=self.card,
        )
