"""A recipe of pictures by its name, with a folder of pictures, into a run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from signtok.config import (
    BlockSplit,
    FSQConfig,
    LatentDiffusionDecoder,
    PictureConfig,
    PictureTokenizerConfig,
    RandomSplit,
    ResidualVQConfig,
    TailSplit,
)
from signtok.data.generate import is_generated
from signtok.data.picture import picture_size
from signtok.data.picture_folder import PictureFile, list_pictures
from signtok.data.split import spaced
from signtok.recipes import grid, image
from signtok.recipes.choices import PictureChoices, checked
from signtok.recipes.ladders import LADDERS

PICTURE_RECIPES: tuple[Callable[[], PictureConfig], ...] = (
    image.asl_image_conv,
    image.asl_image_ff,
    image.asl_image_conv_two_heads,
    image.asl_image_ddpm,
    image.hands_conv,
    grid.vae,
    grid.gan_ae,
    grid.lpips_ae,
    grid.swycc,
    grid.eps_vae,
    grid.hands,
    grid.hands_vae,
    grid.eps_vae_b,
    grid.vae_b,
    grid.vqgan,
    grid.div_ae,
    grid.div_ae_fsq,
    grid.div_ae_swycc,
    grid.div_ae_swycc_fsq,
    *LADDERS,
)
MOST_LATENT = 4096
MOST_KEPT = 1024
"""Pixels of a side of the pictures that crops are taken from."""
LOOKED_AT = 100
PROTOCOLS = ("blocks", "tail", "paper")


def protocol(name: str, highest: int) -> BlockSplit | TailSplit | RandomSplit:
    """How a folder is split whose pictures are numbered, class by class, in the order of a video up to `highest`, which
    is the middle of the classes: some are longer than the others.

    blocks: contiguous blocks; tail: the last part of each class; paper: at random, as paper 000, which leaks.
    The two public sets that signtok is measured on have fixed borders, any other folder gets them in proportion.
    """
    if name == "paper":
        return RandomSplit()
    if name not in PROTOCOLS:
        raise ValueError(f"--split {name}: give one of {', '.join(PROTOCOLS)}")
    if 2_900 <= highest <= 3_000:  # Kaggle grassknoted/asl-alphabet
        return BlockSplit(size=100, gap=20) if name == "blocks" else TailSplit()
    if 870 <= highest <= 880:  # github keptsecret/ASLAlphabets
        tail = TailSplit(train_to=699, validation_from=710, validation_to=780, test_from=791)
        return BlockSplit(size=44, gap=4) if name == "blocks" else tail
    if highest < 100:
        raise ValueError(
            f"--split {name} needs pictures numbered in the order of a video, to 100 or more: give --split paper"
        )
    if name == "blocks":
        return BlockSplit(size=highest // 20, gap=highest // 200)
    return TailSplit(
        train_to=int(0.8 * highest),
        validation_from=int(0.81 * highest),
        validation_to=int(0.87 * highest),
        test_from=int(0.88 * highest),
    )


def with_pictures(config: PictureConfig, data: Path, choices: PictureChoices) -> PictureConfig:
    """Raises ValueError for a folder without pictures, an unknown protocol, and a size that the net cannot halve."""
    changes: dict[str, object] = {} if choices.size is None else {"size": choices.size}
    if choices.latent is not None:
        changes |= with_latent(config.tokenizer, choices.latent)
    tokenizer = checked(config.tokenizer, changes)
    if choices.timesteps is not None:
        tokenizer = with_timesteps(tokenizer, choices.timesteps)
    data_changes: dict[str, object] = {
        "path": str(data if is_generated(data) else data.resolve()),
        "per_class": choices.per_class,
    }
    if choices.zoom is not None:
        data_changes["zoom"] = choices.zoom
    files = [] if is_generated(data) else list_pictures(data)
    if files:
        data_changes["split"] = protocol(choices.split or "blocks", middle_number(files))
    elif choices.split or choices.per_class or choices.zoom:
        raise ValueError("--split, --per-class and --zoom are for a folder of pictures; name it with --data")
    config = config.model_copy(update={"data": checked(config.data, data_changes), "tokenizer": tokenizer})
    if config.training_size > tokenizer.size:
        check_zoom(config, files)
    return config


def check_zoom(config: PictureConfig, files: Sequence[PictureFile]) -> None:
    """Raises ValueError where pictures would be enlarged, by some of the folder's, or be larger than memory is for."""
    zoom, size, kept = config.data.zoom, config.tokenizer.size, config.training_size
    if kept > MOST_KEPT:
        raise ValueError(f"--zoom {zoom} keeps pictures of {kept} pixels; the most is {MOST_KEPT}")
    looked_at = [picture_size(files[i].path) for i in spaced(np.arange(len(files)), LOOKED_AT)]
    side = median(max(one.height, one.width) for one in looked_at)
    if kept > side:
        raise ValueError(f"--zoom {zoom} would enlarge pictures of {side:.0f} pixels to {kept}: give {side / size:g}")


def with_latent(config: PictureTokenizerConfig, latent: int) -> dict[str, object]:
    """So many numbers of a picture, or of each place; where there are codes, so many ids.

    Raises ValueError for none, and for more than anything could be trained with.
    """
    if not 1 <= latent <= MOST_LATENT:
        raise ValueError(f"--latent {latent}: give 1 to {MOST_LATENT:,}")
    if isinstance(config.bottleneck, ResidualVQConfig | FSQConfig):
        bottleneck = config.bottleneck.model_copy(update={"codebooks": latent})
        return {"bottleneck": bottleneck, "latent": bottleneck.dim}
    return {"latent": latent}


def middle_number(files: Sequence[PictureFile]) -> int:
    """Median over the classes of their highest number."""
    highest: dict[str, int] = {}
    for file in files:
        highest[file.label] = max(file.number, highest.get(file.label, 0))
    return sorted(highest.values())[len(highest) // 2]


def with_timesteps(config: PictureTokenizerConfig, steps: int) -> PictureTokenizerConfig:
    if not isinstance(config.decoder, LatentDiffusionDecoder):
        raise ValueError("--timesteps is for asl-image-ddpm; the other recipes have none")
    if steps < 2:
        raise ValueError(f"--timesteps {steps}: give 2 or more")
    return config.model_copy(update={"decoder": config.decoder.model_copy(update={"steps": steps})})
