"""The picture of docs/hand.md: each letter as a real signer holds it, as a generated one does, and rendered.

python -m signtok.recipes.letters --data FOLDER --out docs/letters.png
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from PIL import Image, ImageDraw, ImageFont

from signtok.atomic import atomic_path
from signtok.data.handshapes import packaged_handshapes
from signtok.data.recording import HAND_POINTS, LANDMARKS
from signtok.data.render import Scene, photograph, placed, still
from signtok.data.signers import draw_signer
from signtok.data.sources import find_sources, read_source
from signtok.draw import draw_hands

CELL, CAPTION, COLUMNS = 96, 20, 13


@dataclass(frozen=True)
class Page:
    """python -m signtok.recipes.letters --data FOLDER --out FILE.png"""

    data: Path
    """A folder with the source."""
    out: Path
    source: str = "letters_massey"
    seed: int = 7


def real_letters(folder: Path, source: str) -> dict[str, np.ndarray]:
    """A middle frame (42, 2) of each letter."""
    found: dict[str, np.ndarray] = {}
    for recording in read_source(find_sources(folder, [source])[source]):
        if recording.text and len(recording):
            found.setdefault(recording.text, recording.landmarks[len(recording) // 2])
    return found


def generated_letter(letter: str, rng: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    """Drawn and rendered, the same hand."""
    signer = draw_signer(packaged_handshapes(), rng)
    points, palm = placed(still(letter, signer, rng), signer, rng)
    landmarks = np.full((LANDMARKS, 2), np.nan, np.float32)
    landmarks[HAND_POINTS:] = points[:HAND_POINTS, :2].numpy()
    [picture] = photograph(Scene(points[None], torch.tensor([palm])), 2 * CELL, rng)
    return draw_hands(landmarks, CELL), Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.LANCZOS)


def main(page: Page) -> None:
    real = real_letters(page.data, page.source)
    letters = "abcdefghijklmnopqrstuvwxyz"
    height = CAPTION + 3 * CELL
    sheet = Image.new("RGB", (COLUMNS * CELL, height * (len(letters) // COLUMNS)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for place, letter in enumerate(letters):
        left, top = place % COLUMNS * CELL, place // COLUMNS * height
        pen.text((left + CELL / 2, top + CAPTION / 2), letter, fill="black", font=font, anchor="mm")
        pictures = [*generated_letter(letter, np.random.default_rng([page.seed, place]))]
        if letter in real:
            pictures.insert(0, draw_hands(real[letter], CELL))
        for row, picture in enumerate(pictures, 3 - len(pictures)):
            sheet.paste(picture, (left, top + CAPTION + row * CELL))
    with atomic_path(page.out) as temporary:
        sheet.save(temporary)


if __name__ == "__main__":
    main(tyro.cli(Page))
