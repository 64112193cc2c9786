"""Token files: what tokenizers give out, bound to the tokenizer that made them (docs/formats.md)."""

from signtok.tokens.latents import LatentKind, LatentWriter, PictureLatent, read_latents
from signtok.tokens.sequences import TokenFileInfo, TokenSequence, TokenWriter, read_tokens, token_file_info

__all__ = [
    "LatentKind",
    "LatentWriter",
    "PictureLatent",
    "TokenFileInfo",
    "TokenSequence",
    "TokenWriter",
    "read_latents",
    "read_tokens",
    "token_file_info",
]
