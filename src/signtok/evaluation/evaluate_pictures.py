"""What survives a picture tokenizer: pixels, structure, what a network sees, and the use of the latent."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int, Num, UInt8
from torch import Tensor
from tqdm import tqdm

from signtok.data.picture_hands import PictureHands
from signtok.data.split import spaced
from signtok.evaluation.codes import CodeCounts
from signtok.evaluation.feature_networks import FeatureNetwork, distribution_scores, features
from signtok.evaluation.hand_region import CENTRE_BOX, THICKNESS, hand_regions
from signtok.evaluation.latents import latent_use
from signtok.evaluation.measured import Measured
from signtok.evaluation.pictures import (
    After,
    Before,
    Mask,
    lpips,
    masked_mse,
    masked_psnr,
    masked_ssim,
    mse,
    per_picture,
    psnr,
    ssim,
)
from signtok.evaluation.score import Interval, Ratio, Score
from signtok.hub import PictureTokenizer
from signtok.nn.clip_vision import load_clip_vision
from signtok.nn.efficientnet import load_efficientnet
from signtok.nn.inception import load_inception
from signtok.nn.perceptual import load_lpips

CHUNK, FULL = 128, 200
"""Pictures at once and the pixels of their sides; of larger ones fewer."""
SEEN_BY_NETWORKS = 500
"""Pictures, evenly spaced, that networks compare: on a CPU they take some tens a second."""
SEEN_BY_VGG = 200
"""VGG16 takes 60 ms for a pair of 64 pixels on one thread, and .7 s at 200: 12 seconds and 2.5 minutes in all."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Reconstructed(Measured):
    """Square pictures, of the tokenizer's size or at a resolution of their own, and what became of them.

    before, after: uint8 (N, S, S, 3); latents: float32 (N, D), or ids int64; labels: indices into classes.
    """

    tokenizer: PictureTokenizer
    before: UInt8[np.ndarray, "n s s 3"]
    after: UInt8[np.ndarray, "n s s 3"]
    latents: Num[np.ndarray, "n d"]
    labels: Int[np.ndarray, " n"]
    classes: Sequence[str]

    @property
    def chunk(self) -> int:
        """Pictures at once."""
        return min(CHUNK, max(1, CHUNK * FULL**2 // self.before.shape[1] ** 2))

    def pairs(self, rows: Sequence[int] | np.ndarray | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Before and after as float (b, 3, S, S) in [0, 1], in pieces."""
        chosen = np.arange(len(self.before)) if rows is None else np.asarray(rows)
        for start in range(0, len(chosen), self.chunk):
            piece = chosen[start : start + self.chunk]
            yield to_unit(self.before[piece]), to_unit(self.after[piece])

    @cached_property
    def errors(self) -> Float[Tensor, " n"]:
        """MSE of each picture."""
        return torch.cat([mse(before, after) for before, after in self.pairs()])

    def some(self, most: int) -> Int[np.ndarray, " m"]:
        """At most so many rows, evenly spaced."""
        return spaced(np.arange(len(self.before)), most)


def to_unit(pictures: UInt8[np.ndarray, "b s s 3"]) -> Float[Tensor, "b 3 s s"]:
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255


def reconstruct_all(
    tokenizer: PictureTokenizer,
    pixels: UInt8[np.ndarray, "n s s 3"],
    labels: Int[np.ndarray, " n"],
    classes: Sequence[str],
    what: str,
    refine: int | None = None,
    codebooks: int | None = None,
    steps: int | None = None,
) -> Reconstructed:
    """One by one, as they are used; refine: as in `tokenize`; codebooks, steps: as in `detokenize`. Pictures of another
    size than the tokenizer's keep their resolution.

    Raises ValueError without a picture, and as these do.
    """
    if not len(pixels):
        raise ValueError(f"{what}: no pictures to evaluate")
    tokenizer.detokenize([np.zeros(tokenizer.shape, tokenizer.dtype)], codebooks, steps)  # refuse before encoding
    latents, after, fit = [], np.empty_like(pixels), pixels.shape[1] == tokenizer.size
    for piece in _pieces(len(pixels), "reconstruct"):
        tokens = tokenizer.tokenize([*pixels[piece]], refine, fit)
        after[piece] = np.stack(tokenizer.detokenize(tokens, codebooks, steps))
        latents.append(np.stack(tokens).reshape(len(tokens), -1))
    return Reconstructed(tokenizer, what, np.ascontiguousarray(pixels), after, np.concatenate(latents), labels, classes)


def encode_all(
    tokenizer: PictureTokenizer, pixels: UInt8[np.ndarray, "n s s 3"], refine: int | None = None
) -> Num[np.ndarray, "n d"]:
    """One by one, as they are used, a row each; refine: as in `tokenize`."""
    latents = np.empty((len(pixels), tokenizer.width), tokenizer.dtype)
    for piece in _pieces(len(pixels), "encode"):
        latents[piece] = np.stack(tokenizer.tokenize([*pixels[piece]], refine)).reshape(-1, tokenizer.width)
    return latents


def _pieces(count: int, what: str) -> Iterator[slice]:
    for start in tqdm(range(0, count, CHUNK), desc=what, disable=None):
        yield slice(start, start + CHUNK)


def pixel_scores(done: Reconstructed) -> list[Score]:
    """MSE, PSNR and SSIM of whole pictures, and MSE in the middle, where the hand is."""

    def each(metric: Callable[[Tensor, Tensor], Tensor]) -> list[Ratio]:
        return [ratio for before, after in done.pairs() for ratio in per_picture(metric(before, after))]

    size = done.before.shape[1]
    centre = [
        ratio
        for before, after in done.pairs()
        for ratio in masked_mse(before, after, hand_regions([None] * len(before), size, size))
    ]
    return [
        done.score("MSE", per_picture(done.errors), "of [0, 1]", False, "mse"),
        done.score("MSE, centre", centre, "of [0, 1]", False, f"mse|centre box {CENTRE_BOX}"),
        done.score("PSNR", each(psnr), "dB", True, "psnr|mean over pictures"),
        done.score("SSIM", each(ssim), "", True, "ssim|gaussian 11 1.5|rgb"),
    ]


def hand_scores(done: Reconstructed, hands: PictureHands) -> list[Score]:
    """MSE, PSNR and SSIM in the region of the hand, of the pictures whose landmarks are known."""
    size = done.before.shape[1]
    rows = [row for row, hand in enumerate(hands.hands) if hand is not None]
    regions = hand_regions([hands.hands[row] for row in rows], size, size)

    def each(metric: Callable[[Before, After, Mask], list[Ratio]]) -> list[Ratio]:
        pieces = zip(done.pairs(rows), regions.split(done.chunk), strict=True)
        return [ratio for (before, after), region in pieces for ratio in metric(before, after, region)]

    where = f"hand {THICKNESS} thick|landmarks {hands.source}|of {hands.known} of {len(hands.hands)} pictures"
    return [
        done.score("MSE, hand", each(masked_mse), "of [0, 1]", False, f"mse|{where}"),
        done.score("PSNR, hand", each(masked_psnr), "dB", True, f"psnr|mean over pictures|{where}"),
        done.score("SSIM, hand", each(masked_ssim), "", True, f"ssim|gaussian 11 1.5|rgb|{where}"),
    ]


def class_scores(done: Reconstructed) -> list[Score]:
    """MSE of each class."""
    errors = done.errors.numpy()
    return [
        done.score(f"MSE, {name}", [Ratio(float(e), 1.0) for e in errors[done.labels == i]], "of [0, 1]", False, "mse")
        for i, name in enumerate(done.classes)
        if (done.labels == i).any()
    ]


def latent_scores(done: Reconstructed) -> list[Score]:
    """How much of the latent, or of the codebooks, is used: one count each, so no interval."""
    if done.tokenizer.codes:
        return code_scores(done)
    if len(done.latents) < 2:
        return []
    n = len(done.latents)
    if (done.latents == done.latents[0]).all():  # collapsed: nothing varies
        found = (("active numbers", 0.0), ("effective rank", 0.0))
    else:
        use = latent_use(torch.from_numpy(done.latents))
        found = (("active numbers", float(use.active)), ("effective rank", use.effective_rank))
    return [done.of_all(name, Interval(v, v, v, n), "numbers", True, name) for name, v in found]


def code_scores(done: Reconstructed) -> list[Score]:
    """Over all places of all pictures."""
    counts = CodeCounts(done.tokenizer.codebooks, done.tokenizer.codes)
    counts.add(done.latents.reshape(-1, done.tokenizer.codebooks))
    return done.of_codes(counts, "places")


def perceptual_scores(done: Reconstructed, inception: Path | None, clip: Path | None) -> list[Score]:
    """LPIPS, distances of features of EfficientNet-Lite0, and FID, KID and CMMD where weights are given.

    The first two are left out, and said so, where their package is not installed. Raises ValueError for weights that
    cannot be read.
    """
    scores = []
    for measure in (lpips_scores, lambda done: distance_scores(done, load_efficientnet())):
        try:
            scores += measure(done)
        except ValueError as error:
            logger.warning("not measured: %s", error)
    if inception is not None:
        scores += distance_scores(done, load_inception(inception))
    if clip is not None:
        scores += distance_scores(done, load_clip_vision(clip))
    return scores


def lpips_scores(done: Reconstructed) -> list[Score]:
    """By AlexNet, and by VGG16 of fewer pictures."""
    return [_lpips_score(done, "LPIPS", "alex", SEEN_BY_NETWORKS), _lpips_score(done, "LPIPS, VGG", "vgg", SEEN_BY_VGG)]


def _lpips_score(done: Reconstructed, name: str, net: Literal["alex", "vgg"], most: int) -> Score:
    network, rows = load_lpips(net), done.some(most)
    pairs = tqdm(done.pairs(rows), desc=name, disable=None)
    ratios = [ratio for before, after in pairs for ratio in per_picture(lpips(network, before, after))]
    return done.score(name, ratios, net, False, f"lpips|{net} 0.1|{len(rows)} of them")


def distance_scores(done: Reconstructed, network: FeatureNetwork) -> list[Score]:
    """Of some of the pictures as sets, by the features of a network."""
    pairs = tqdm(done.pairs(done.some(SEEN_BY_NETWORKS)), desc=network.name, disable=None)
    seen = [(features(network, before), features(network, after)) for before, after in pairs]
    before, after = (torch.cat(one) for one in zip(*seen, strict=True))
    return distribution_scores(
        network, before, after, signature=done.what, commit=done.commit, fingerprint=done.fingerprint
    )
