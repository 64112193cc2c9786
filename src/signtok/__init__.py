"""Learned tokenizers for signing hands.

tok = signtok.load("fingerspelling")
ids = tok.tokenize([landmarks])       # (T, 42, 2) in [0, 1] -> [(T, 4)]
back = tok.detokenize(ids)            # -> [(T, 42, 2)]
text = tok.read([landmarks])          # -> ["hello"]
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signtok.data.batch import Batch
    from signtok.hub import LandmarkTokenizer, PictureTokenizer, Tokenizer, Tokens, load

__all__ = ["Batch", "LandmarkTokenizer", "PictureTokenizer", "Tokenizer", "Tokens", "load"]


def __getattr__(name: str) -> Any:
    """Import torch only when something that needs it is asked for: `signtok --help` answers at once."""
    if name in __all__[1:]:
        from signtok import hub

        return getattr(hub, name)
    if name == "Batch":
        from signtok.data.batch import Batch

        return Batch
    raise AttributeError(f"module 'signtok' has no attribute {name!r}")
