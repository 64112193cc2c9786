"""Scores side by side."""

import pytest

from signtok.evaluation.compare import compare, main
from signtok.evaluation.score import Score, write_scores


def one(name: str, value: float, signature: str) -> Score:
    return Score(name, value, value - 0.1, value + 0.1, 5, "(N-D)/N", "higher", signature, commit="abc")


def test_rows_are_scores_and_columns_tokenizers():
    a = [one("recognition", 0.5, "webcam|test|x"), one("error", 0.25, "webcam|test|y")]
    b = [one("recognition", 0.75, "webcam|test|x"), one("recognition", 0.125, "photos|test|x")]
    text = compare({"first": a, "second": b})
    assert "### webcam test" in text
    assert "### photos test" in text
    assert "| recognition ((N-D)/N) | 0.5 [0.4, 0.6] | 0.75 [0.65, 0.85] |" in text
    assert "| error ((N-D)/N) | 0.25 [0.15, 0.35] |  |" in text
    assert "commit abc" in text


def test_from_files(tmp_path):
    write_scores(tmp_path / "s.json", [one("recognition", 0.5, "webcam|test|x")])
    assert "| | mine |" in main([f"mine={tmp_path / 's.json'}"])
    with pytest.raises(ValueError, match="NAME=scores"):
        main(["s.json"])
