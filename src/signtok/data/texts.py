"""What generated signers spell: addresses, phone numbers, web addresses and names as in the Kaggle set, and words."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from signtok.config import ComposeConfig
from signtok.data.compose import letters_or_digits, random_letters, words

if TYPE_CHECKING:
    from faker import Faker


@cache
def _faker() -> "Faker":
    """Raises ValueError that says how to install it."""
    try:
        from faker import Faker
    except ModuleNotFoundError:
        raise ValueError("texts need Faker: pip install 'signtok[train]', or give one (--text)") from None
    return Faker("en_US")


def address(fake: "Faker", rng: np.random.Generator) -> str:
    """271097 bayshore boulevard"""
    return f"{rng.integers(1, 10 ** rng.integers(2, 7))} {fake.street_name()}"


def phone(fake: "Faker", rng: np.random.Generator) -> str:
    """818-534-0702, or longer ones of other countries."""
    groups = (3, 3, 4) if rng.uniform() < 0.6 else rng.integers(2, 5, rng.integers(3, 6))
    return "-".join("".join(map(str, rng.integers(0, 10, size))) for size in groups)


def web(fake: "Faker", rng: np.random.Generator) -> str:
    """fysiotherapiedewaard.nl/585685, malee1216/8-ball-pool, www.barbazan-debat.fr"""
    kind = rng.uniform()
    if kind < 0.3:
        return f"www.{fake.domain_name()}"
    if kind < 0.6:
        return f"{fake.domain_name()}/{fake.uri_path(1)}"
    if kind < 0.7:
        return f"{fake.user_name()}@{fake.free_email_domain()}"
    return f"{fake.user_name()}/{fake.slug().replace('-', '_' if rng.uniform() < 0.3 else '-')}"


def name(fake: "Faker", rng: np.random.Generator) -> str:
    """sherri mcdowell"""
    return f"{fake.first_name()} {fake.last_name()}"


def plain(fake: "Faker", rng: np.random.Generator) -> str:
    """Three to five common words."""
    return " ".join(words()[i] for i in rng.integers(len(words()), size=rng.integers(3, 6)))


KINDS = (address, phone, web, name, plain)
CHANCES = (0.22, 0.2, 0.33, 0.1, 0.15)
"""With these a text has 18 characters on average, as in the Kaggle set (paper 002)."""


def text_for(alphabet: str, rng: np.random.Generator) -> str:
    """A text of one of the kinds, in the characters of the alphabet only; at least one."""
    while True:
        fake = _faker()
        fake.seed_instance(int(rng.integers(2**32)))
        raw = KINDS[rng.choice(len(KINDS), p=CHANCES)](fake, rng).lower()
        kept = " ".join("".join(c for c in raw if c in alphabet).split())
        if kept:
            return kept


def letters_for(alphabet: str, count: int, config: ComposeConfig, rng: np.random.Generator) -> str:
    """Letters or digits at random, so that none is rare and none is told by its neighbours; never two spaces."""
    characters = "".join(c for c in alphabet if c.isalnum() or c == " ")
    chosen = letters_or_digits(characters, config.digits, rng)
    picked = random_letters(chosen, count, config.double, rng)
    return " ".join("".join(picked).split()) or chosen.strip()[0]
