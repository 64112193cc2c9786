"""The 59 characters of the Kaggle fingerspelling competition, and the three ids beyond them (paper 002)."""

from collections.abc import Sequence

CHARACTERS = " !#$%&'()*+,-./0123456789:;=?@[_abcdefghijklmnopqrstuvwxyz~"
BLANK, START, END = 59, 60, 61
VOCABULARY = 63
_INDEX = {character: index for index, character in enumerate(CHARACTERS)}


def encode_text(text: str) -> list[int]:
    """Character ids, lower-cased. Raises ValueError that names the first unknown character."""
    ids = []
    for character in text.lower():
        if character not in _INDEX:
            raise ValueError(f"unknown character {character!r} in {text!r}; the known ones are: {CHARACTERS}")
        ids.append(_INDEX[character])
    return ids


def decode_text(ids: Sequence[int]) -> str:
    """The text of character ids; blank, start and end stand for nothing."""
    return "".join(CHARACTERS[i] for i in ids if 0 <= i < len(CHARACTERS))
