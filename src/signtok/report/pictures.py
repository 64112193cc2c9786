"""Test pictures through the tokenizers of several runs: the same ones side by side, and the worst of each."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from signtok.evaluation.evaluate_pictures import Reconstructed
from signtok.evaluation.run_pictures import unseen_pictures
from signtok.hub import PictureTokenizer
from signtok.report.runs import Run
from signtok.svg import swatch

MOST = 600
"""Test pictures of a run that are reconstructed, evenly spaced: a page is to be there soon."""
SHOWN, WORST = 12, 8
AMPLIFIED = 4
PNG_TO = 96
"""Larger pictures are put into the page as JPEG, so that it stays small."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Test pictures of `data` and what a run made of them."""

    run: Run
    data: Path
    names: tuple[str, ...]
    done: Reconstructed

    @property
    def errors(self) -> Float[np.ndarray, " n"]:
        """MSE of each, on [0, 1]."""
        return self.done.errors.numpy()

    def worst(self) -> Int[np.ndarray, " k"]:
        """Rows of the largest errors, the largest first."""
        return np.argsort(-self.errors, kind="stable")[:WORST]


def picture_folder(run: Run, data: Path | None) -> Path | None:
    """Where pictures for a run are: `data`, else what it was trained on if that is there. None for landmarks."""
    if not isinstance(run.tokenizer, PictureTokenizer):
        return None
    own = Path(run.tokenizer.settings.data.path)
    return data or (own if own.is_dir() else None)


def look(run: Run, data: Path) -> Seen:
    """The test part of a folder that the run was trained on, any other whole: at most 600 pictures, evenly spaced."""
    tokenizer = run.tokenizer
    assert isinstance(tokenizer, PictureTokenizer)
    tested = unseen_pictures(tokenizer, data, MOST)
    done = tested.reconstructed(tokenizer)
    return Seen(run, data, tuple(tested.pictures.names[row] for row in tested.rows), done)


def picture_section(seen: Sequence[Seen]) -> str:
    """Empty without any."""
    if not seen:
        return ""
    sheets: dict[tuple[Path, tuple[str, ...]], list[Seen]] = {}
    for one in seen:
        sheets.setdefault((one.data.resolve(), one.names), []).append(one)
    return (
        "<section><h2>Reconstructions</h2>"
        + "".join(_sheet(sheet) for sheet in sheets.values())
        + f'<p class="note">Test pictures, evenly chosen; below each its MSE on [0, 1]. At most {MOST} of a run are '
        "reconstructed for this page. Runs that were split otherwise have a sheet of their own.</p></section>"
        f"<section><h2>Worst cases</h2>{''.join(_worst(one) for one in seen)}"
        f'<p class="note">Original, reconstruction, and their difference, {AMPLIFIED} times as bright as it is. '
        f"The largest errors of the same {MOST} at most.</p></section>"
    )


def _sheet(sheet: Sequence[Seen]) -> str:
    """The same pictures in one column each: the original, as large as it is anywhere, then a row for each run."""
    largest = max(sheet, key=lambda one: one.done.before.shape[1])
    columns = np.linspace(0, len(largest.names) - 1, min(len(largest.names), SHOWN)).astype(int)
    rows = [_row("original", largest, largest.done.before, columns, [Path(name).name for name in largest.names])]
    for one in sheet:
        label = f"{swatch(one.run.series)} {escape(one.run.label)}"
        rows.append(_row(label, one, one.done.after, columns, [f"{error:.4f}" for error in one.errors]))
    caption = f"{largest.data.name}, {len(largest.names)} pictures"
    return (
        f'<h3>{escape(caption)}</h3><div class="wide"><table class="sheet"><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _row(
    head: str, seen: Seen, pixels: UInt8[np.ndarray, "n s s 3"], columns: Int[np.ndarray, " k"], below: Sequence[str]
) -> str:
    cells = "".join(f"<td>{_img(pixels[i], seen.names[i])}<small>{escape(below[i])}</small></td>" for i in columns)
    return f'<tr><th scope="row">{head}</th>{cells}</tr>'


def _worst(seen: Seen) -> str:
    figures = "".join(_case(seen, int(row)) for row in seen.worst())
    return f'<h3>{swatch(seen.run.series)} {escape(seen.run.label)}</h3><div class="cases">{figures}</div>'


def _case(seen: Seen, row: int) -> str:
    before, after, name = seen.done.before[row], seen.done.after[row], seen.names[row]
    pictures = {"original": before, "reconstruction": after, "difference": difference(before, after)}
    shown = "".join(_img(pixels, f"{name}, {what}") for what, pixels in pictures.items())
    return f"<figure>{shown}<figcaption>{escape(name)} <b>{seen.errors[row]:.4f}</b></figcaption></figure>"


def difference(before: UInt8[np.ndarray, "s s 3"], after: UInt8[np.ndarray, "s s 3"]) -> UInt8[np.ndarray, "s s 3"]:
    """|after - before|, amplified and clipped: black is the same."""
    return np.clip(AMPLIFIED * np.abs(after.astype(int) - before), 0, 255).astype(np.uint8)


def _img(pixels: UInt8[np.ndarray, "s s 3"], alt: str) -> str:
    file, size = io.BytesIO(), pixels.shape[1]
    kind = "png" if size <= PNG_TO else "jpeg"
    if kind == "png":
        Image.fromarray(pixels).save(file, "PNG", optimize=True)
    else:
        Image.fromarray(pixels).save(file, "JPEG", quality=92, subsampling=0)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return f'<img src="data:image/{kind};base64,{data}" alt="{escape(alt)}" width="{size}" height="{size}">'
