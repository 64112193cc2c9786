"""What an evaluation of pictures may be asked for; `signtok evaluate` shows these as its options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

Path_ = Annotated[Path | None, arg(metavar="PATH")]


@dataclass(frozen=True)
class PictureChecks:
    """For tokenizers of pictures."""

    refine: int | None = None
    """steps that improve each latent by descent, as in encode; by default as the tokenizer is set"""
    codebooks: int | None = None
    """the first so many of residual VQ alone, as in decode; by default all"""
    steps: int | None = None
    """steps of a decoder that samples, as in decode; by default as it was trained"""
    size: int | None = None
    """height and width of the pictures, which then keep that resolution and have as many tokens as it takes; by default
    what the tokenizer was trained on. For those with a grid"""
    limit: int = 2500
    """pictures that are looked at, at most, evenly spaced"""
    pixels_only: bool = False
    """MSE, PSNR and SSIM alone, without the networks: a fraction of the time"""
    inception: Path_ = None
    """weights of InceptionV3 (.safetensors), for FID and KID"""
    clip: Path_ = None
    """weights of a CLIP vision model (.safetensors), for CMMD"""
    landmarks: Path_ = None
    """hands in those pictures (.npz with hand, label, frame), for errors in the region of the hand"""
