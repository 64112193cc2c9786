"""A bank of invented letters, batches, and every recipe shrunk until it runs in a blink."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from conftest import make_hand_motion
from signtok.config import (
    AugmentConfig,
    ConvolutionStem,
    CorruptConfig,
    EncoderConfig,
    HandStem,
    LandmarkConfig,
    ResidualVQConfig,
    SqueezeformerConfig,
    TokenizerConfig,
)
from signtok.data.batch import LandmarkBatch
from signtok.data.recording import Recording
from signtok.data.stream import collate
from signtok.data.takes import Bank, make_bank
from signtok.hub import LandmarkTokenizer
from signtok.tokenizer.model import TokenizerModel

LETTERS = "abcde"
NO_AUGMENT = AugmentConfig.none()
NO_CORRUPTION = CorruptConfig.none()
BLOCKS = SqueezeformerConfig(dim=16, blocks=1, heads=2, kernel=5)


def right_hand(frames: int, seed: int = 0, **fields) -> Recording:
    """A recording in which the right hand alone moves."""
    landmarks = np.full((frames, 42, 2), np.nan, np.float32)
    landmarks[:, 21:] = make_hand_motion(frames, seed)
    return Recording(landmarks, np.arange(frames), **fields)


def letters(alphabet: str = LETTERS, takes: int = 2, frames: int = 12, **fields) -> list[Recording]:
    """Takes of each letter, each letter another movement."""
    fields = {"signer": "ann", "source": "invented", **fields}
    return [
        right_hand(frames, 100 * index + take, text=letter, label=letter, name=f"{letter}/take{take}", **fields)
        for index, letter in enumerate(alphabet)
        for take in range(takes)
    ]


def bank(alphabet: str = LETTERS, **fields) -> Bank:
    return make_bank(letters(alphabet, **fields))


def shrink(config: LandmarkConfig) -> LandmarkConfig:
    """The same experiment with the same parts, 16 channels wide and one block deep."""
    tokenizer = config.tokenizer
    encoder = tokenizer.encoder.model_copy(update={"blocks": BLOCKS, "stem": _stem(tokenizer.encoder.stem)})
    flow = tokenizer.decoder.flow and tokenizer.decoder.flow.model_copy(update={"blocks": BLOCKS})
    changes = {"blocks": BLOCKS, "stem": _stem(tokenizer.decoder.stem), "flow": flow}
    decoder = tokenizer.decoder.model_copy(update=changes)
    bottleneck = tokenizer.bottleneck
    if isinstance(bottleneck, ResidualVQConfig):
        bottleneck = bottleneck.model_copy(update={"codes": 32, "dim": 16})
    head = BLOCKS.model_copy(update={"blocks": min(tokenizer.head.blocks, BLOCKS.blocks)})
    small = {"encoder": encoder, "decoder": decoder, "bottleneck": bottleneck, "window": 64, "margin": 8, "head": head}
    return config.model_copy(update={"tokenizer": tokenizer.model_copy(update=small)})


def _stem(stem: ConvolutionStem | HandStem) -> ConvolutionStem | HandStem:
    return ConvolutionStem(channels=4) if isinstance(stem, ConvolutionStem) else HandStem(width=24)


def without_corruption(config: TokenizerConfig) -> TokenizerConfig:
    encoder: EncoderConfig = config.encoder.model_copy(update={"corrupt": NO_CORRUPTION})
    return config.model_copy(update={"encoder": encoder})


def seeded_model(config: TokenizerConfig, seed: int = 0) -> TokenizerModel:
    torch.manual_seed(seed)
    model = TokenizerModel(config)
    if config.decoder.flow is not None:  # as if it had learnt something
        torch.nn.init.normal_(model.decoder.net.leave.weight, std=0.1)
    return model


def seeded_tokenizer(config: LandmarkConfig, seed: int = 0, card: str = "") -> LandmarkTokenizer:
    """With random weights, and batch-norm statistics as if it had been trained."""
    return LandmarkTokenizer(seeded_model(config.tokenizer, seed), config, card)


def phrases(lengths: Sequence[int], texts: Sequence[str | None] | None = None) -> list[Recording]:
    """Right hands of these lengths, the third one with some landmarks unseen."""
    recordings = [right_hand(n, seed, text="ab"[: max(1, n // 8)]) for seed, n in enumerate(lengths)]
    if texts is not None:
        recordings = [replace(r, text=text) for r, text in zip(recordings, texts, strict=True)]
    for recording in recordings[2:3]:
        recording.landmarks[1:3, 30:34] = np.nan
    return recordings


def make_batch(config: TokenizerConfig, lengths: Sequence[int] = (20, 9, 14), **texts) -> LandmarkBatch:
    return collate(phrases(lengths, **texts), config)


def padded(batch: LandmarkBatch, frames: int, noise: float = 0.0) -> LandmarkBatch:
    """The same sequences with more padding, which holds `noise`."""
    many, before = len(batch), batch.mask.shape[1]

    def wider(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, x.new_zeros(many, frames - before, *x.shape[2:])], 1)

    batch = replace(batch, x=wider(batch.x), mask=wider(batch.mask), present=wider(batch.present))
    return replace(batch, x=batch.x + noise * torch.randn_like(batch.x) * ~batch.mask[..., None, None])
