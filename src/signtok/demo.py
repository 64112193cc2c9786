"""The demo: recordings of letters, spelled into a word, through the packaged tokenizer and back."""

import importlib.util
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from signtok.config import ComposeConfig
from signtok.convert import check_output, through_tokens
from signtok.data.compose import place, spell, spellable
from signtok.data.generate import GENERATED, phrase_of
from signtok.data.handshapes import packaged_handshapes
from signtok.data.landmarks import open_recordings
from signtok.data.recording import Recording
from signtok.data.signers import draw_signer
from signtok.data.takes import make_bank
from signtok.demo_pictures import show_pictures
from signtok.draw import draw_strip
from signtok.evaluation.text import recognition
from signtok.film import write_gif
from signtok.hub import LandmarkTokenizer, load_landmark_tokenizer
from signtok.report import reconstruction_page

SAMPLE = "spoken_to_signed"
WORDS = 50
SPEED = ComposeConfig(hold_frames=(5, 9), join_frames=(3, 5), hesitate=0.0)


@dataclass(frozen=True, eq=False)
class Letters:
    """Recordings of single letters, and what to call them on the page."""

    recordings: list[Recording]
    kind: str


def find_letters(path: Path | None) -> Letters:
    """Those of a path; else the 26 real letters that the package spoken-to-signed carries; else generated ones."""
    path = path or sample_folder()
    if path is None:
        return Letters(generated_letters(), "generated")
    read = [recording for recording in open_recordings(path) if len(recording)]
    named = [replace(one, name=f"letter {one.text}" if one.text else one.name) for one in read]
    return Letters(named, "generated" if any(GENERATED in one.source for one in named) else "real")


def sample_folder() -> Path | None:
    """Where spoken-to-signed keeps its letters of American Sign Language, if it is installed."""
    found = importlib.util.find_spec(SAMPLE)
    for installed in (found.submodule_search_locations or ()) if found else ():
        folder = Path(installed) / "assets" / "fingerspelling_lexicon" / "ase"
        if folder.is_dir():
            return folder
    return None


def generated_letters(seed: int = 1) -> list[Recording]:
    """Each letter, held for a while by one generated signer."""
    rng = np.random.default_rng(seed)
    signer = draw_signer(packaged_handshapes(), rng, "generated")
    slow = replace(signer, frames_a_letter=30.0, held=0.8)
    phrases = [phrase_of(letter, slow, rng) for letter in "abcdefghijklmnopqrstuvwxyz"]
    return [place(phrase, f"letter {phrase.text} (generated)") for phrase in phrases]


def run_demo(poses: Path | None, out: Path, word: str, name: str) -> None:
    """Prints tokens, bit rate and what was read; writes OUT/index.html, OUT/word.gif, OUT/word.png
    and, of pictures, OUT/pictures.png."""
    check_output(out / "index.html", (".html",))
    started = time.monotonic()
    tokenizer = load_landmark_tokenizer(name)
    sample = find_letters(poses)
    letters = sample.recordings
    print(f"tokenizer {tokenizer.name} ({tokenizer.fingerprint}), {len(letters)} {sample.kind} letters\n")
    phrase = spelled(sample, word.lower())
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
        share = word_recognition(tokenizer, sample, words)
        print(f"words        {share:.2f} recognition (N-D)/N over {WORDS} words composed from them")
    reconstruction_page(
        out / "index.html",
        items,
        heading="Before and after",
        note=f"Fingerspelled letters ({sample.kind} ones) through the tokens of {tokenizer.name} and back. "
        f"The word is composed from them.",
    )
    draw_strip([items[0].before.landmarks, items[0].after.landmarks], ["before", "after"]).save(out / "word.png")
    write_gif(out / "word.gif", [items[0].before, items[0].after], ["before", "after"])
    show_pictures(word, out / "pictures.png")
    print(f"\n{time.monotonic() - started:.0f} s; look at {out / 'index.html'} and {out / 'pictures.png'}")


def spelled(letters: Letters, word: str, seed: int = 0) -> Recording:
    """A word composed from recordings of its letters."""
    phrase = spell(word, make_bank(letters.recordings).signers[0], SPEED, np.random.default_rng(seed))
    return place(phrase, name=f"{word} (composed from {letters.kind} letters)")


def show_tokens(ids: np.ndarray, rows: int = 8) -> None:
    print(f"tokens       {ids.shape[0]} frames x {ids.shape[1]} codebooks; the first {min(rows, len(ids))} frames:")
    for row in ids[:rows]:
        print("             " + " ".join(f"{code:5d}" for code in row))
    print()


def letter_accuracy(tokenizer: LandmarkTokenizer, letters: list[Recording]) -> float:
    """Share of single-letter recordings that are read as that letter and nothing else."""
    reads = tokenizer.read([recording.landmarks for recording in letters])
    return float(np.mean([read.strip() == recording.text for read, recording in zip(reads, letters, strict=True)]))


def word_recognition(tokenizer: LandmarkTokenizer, letters: Letters, words: Sequence[str]) -> float:
    """Recognition over some of `words`, composed from the recordings."""
    chosen = [words[i] for i in np.random.default_rng(1).integers(len(words), size=WORDS)]
    phrases = [spelled(letters, word, seed) for seed, word in enumerate(chosen)]
    ratios = recognition(chosen, tokenizer.read([phrase.landmarks for phrase in phrases]))
    return sum(ratio.numerator for ratio in ratios) / sum(ratio.denominator for ratio in ratios)
