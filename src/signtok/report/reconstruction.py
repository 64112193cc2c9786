"""One self-contained HTML page: movement before and after the tokenizer, side by side, with its tokens.

The page needs no network and no server: coordinates, style and script are inside (src/signtok/page).
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from signtok.atomic import write_text
from signtok.data.recording import HAND_POINTS, Recording
from signtok.draw import FINGERS, PALM, view_box

PER_UNIT = 10_000  # four digits of the picture's width


@dataclass(frozen=True, eq=False)
class PageItem:
    """One recording on the page.

    ids: (T, Q), the tokens between before and after. text: what was spelled, None where unknown; read: what was read
    from the tokens, None where nothing reads. facts: what else to show, such as {"bit rate": "1,200 bit/s"}, in order.
    """

    title: str
    before: Recording
    after: Recording
    ids: Int[np.ndarray, "t q"]
    text: str | None = None
    read: str | None = None
    facts: dict[str, str] = field(default_factory=dict)


def reconstruction_page(
    path: str | os.PathLike[str], items: Sequence[PageItem], heading: str = "Before and after", note: str = ""
) -> None:
    """Writes the page, atomically.

    Raises ValueError without items, or where before, after and ids are not of one length.
    """
    if not items:
        raise ValueError("reconstruction page: no items; give at least one PageItem")
    content = {
        "heading": heading,
        "note": note,
        "fingers": [joints for _, joints in FINGERS],
        "palm": PALM,
        "items": [_item(item) for item in items],
    }
    # "</script>" and "<!--" inside a text would end the block early; \u003c is the same character to JSON.
    data = json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    page = _part("html").replace("/*STYLE*/", _part("css")).replace("/*SCRIPT*/", _part("js"))
    write_text(path, page.replace("/*DATA*/", data))


def _part(suffix: str) -> str:
    return files("signtok").joinpath("page", f"reconstruction.{suffix}").read_text(encoding="utf-8")


def _item(item: PageItem) -> dict[str, Any]:
    lengths = [len(item.before), len(item.after), len(item.ids)]
    if len(set(lengths)) != 1 or 0 in lengths:
        raise ValueError(f"{item.title!r}: before, after and ids must have one length; got {lengths} frames")
    box = view_box(item.before.landmarks, item.after.landmarks)
    return {
        "title": item.title,
        "fps": item.before.frames_per_second,
        "camera": {"left": box.left, "top": box.top, "side": box.side, "hand": box.hand},
        "before": _hands(item.before.landmarks),
        "after": _hands(item.after.landmarks),
        "ids": item.ids.tolist(),
        "text": item.text,
        "read": item.read,
        "facts": list(item.facts.items()),
    }


def _hands(landmarks: Float[np.ndarray, "t 42 2"]) -> list[list[list[int | None] | None]]:
    """Per frame, per hand: 42 whole numbers x0 y0 x1 y1 ... in ten-thousandths, or None where not seen."""
    hands = landmarks.reshape(-1, 2, HAND_POINTS, 2)
    seen = np.broadcast_to(np.isfinite(hands).all(-1, keepdims=True), hands.shape)
    whole = np.rint(np.where(seen, hands, 0) * PER_UNIT).astype(int).astype(object)
    whole[~seen] = None
    rows = whole.reshape(-1, 2, 2 * HAND_POINTS)
    return [[hand.tolist() if any(v is not None for v in hand) else None for hand in frame] for frame in rows]
