"""Edit-distance metrics, worked by hand."""

import pytest

from signtok.evaluation.score import Ratio
from signtok.evaluation.text import character_error_rate, recognition


def test_worked_by_hand():
    texts, reads = ["hello", "ab", "kitten"], ["helo", "abcde", "sitting"]
    assert character_error_rate(texts, reads) == [Ratio(1.0, 5.0), Ratio(3.0, 2.0), Ratio(3.0, 6.0)]
    assert recognition(texts, reads) == [Ratio(4.0, 5.0), Ratio(-1.0, 2.0), Ratio(3.0, 6.0)]


def test_empty_text_weighs_nothing():
    assert recognition([""], ["a"]) == [Ratio(-1.0, 0.0)]


def test_numbers_must_match():
    with pytest.raises(ValueError, match="2 texts but 1 reads"):
        recognition(["a", "b"], ["a"])
