"""Settings of the networks that flow decoders look with (paper 003, and smaller ones of ours)."""

from typing import Literal

from pydantic import Field, model_validator

from signtok.config.base import Settings
from signtok.config.nets import Multipliers


class UNetConfig(Settings):
    """The U-Net of ADM (Dhariwal and Nichol 2021). As it stands here: B of paper 003."""

    kind: Literal["unet"] = "unet"
    channels: int = Field(default=64, ge=8, multiple_of=8)
    multipliers: Multipliers = (1, 1, 2, 2, 4)
    """Of the channels, level by level; each level has half the height and width of the one before."""
    blocks: int = Field(default=2, ge=1)
    """Residual blocks of a level on the way down, and one more on the way up."""
    attention: tuple[int, ...] = (3,)
    """Levels with self-attention after every block, 0 the first; the middle always has it."""
    head: int = Field(default=32, ge=8)
    """Channels of an attention head; a width that it does not divide has one head."""
    patch: int = Field(default=1, ge=1)
    """Pixels of the squares that pictures are cut into before the first level: 2 trains more than twice as fast."""

    @model_validator(mode="after")
    def check_levels(self) -> "UNetConfig":
        if any(not 0 <= level < len(self.multipliers) for level in self.attention):
            raise ValueError(f"attention at levels {self.attention}: there are {len(self.multipliers)}, from 0")
        return self

    @property
    def stride(self) -> int:
        """Heights and widths have to be multiples of it."""
        return self.patch * 2 ** (len(self.multipliers) - 1)


class TransformerConfig(Settings):
    """A diffusion transformer (Peebles and Xie 2023), which paper 003 compares the U-Net with."""

    kind: Literal["transformer"] = "transformer"
    width: int = Field(default=192, ge=16, multiple_of=4)
    blocks: int = Field(default=6, ge=1)
    head: int = Field(default=32, ge=4)
    """Width of an attention head, which has to divide that of the whole."""
    patch: int = Field(default=8, ge=1)
    """Pixels of the squares that pictures are cut into."""

    @model_validator(mode="after")
    def check_heads(self) -> "TransformerConfig":
        if self.width % self.head:
            raise ValueError(f"heads of {self.head} in a width of {self.width}: it has to be a multiple")
        return self

    @property
    def stride(self) -> int:
        """Heights and widths have to be multiples of it."""
        return self.patch


UNET_B = UNetConfig()
UNET_M = UNetConfig(channels=96, attention=(3, 4))
UNET_L = UNetConfig(channels=128, attention=(2, 3, 4))
UNET_XL = UNetConfig(channels=128, attention=(2, 3, 4), blocks=4)
UNET_H = UNetConfig(channels=256, attention=(2, 3, 4))
