"""The demo of pictures: rendered hands that spell, through every packaged tokenizer of pictures and back."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from signtok.atomic import atomic_path
from signtok.data.rendered import rendered_pictures
from signtok.draw import INK, PAPER
from signtok.evaluation.run_pictures import UNSEEN_SEED
from signtok.hub import PictureTokenizer, load
from signtok.hub.find import packaged

SHOWN = 8
SCALE, GAP, MARGIN = 2, 4, 150
Rows = Sequence[tuple[str, Sequence[UInt8[np.ndarray, "s s 3"]]]]


def show_pictures(word: str, out: Path) -> None:
    """Writes OUT, rows of the same pictures, and prints what each tokenizer keeps of them."""
    tokenizers = [tok for tok in map(load, packaged()) if isinstance(tok, PictureTokenizer)]
    size = max(tok.size for tok in tokenizers)
    before = spelling_hands(word, size)
    rows = [("rendered", before)]
    print()
    for tok in tokenizers:
        after = tok.detokenize(tok.tokenize(before))
        error = np.square((np.stack(before).astype(np.float64) - after) / 255).mean()
        fewer = 3 * tok.size**2 / tok.width
        rows.append((f"{tok.name}\n{tok.width} {tok.unit}\n{fewer:.0f} times fewer", after))
        print(f"{tok.name:<12} {tok.width} {tok.unit} for {3 * tok.size**2:,}, mean squared error {error:.4f}")
    with atomic_path(out) as temporary:
        draw_rows(rows).save(temporary)


def spelling_hands(word: str, size: int) -> list[UInt8[np.ndarray, "s s 3"]]:
    """A picture of each letter of the word, once; of some letters where it has none that can be drawn."""
    made = rendered_pictures(29, size, UNSEEN_SEED)
    shown = {made.classes[label]: picture for label, picture in zip(made.labels, made.pixels, strict=True)}
    letters = [letter for letter in dict.fromkeys(word.upper()) if letter in shown] or [*shown]
    return [shown[letter] for letter in letters[:SHOWN]]


def draw_rows(rows: Rows) -> Image.Image:
    """Each row under its words at the left."""
    side = SCALE * len(rows[0][1][0])
    width, height = MARGIN + len(rows[0][1]) * (side + GAP), len(rows) * (side + GAP) + GAP
    image = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(image)
    for row, (words, pictures) in enumerate(rows):
        top = GAP + row * (side + GAP)
        pen.multiline_text((GAP * 2, top + GAP), words, fill=INK, spacing=6)
        for column, picture in enumerate(pictures):
            large = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
            image.paste(large, (MARGIN + column * (side + GAP), top))
    return image
