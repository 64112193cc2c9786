"""Scores: sums and counts, intervals, files, tables."""

import json
from dataclasses import replace

import numpy as np
import pytest

from signtok.evaluation.score import Ratio, Score, bootstrap, read_scores, score, table, write_scores

SCORE = Score("recognition", 0.9, 0.85, 0.95, 20, "share", "higher", "recognition|blocks", "abc", "ff")


def test_a_ratio_of_sums_is_no_mean_of_means():
    interval = bootstrap([1.0, 0.0], [1.0, 9.0])
    assert interval.value == 0.1  # the mean of 1/1 and 0/9 would be 0.5
    assert interval.n == 2
    assert (Ratio(1.0, 1.0) + Ratio(0.0, 9.0)).value == 0.1


def test_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(1).normal(3, 2, 400)
    interval = bootstrap(values)
    half = 1.96 * values.std() / np.sqrt(400)
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.04)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.04)
    assert bootstrap(values) == interval
    assert bootstrap(values, seed=1) != interval
    narrow = bootstrap(values, level=0.5)
    assert interval.low < narrow.low < narrow.high < interval.high


def test_nothing_to_measure():
    assert bootstrap([1.0, 5.0], [2.0, 0.0]).value == 0.5
    assert bootstrap([1.0, 5.0], [2.0, 0.0]).n == 1
    with pytest.raises(ValueError, match="nothing to measure"):
        bootstrap([], [])
    with pytest.raises(ValueError, match="2 numerators but 1 denominators"):
        bootstrap([1.0, 2.0], [1.0])
    assert np.isnan(Ratio(0.0, 0.0).value)


def test_score_of_ratios():
    one = score("cer", [Ratio(1.0, 4.0)] * 3, unit="%", direction="lower", signature="cer|x", scale=100.0)
    assert (one.value, one.low, one.high, one.n) == (25.0, 25.0, 25.0, 3)


def test_file_round_trip_and_faults(tmp_path):
    path = tmp_path / "scores.json"
    write_scores(path, [SCORE, replace(SCORE, name="ctc")])
    assert read_scores(path) == [SCORE, replace(SCORE, name="ctc")]
    with pytest.raises(ValueError, match="score 'recognition' is not finite"):
        write_scores(path, [replace(SCORE, value=float("nan"))])
    assert len(read_scores(path)) == 2
    assert list(tmp_path.iterdir()) == [path]
    for text in ("", "[]", '{"format": "signtok-scores", "version": "7", "scores": []}', path.read_text()[:90]):
        path.write_text(text)
        with pytest.raises(ValueError, match="not a scores file of version 1"):
            read_scores(path)
    with pytest.raises(ValueError, match="not a scores file"):
        read_scores(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": "0.9"}, "value '0.9'"),
        ({"low": None}, "low None"),
        ({"high": float("nan")}, "high nan"),
        ({"n": 1.5}, "n 1.5"),
        ({"direction": "up"}, "direction 'up'"),
        ({"name": ["a"]}, r"name \['a'\]"),
        ({"more": "x"}, "more"),
    ],
)
def test_a_score_of_wrong_types_is_one_line(tmp_path, change, message):
    path = tmp_path / "scores.json"
    write_scores(path, [SCORE])
    content = json.loads(path.read_text())
    entry = content["scores"][0]
    without = {key: value for key, value in entry.items() if key != "value"}
    for bad, said in (([{**entry, **change}], message), ([without], "value"), (["text"], "no object"), ("text", "")):
        path.write_text(json.dumps({**content, "scores": bad}))
        with pytest.raises(ValueError, match=f"not a scores file of version 1 .*{said}") as caught:
            read_scores(path)
        assert "\n" not in str(caught.value)


def test_table():
    assert table([SCORE], digits=2).splitlines()[2] == "| recognition ↑ | 0.90 | 0.85 to 0.95 | 20 | share |"
