"""Codebook health and bit rate, worked by hand."""

import numpy as np
import pytest

from signtok.evaluation.codes import CodeCounts


def test_worked_by_hand():
    counts = CodeCounts(codebooks=2, codes=8)
    counts.add(np.array([[0, 5], [1, 5]]))
    counts.add(np.array([[2, 5], [3, 5]]))
    health = counts.health()
    np.testing.assert_allclose(health.perplexity, [4, 1])
    np.testing.assert_allclose(health.entropy, [2, 0])
    np.testing.assert_allclose(health.used, [0.5, 0.125])
    np.testing.assert_array_equal(health.dead, [4, 7])
    assert health.frames == 4
    rate = counts.bit_rate(30.0)
    assert (rate.bits_per_frame, rate.bits_per_second) == (6.0, 180.0)
    assert (rate.entropy_bits_per_frame, rate.entropy_bits_per_second) == (2.0, 60.0)


def test_uneven_use():
    counts = CodeCounts(1, 2)
    counts.add(np.array([[0], [0], [0], [1]]))
    entropy = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    np.testing.assert_allclose(counts.health().perplexity, [2**entropy])


def test_faults():
    counts = CodeCounts(2, 8)
    with pytest.raises(ValueError, match="no frames counted"):
        counts.health()
    with pytest.raises(ValueError, match=r"expected shape \(T, 2\), got \(3, 1\)"):
        counts.add(np.zeros((3, 1), np.int64))
    for wrong in (-1, 8):
        with pytest.raises(ValueError, match=r"expected 0\.\.7"):
            counts.add(np.full((3, 2), wrong))
    counts.add(np.zeros((0, 2), np.int64))
    assert counts.frames == 0
