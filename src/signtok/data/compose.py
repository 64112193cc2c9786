"""Phrases composed from takes of single letters: runs of real frames, joined as a hand moves. Never call them real.

Everything here is in palm sizes, the hand's middle near 0; `place` puts a phrase into a picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float

from signtok.config import ComposeConfig
from signtok.data.recording import HAND_POINTS, LANDMARKS, Recording
from signtok.data.takes import MOVING, Bank, Signer, Take

Hand = Float[np.ndarray, "t 21 2"]


@dataclass(frozen=True, eq=False)
class Phrase:
    """A spelled phrase: hand (T, 21, 2) in palm sizes, right hand, y down; whose letters these are, and from where."""

    text: str
    hand: Hand
    signer: str
    source: str


@cache
def words() -> tuple[str, ...]:
    """Common English words and names."""
    return tuple(files("signtok.data").joinpath("words.txt").read_text().split())


def resample(hand: Hand, frames: int) -> Float[np.ndarray, "frames 21 2"]:
    """The same movement in another number of frames, by linear interpolation."""
    at = np.linspace(0, len(hand) - 1, frames)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(hand) - 1)
    part = (at - low).astype(np.float32)[:, None, None]
    return hand[low] * (1 - part) + hand[high] * part


def run_of(take: Take, frames: int, rng: np.random.Generator) -> Hand:
    """`frames` frames of a take: a run of it, to and fro where it is too short; all of it where the letter moves."""
    hand = take.hand
    if take.text in MOVING and len(hand) >= 12:
        return resample(hand, max(2 * frames, 10))
    if frames <= len(hand):
        start = rng.integers(len(hand) - frames + 1)
        return hand[start : start + frames]
    there_and_back = np.concatenate([hand, hand[-2:0:-1]]) if len(hand) > 2 else hand
    return there_and_back[(rng.integers(len(there_and_back)) + np.arange(frames)) % len(there_and_back)]


def minimum_jerk(frames: int) -> Float[np.ndarray, " t"]:
    """Positions between 0 and 1 of `frames` frames strictly between rest and rest (Flash and Hogan 1985)."""
    return rest_to_rest(np.arange(1, frames + 1) / (frames + 1)).astype(np.float32)


def rest_to_rest(t: np.ndarray) -> np.ndarray:
    """The share of the way that is done at share t in [0, 1] of the time, with minimum jerk."""
    return 10 * t**3 - 15 * t**4 + 6 * t**5


def join(before: Float[np.ndarray, "21 2"], after: Float[np.ndarray, "21 2"], frames: int, bounce: float = 0.0) -> Hand:
    """The movement from one handshape to the next; a bounce lifts the hand by so many palm sizes on the way."""
    s = minimum_jerk(frames)[:, None, None]
    path = before + s * (after - before)
    path[..., 1] -= bounce * 4 * (s * (1 - s))[..., 0]
    return path


def _lean(config: tuple[int, int], tempo: float, rng: np.random.Generator) -> int:
    """A number of frames in the range of `config`, longer for slow signers (tempo near 1)."""
    low, high = config
    centre = low + tempo * (high - low)
    return int(np.clip(round(centre * np.exp(0.35 * rng.standard_normal())), low, 2 * high))


def spell(
    text: str, signer: Signer, config: ComposeConfig, rng: np.random.Generator, max_frames: int | None = None
) -> Phrase:
    """One phrase by one signer. Letters beyond `max_frames` are left out, of the text too.

    Doubled letters slide sideways or bounce; between letters the hand wanders a little and now and then it waits.
    Raises ValueError for a character that the signer has no take of.
    """
    missing = sorted(set(text) - signer.letters.keys())
    if missing:
        who = "".join(f" {name}" for name in (signer.source, signer.name) if name)
        raise ValueError(
            f"no take of {''.join(missing)!r}{who and ' by' + who}; write with {''.join(sorted(signer.letters))!r}"
        )
    tempo = rng.uniform() ** 1.5
    parts: list[Hand] = []
    place = np.zeros(2, np.float32)
    spelled = 0
    for index, character in enumerate(text):
        takes = signer.letters[character]
        frames = _lean(config.hold_frames, tempo, rng)
        if rng.uniform() < config.hesitate:
            frames += int(rng.integers(5, 15))
        doubled = index > 0 and character == text[index - 1]
        bounce = 0.0
        if doubled and rng.uniform() < 0.5:
            bounce = rng.uniform(0.4, 1.0)
        elif doubled:
            place = place + np.array([rng.uniform(0.6, 1.6), 0], np.float32)
        else:
            place = 0.9 * place + rng.normal(0, 0.12, 2).astype(np.float32)
        letter = run_of(takes[rng.integers(len(takes))], frames, rng)
        letter = letter - letter[0].mean(0) * 0.7 + place
        link = _lean(config.join_frames, tempo, rng) + (2 if doubled else 0)
        if max_frames is not None and parts and sum(map(len, parts)) + link + len(letter) > max_frames:
            break
        if parts:
            parts.append(join(parts[-1][-1], letter[0], link, bounce))
        parts.append(letter)
        spelled = index + 1
    return Phrase(text[:spelled], np.concatenate(parts)[:max_frames], signer.name, f"composed from {signer.source}")


def random_text(signer: Signer, letters: int, config: ComposeConfig, rng: np.random.Generator) -> str:
    """Words, numbers, or letters at random so that none is rare, all of what this signer can spell."""
    alphabet = pick_alphabet(signer, config, rng)
    space = " " if " " in signer.letters else ""
    if rng.uniform() < config.words and (known := spellable(alphabet)):
        text = ""
        while len(text) < letters:
            text += (space if text else "") + known[rng.integers(len(known))]
        return text
    picked = random_letters(alphabet, letters, config.double, rng)
    if space:
        picked = [" " if 0 < i < letters - 1 and rng.uniform() < config.space else c for i, c in enumerate(picked)]
    return "".join(picked)


def pick_alphabet(signer: Signer, config: ComposeConfig, rng: np.random.Generator) -> str:
    """Letters or digits, without the space."""
    return letters_or_digits("".join(sorted(signer.letters.keys() - {" "})), config.digits, rng)


def letters_or_digits(characters: str, digits_share: float, rng: np.random.Generator) -> str:
    """Never mixed: 0 and o, 2 and v, 6 and w are one handshape each, told apart by context alone."""
    digits = "".join(c for c in characters if c.isdigit())
    others = "".join(c for c in characters if not c.isdigit())
    return digits if digits and (not others.strip() or rng.uniform() < digits_share) else others


def random_letters(alphabet: str, count: int, double: float, rng: np.random.Generator) -> list[str]:
    """Each as likely as any other, or with chance `double` the one before it again."""
    picked = [alphabet[i] for i in rng.integers(len(alphabet), size=count)]
    for i in range(1, count):
        if rng.uniform() < double:
            picked[i] = picked[i - 1]
    return picked


@cache
def spellable(alphabet: str) -> tuple[str, ...]:
    """The common words that need no other letters."""
    return tuple(word for word in words() if set(word) <= set(alphabet))


def pick_signer(bank: Bank, rng: np.random.Generator) -> Signer:
    """A source at random, then one of its signers, those with more letters more often."""
    source = bank.sources[rng.integers(len(bank.sources))]
    signers = [signer for signer in bank.signers if signer.source == source]
    weight = np.array([len(signer.letters) for signer in signers], float)
    return signers[rng.choice(len(signers), p=weight / weight.sum())]


def compose(bank: Bank, config: ComposeConfig, rng: np.random.Generator, max_frames: int | None = None) -> Phrase:
    """A phrase of a random text by a random signer."""
    signer = pick_signer(bank, rng)
    letters = int(rng.integers(config.letters[0], config.letters[1] + 1))
    return spell(random_text(signer, letters, config, rng), signer, config, rng, max_frames)


def place(phrase: Phrase, name: str = "", palm: float = 0.07, left_handed: bool = False) -> Recording:
    """In a picture of its own, around its middle: palms of `palm` picture sizes, the right or the left hand signing."""
    landmarks = np.full((len(phrase.hand), LANDMARKS, 2), np.nan, np.float32)
    at = phrase.hand * palm + 0.5
    if left_handed:
        landmarks[:, :HAND_POINTS] = np.stack([1 - at[..., 0], at[..., 1]], -1)
    else:
        landmarks[:, HAND_POINTS:] = at
    return Recording(
        landmarks=landmarks,
        frame_numbers=np.arange(len(landmarks)),
        name=name,
        text=phrase.text,
        signer=phrase.signer,
        source=phrase.source,
    )


def compose_phrases(
    bank: Bank, count: int, seed: int, config: ComposeConfig, finish: Callable[[Phrase, str], Recording] = place
) -> Sequence[Recording]:
    """`count` composed recordings; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    return [finish(compose(bank, config, rng), f"composed-{index:05d}") for index in range(count)]
