"""What a source's own word for a sign spells, and how the number of a take travels in a recording's name."""

import re

from signtok.data.text import CHARACTERS

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def text_of_label(label: str) -> str | None:
    """The text that a label stands for: a character, "space" or a number zero..nine; None for any other word."""
    word = label.lower()
    if word == "space":
        return " "
    if word in NUMBERS:
        return str(NUMBERS.index(word))
    return word if len(word) == 1 and word in CHARACTERS else None


def take_name(label: str, take: int) -> str:
    """The name of one of several takes of a label, "A/take3"."""
    return f"{label}/take{take}"


def take_number(name: str) -> int:
    """The number in a name that `take_name` made. Raises ValueError for any other name."""
    match = re.search(r"/take(\d+)$", name)
    if match is None:
        raise ValueError(f"recording {name!r} has no take number; name it like {take_name('A', 3)!r}")
    return int(match.group(1))
