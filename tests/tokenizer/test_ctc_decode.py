"""CTC decoding against every alignment there is."""

from collections import defaultdict
from itertools import groupby, product

import numpy as np
import pytest

from signtok.tokenizer.ctc_decode import greedy, prefix_beam

BLANK = 2


def log_probs_of(probabilities):
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(probabilities, np.float64))


def labellings(log_probs, blank):
    """Probability of each labelling, by enumeration of its alignments."""
    totals = defaultdict(float)
    for path in product(range(log_probs.shape[1]), repeat=len(log_probs)):
        labels = tuple(label for label, _ in groupby(path) if label != blank)
        totals[labels] += float(np.exp(sum(log_probs[t, label] for t, label in enumerate(path))))
    return totals


@pytest.mark.parametrize("blank", [0, 2, 3])
@pytest.mark.parametrize("frames", [1, 2, 5, 6])
def test_a_wide_beam_finds_the_best_labelling(frames, blank):
    generator = np.random.default_rng(frames)
    for sharpness in (0.3, 1.0, 2.0):
        log_probs = np.log(generator.dirichlet(np.full(4, 1 / sharpness), frames))
        totals = labellings(log_probs, blank)
        best = max(totals, key=totals.__getitem__)
        assert tuple(prefix_beam(log_probs, blank, width=2000)) == best


def test_a_case_where_greedy_is_wrong():
    # Alignments: blank blank .36; a in any of three ways .16 + .24 + .24 = .64.
    log_probs = log_probs_of([[0.4, 0.0, 0.6], [0.4, 0.0, 0.6]])
    assert greedy(log_probs, BLANK) == []
    assert prefix_beam(log_probs, BLANK) == [0]


def test_repeats_need_a_blank_between():
    sure = np.full((5, 3), 1e-9)
    for frame, label in enumerate([0, 0, BLANK, 0, 1]):
        sure[frame, label] = 1.0
    assert greedy(log_probs_of(sure), BLANK) == prefix_beam(log_probs_of(sure), BLANK) == [0, 0, 1]
    held = sure[[0, 1, 3, 4]]
    assert greedy(log_probs_of(held), BLANK) == prefix_beam(log_probs_of(held), BLANK) == [0, 1]


def test_impossible_labels_and_no_frames():
    assert prefix_beam(log_probs_of([[1.0, 0.0, 0.0]] * 3), BLANK) == [0]
    for decode in (greedy, prefix_beam):
        assert decode(np.zeros((0, 3)), BLANK) == []
    with pytest.raises(ValueError, match="at least 1 prefix"):
        prefix_beam(np.zeros((1, 3)), BLANK, width=0)
