"""From CTC log-probabilities to labels: greedy, and prefix beam search (Graves 2006; Hannun et al. 2014)."""

import numpy as np
from jaxtyping import Float

Prefix = tuple[int, ...]


def greedy(log_probs: Float[np.ndarray, "t v"], blank: int) -> list[int]:
    """The labels of the most probable alignment: the best label of each frame, repeats merged, blanks dropped."""
    best = log_probs.argmax(-1)
    starts = np.concatenate([[True], best[1:] != best[:-1]]) if len(best) else np.zeros(0, bool)
    return [int(label) for label in best[starts] if label != blank]


def prefix_beam(log_probs: Float[np.ndarray, "t v"], blank: int, width: int = 8) -> list[int]:
    """The most probable labelling, each one summed over its alignments; exact when `width` covers all prefixes.

    log_probs: natural logarithms, each frame sums to 1 (exp). Raises ValueError for a width below 1.
    """
    if width < 1:
        raise ValueError(f"width: expected at least 1 prefix, got {width}")
    prefixes: list[Prefix] = [()]
    ends_blank, ends_label = np.zeros(1), np.full(1, -np.inf)  # log probability by how the alignment ends
    for frame in np.asarray(log_probs, np.float64):
        prefixes, ends_blank, ends_label = _step(prefixes, ends_blank, ends_label, frame, blank, width)
    return list(prefixes[int(np.logaddexp(ends_blank, ends_label).argmax())])


def _step(
    prefixes: list[Prefix], ends_blank: np.ndarray, ends_label: np.ndarray, frame: np.ndarray, blank: int, width: int
) -> tuple[list[Prefix], np.ndarray, np.ndarray]:
    """One more frame: every prefix stays (a blank, or its last label held) or grows by a label; the best stay."""
    either = np.logaddexp(ends_blank, ends_label)  # (w,)
    stay_blank = either + frame[blank]  # (w,)
    stay_label = np.full(len(prefixes), -np.inf)
    grow = either[:, None] + frame  # (w, v)
    grow[:, blank] = -np.inf
    for row, prefix in enumerate(prefixes):
        if prefix:
            stay_label[row] = ends_label[row] + frame[prefix[-1]]
            # The same label again is a new one only after a blank; otherwise it is the old one held.
            grow[row, prefix[-1]] = ends_blank[row] + frame[prefix[-1]]
    _merge(prefixes, stay_label, grow)
    size = grow.size
    total = np.concatenate([grow.ravel(), np.logaddexp(stay_blank, stay_label)])
    best = np.argsort(-total, kind="stable")[:width]
    best = best[total[best] > -np.inf]
    kept = [_name(prefixes, int(index), grow.shape[1]) for index in best]
    stays = np.concatenate([np.full(size, -np.inf), stay_blank])[best]
    labels = np.concatenate([grow.ravel(), stay_label])[best]
    return kept, stays, labels


def _merge(prefixes: list[Prefix], stay_label: np.ndarray, grow: np.ndarray) -> None:
    """Where a prefix grows into another one of the beam, the two are one: in place."""
    row_of = {prefix: row for row, prefix in enumerate(prefixes)}
    for row, prefix in enumerate(prefixes):
        parent = row_of.get(prefix[:-1]) if prefix else None
        if parent is not None:
            stay_label[row] = np.logaddexp(stay_label[row], grow[parent, prefix[-1]])
            grow[parent, prefix[-1]] = -np.inf


def _name(prefixes: list[Prefix], index: int, labels: int) -> Prefix:
    """The prefix of a candidate: first all that grew, row by row, then all that stayed."""
    row, label = divmod(index, labels)
    return (*prefixes[row], label) if row < len(prefixes) else prefixes[index - len(prefixes) * labels]
