"""Scores side by side."""

import pytest

from signtok.evaluation.compare import compare, read_columns
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


def test_rows_are_chosen_and_put_in_order():
    scores = [one(name, 0.5, f"webcam|test|{name}") for name in ("recognition", "error", "jitter")]
    lines = compare({"first": scores}, ["error", "recognition", "unknown"]).splitlines()
    assert [line.split(" ")[1] for line in lines if line.startswith("| ")][1:] == ["error", "recognition"]


def test_seeds_are_averaged_with_the_interval_of_student():
    seeds = [one("error", value, "webcam|test|y") for value in (1.0, 2.0, 3.0)]
    # t(.975, 2) = 4.3027, of a deviation of 1 over the root of 3
    assert "| error ((N-D)/N) | 2 ± 2.5 (3 seeds) |" in compare({"first": seeds})


def test_a_source_shows_only_who_was_tried_on_it():
    text = compare({"a": [one("error", 1.0, "webcam|test|y")], "b": [one("error", 2.0, "photos|test|y")]})
    assert "| | a |" in text
    assert "| | b |" in text


def test_from_files(tmp_path):
    write_scores(tmp_path / "s.json", [one("recognition", 0.5, "webcam|test|x")])
    columns = read_columns([f"mine={tmp_path / 's.json'}", f"mine={tmp_path / 's.json'}"])
    assert [(name, len(scores)) for name, scores in columns.items()] == [("mine", 2)]
    with pytest.raises(ValueError, match="NAME=scores"):
        read_columns(["s.json"])
