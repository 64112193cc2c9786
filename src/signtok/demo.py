"""The demo: real recordings of letters, spelled into a word, through the packaged tokenizer and back."""

import importlib.util
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from signtok.config import ComposeConfig
from signtok.convert import check_output, through_tokens
from signtok.data.compose import place, spell, spellable
from signtok.data.landmarks import open_recordings
from signtok.data.recording import Recording
from signtok.data.takes import make_bank
from signtok.draw import draw_strip
from signtok.evaluation.text import recognition
from signtok.film import write_gif
from signtok.hub import Tokenizer, load
from signtok.report import reconstruction_page

SAMPLE = "spoken_to_signed"
WORDS = 50
SPEED = ComposeConfig(hold_frames=(5, 9), join_frames=(3, 5), hesitate=0.0)


def sample_letters() -> Path:
    """The 26 letters of American Sign Language that the package spoken-to-signed carries.

    Raises ValueError that says how to install it.
    """
    found = importlib.util.find_spec(SAMPLE)
    folders = (
        [Path(place) / "assets" / "fingerspelling_lexicon" / "ase" for place in found.submodule_search_locations or ()]
        if found
        else []
    )
    for folder in folders:
        if folder.is_dir():
            return folder
    raise ValueError(
        "no recordings: name some, or run pip install --no-deps spoken-to-signed==0.4.0 for 26 real letters"
    )


def run_demo(poses: Path | None, out: Path, word: str, name: str) -> None:
    """Prints tokens, bit rate and what was read; writes OUT/index.html, OUT/word.gif and OUT/word.png."""
    check_output(out / "index.html", (".html",))
    started = time.monotonic()
    tokenizer = load(name)
    letters = [
        replace(recording, name=f"letter {recording.text}" if recording.text else recording.name)
        for recording in open_recordings(poses or sample_letters())
        if len(recording)
    ]
    print(f"tokenizer {tokenizer.name} ({tokenizer.fingerprint}), {len(letters)} recordings of letters\n")
    phrase = spelled(letters, word.lower())
    items = [
        through_tokens(tokenizer, recording) for recording in [phrase, *sorted(letters, key=lambda r: r.text or "~")]
    ]
    show_tokens(items[0].ids)
    print(f"spelled      {phrase.text}")
    print(f"read back    {items[0].read}")
    for fact, value in items[0].facts.items():
        print(f"{fact:<12} {value}")
    print(f"letters      {letter_accuracy(tokenizer, letters):.0%} of the recordings are read as their letter alone")
    words = spellable("".join(sorted({recording.text or "" for recording in letters})))
    if words:
        share = word_recognition(tokenizer, letters, words)
        print(f"words        {share:.2f} recognition (N-D)/N over {WORDS} words composed from them")
    reconstruction_page(
        out / "index.html",
        items,
        heading="Before and after",
        note=f"Real recordings of fingerspelled letters through the tokens of {tokenizer.name} and back. "
        f"The word is composed from them.",
    )
    draw_strip([items[0].before.landmarks, items[0].after.landmarks], ["before", "after"]).save(out / "word.png")
    write_gif(out / "word.gif", [items[0].before, items[0].after], ["before", "after"])
    print(f"\n{time.monotonic() - started:.0f} s; look at {out / 'index.html'}")


def spelled(letters: list[Recording], word: str, seed: int = 0) -> Recording:
    """A word composed from recordings of its letters."""
    phrase = spell(word, make_bank(letters).signers[0], SPEED, np.random.default_rng(seed))
    return place(phrase, name=f"{word} (composed from real letters)")


def show_tokens(ids: np.ndarray, rows: int = 8) -> None:
    print(f"tokens       {ids.shape[0]} frames x {ids.shape[1]} codebooks; the first {min(rows, len(ids))} frames:")
    for row in ids[:rows]:
        print("             " + " ".join(f"{code:5d}" for code in row))
    print()


def letter_accuracy(tokenizer: Tokenizer, letters: list[Recording]) -> float:
    """Share of single-letter recordings that are read as that letter and nothing else."""
    reads = tokenizer.read([recording.landmarks for recording in letters])
    return float(np.mean([read.strip() == recording.text for read, recording in zip(reads, letters, strict=True)]))


def word_recognition(tokenizer: Tokenizer, letters: list[Recording], words: Sequence[str]) -> float:
    """Recognition over some of `words`, composed from the recordings."""
    chosen = [words[i] for i in np.random.default_rng(1).integers(len(words), size=WORDS)]
    phrases = [spelled(letters, word, seed) for seed, word in enumerate(chosen)]
    ratios = recognition(chosen, tokenizer.read([phrase.landmarks for phrase in phrases]))
    return sum(ratio.numerator for ratio in ratios) / sum(ratio.denominator for ratio in ratios)
