"""Curves and bars: every point stands where a ruler would put it."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from signtok.svg import (
    BAR_AREA,
    BOTTOM,
    COLOURS,
    LEFT,
    MOST_POINTS,
    MOST_TICKS,
    RIGHT,
    TOP,
    Bar,
    Curve,
    Scale,
    bar_charts,
    line_chart,
    series_class,
    tick_label,
)

LOW, HIGH = BOTTOM - 4, TOP + 4  # where the smallest and the largest value stand


def curve(y, x=None, **fields) -> Curve:
    x = np.arange(len(y)) if x is None else x
    return Curve(name="a", series=0, x=np.array(x, float), y=np.array(y, float), **fields)


def polylines(chart: str) -> list[np.ndarray]:
    """The points (n, 2) of each line; the chart is well-formed."""
    ElementTree.fromstring(chart)
    return [
        np.array([pair.split(",") for pair in points.split()], float)
        for points in re.findall(r'<polyline points="([^"]*)"', chart)
    ]


def test_points_by_hand():
    """x from 0 to 8 over the width, y from 1 to 3 over the height."""
    first, second = polylines(line_chart([curve([1, 2, 3], [0, 2, 4]), curve([2], [8])], "loss", "steps"))
    quarter = (RIGHT - LEFT) / 4
    expected = [[LEFT, LOW], [LEFT + quarter, (LOW + HIGH) / 2], [LEFT + 2 * quarter, HIGH]]
    np.testing.assert_allclose(first, expected, atol=0.051)
    np.testing.assert_allclose(second, [[RIGHT, (LOW + HIGH) / 2]], atol=0.051)


@pytest.mark.parametrize(
    ("y", "log"), [([1, 10, 100], True), ([1, 2, 20], False), ([1, 2, 20.1], True), ([0, 1, 100], False)]
)
def test_logarithm_beyond_twenty_times(y, log):
    (points,) = polylines(line_chart([curve(y)], "loss", "steps"))
    share = (np.log(y[1] / y[0]) / np.log(y[2] / y[0])) if log else (y[1] - y[0]) / (y[2] - y[0])
    np.testing.assert_allclose(points[:, 1], [LOW, LOW + share * (HIGH - LOW), HIGH], atol=0.051)


def test_what_is_not_finite_is_left_out():
    (points,) = polylines(line_chart([curve([1, np.nan, np.inf, 2]), curve([np.nan])], "loss", "steps"))
    assert len(points) == 2
    assert line_chart([curve([np.nan]), curve([])], "loss", "steps") == ""


@pytest.mark.parametrize("y", [[0.0, 0.0], [3.0], [-2.0, -2.0]])
def test_one_value_has_a_place(y):
    (points,) = polylines(line_chart([curve(y)], "loss", "steps"))
    np.testing.assert_allclose(points[:, 1], (LOW + HIGH) / 2, atol=0.051)


def test_long_series_are_thinned():
    y = np.random.default_rng(0).normal(5, 0.1, 10_000)
    thin = curve(y).thinned()
    assert len(thin.x) == MOST_POINTS
    assert (thin.x[0], thin.x[-1]) == (0, 9999)
    np.testing.assert_array_equal(thin.y, y[thin.x.astype(int)])  # values that were there, no means
    assert len(curve(y[:600]).thinned().x) == 600
    assert len(curve([1, 2]).thinned().x) == 2


def test_faint_curves_have_no_dots():
    """A single validation would not be seen as a line."""
    assert line_chart([curve([1])], "loss", "steps").count("<circle") == 1
    assert "<circle" not in line_chart([curve([1, 2], faint=True)], "loss", "steps")


def test_texts_are_no_markup():
    chart = line_chart([Curve("<b>&\"'", 0, np.zeros(1), np.ones(1))], '"><b>', "<i>")
    root = ElementTree.fromstring(chart)
    assert {node.tag for node in root.iter()} <= {"svg", "g", "title", "polyline", "circle", "line", "text"}
    assert root.get("aria-label") == '"><b> by <i>'
    assert root.find("g/title").text == "<b>&\"'"
    (bars,) = bar_charts([[Bar("<b>", 0, 1.0, 1.0, 1.0, "<i>")]])
    assert ElementTree.fromstring(bars).find("g/title").text == "<b>"


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(("low", "high"), [(1.0, 21.5), (0.0013, 0.081), (3e-7, 5e4), (90.0, 1.1e5), (1e-30, 1e30)])
def test_ticks_are_round_few_and_inside(low, high, log):
    scale = Scale(low, high, 0, 1, log)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= MOST_TICKS
    assert all(low <= tick <= high * (1 + 1e-12) for tick in ticks)
    if log:
        assert all(re.match(r"[125]0*\.?0*e", f"{tick:.3e}") for tick in ticks)
    else:
        assert np.allclose(np.diff(ticks), ticks[1] - ticks[0])
    assert [tick_label(tick) for tick in (0.30000000000000004, 20_000.0, -1500.0)] == ["0.3", "20,000", "-1,500"]


def test_series_are_told_apart():
    classes = [series_class(i) for i in range(3 * COLOURS)]
    assert len(set(classes)) == len(classes)
    assert classes[0] == "s0 d0"
    assert classes[COLOURS] == "s0 d1"


def rectangles(chart: str) -> list[tuple[float, float]]:
    """x and width."""
    return [(float(bar.get("x")), float(bar.get("width"))) for bar in ElementTree.fromstring(chart).iter("rect")]


def test_bars_share_one_scale():
    first, second = bar_charts(
        [[Bar("a", 0, 1.0, 0.5, 2.0, "1"), Bar("b", 1, 0.5, 0.5, 0.5, "0.5")], [Bar("a", 0, 4.0, 3.0, 8.0, "4")]]
    )
    unit = BAR_AREA / 8
    np.testing.assert_allclose(rectangles(first), [(0, unit), (0, unit / 2)], atol=0.06)
    np.testing.assert_allclose(rectangles(second), [(0, 4 * unit)], atol=0.06)
    interval = ElementTree.fromstring(second).find("g/line")
    np.testing.assert_allclose([float(interval.get(x)) for x in ("x1", "x2")], [3 * unit, 8 * unit], atol=0.06)


def test_bars_below_zero_go_to_the_left():
    (chart,) = bar_charts([[Bar("a", 0, -1.0, -2.0, 0.0, "-1"), Bar("b", 0, 2.0, 2.0, 2.0, "2")]])
    unit = BAR_AREA / 4
    np.testing.assert_allclose(rectangles(chart), [(unit, unit), (2 * unit, 2 * unit)], atol=0.06)
    (empty,) = bar_charts([[Bar("a", 0, 0.0, 0.0, 0.0, "0")]])
    assert rectangles(empty) == [(0, 0)]
