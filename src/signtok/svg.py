"""Curves and bars as SVG to be put into a page, whose style sheet gives the classes used here their colours."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 466, 12, 256
MOST_POINTS = 600
LOG_FROM = 20.0
"""A logarithmic scale where the largest value is more than so many times the smallest."""
MOST_TICKS = 7
MOST_DOTS = 60
BAR_AREA, BAR_WIDTH, BAR_STEP = 178, 240, 14
COLOURS = 6


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` as pixels from `start` to `end`, evenly or by their logarithm."""

    low: float
    high: float
    start: int
    end: int
    log: bool = False

    def at(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        low, high = self.low, self.high
        if self.log:
            low, high, values = math.log10(low), math.log10(high), np.log10(values)
        return self.start + (values - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values in between, at most about seven."""
        if not self.log:
            step = _round_up((self.high - self.low) / 5)
            return [i * step for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        decades = [10.0**i for i in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)]
        fine = self._inside([factor * decade for decade in decades for factor in (1, 2, 5)])
        coarse = self._inside(decades)
        return fine if len(fine) <= MOST_TICKS else coarse[:: math.ceil(len(coarse) / MOST_TICKS)]

    def _inside(self, values: Sequence[float]) -> list[float]:
        return [value for value in values if self.low <= value <= self.high]


def _round_up(step: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step)


@dataclass(frozen=True, eq=False)
class Curve:
    """One line. series: which colour, from 0; faint: thin, without dots; y: NaN where there is nothing."""

    name: str
    series: int
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    faint: bool = False

    def thinned(self) -> "Curve":
        """Without what is not finite; of more than 600 points, 600 evenly chosen ones, the ends among them."""
        kept = np.flatnonzero(np.isfinite(self.x) & np.isfinite(self.y))
        kept = kept[np.linspace(0, len(kept) - 1, min(len(kept), MOST_POINTS)).round().astype(int)]
        return Curve(self.name, self.series, self.x[kept], self.y[kept], self.faint)


def series_class(series: int) -> str:
    """Six colours, `s0` to `s5`; then the same ones dashed (`d1`) and dotted (`d2`)."""
    return f"s{series % COLOURS} d{series // COLOURS % 3}"


def swatch(series: int) -> str:
    """A short line for a legend."""
    return (
        f'<svg class="swatch {series_class(series)}" viewBox="0 0 26 10" width="26" height="10" aria-hidden="true">'
        '<line x1="1" y1="5" x2="25" y2="5"/></svg>'
    )


def line_chart(curves: Sequence[Curve], title: str, x_title: str) -> str:
    """All curves over one x axis that begins at 0; the y axis is logarithmic where values span more than 20 times.

    title: what the y axis shows. Empty without a single finite point.
    """
    drawn = [thin for curve in curves if len((thin := curve.thinned()).x)]
    if not drawn:
        return ""
    y = _value_scale(np.concatenate([curve.y for curve in drawn]))
    x = Scale(0.0, max(float(curve.x.max()) for curve in drawn) or 1.0, LEFT, RIGHT)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(f"{title} by {x_title}")}">',
        *_y_axis(y),
        *_x_axis(x, x_title),
        *(_curve(curve, x, y) for curve in drawn),
        "</svg>",
    ]
    return "".join(parts)


def _value_scale(values: Float[np.ndarray, " n"]) -> Scale:
    low, high = float(values.min()), float(values.max())
    log = low > 0 and high > LOG_FROM * low
    if low == high:
        low, high = low - (abs(low) or 1.0) / 10, high + (abs(high) or 1.0) / 10
    return Scale(low, high, BOTTOM - 4, TOP + 4, log)


def _y_axis(scale: Scale) -> list[str]:
    ticks = scale.ticks()
    return [
        f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick_label(tick)}</text>'
        for tick, y in zip(ticks, scale.at(np.array(ticks, float)), strict=True)
    ]


def _x_axis(scale: Scale, title: str) -> list[str]:
    ticks = scale.ticks()
    places = scale.at(np.array(ticks, float))
    return [
        f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>',
        *(
            f'<text x="{x:.1f}" y="{BOTTOM + 18}" text-anchor="middle">{tick_label(tick)}</text>'
            for tick, x in zip(ticks, places, strict=True)
        ),
        f'<text class="title" x="{(LEFT + RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(title)}</text>',
    ]


def _curve(curve: Curve, x: Scale, y: Scale) -> str:
    points = [f"{a:.1f},{b:.1f}" for a, b in zip(x.at(curve.x), y.at(curve.y), strict=True)]
    dots = [] if curve.faint or len(points) > MOST_DOTS else [point.split(",") for point in points]
    return (
        f'<g class="curve {series_class(curve.series)}{" faint" if curve.faint else ""}">'
        f'<title>{escape(curve.name)}</title><polyline points="{" ".join(points)}"/>'
        + "".join(f'<circle cx="{a}" cy="{b}" r="2.6"/>' for a, b in dots)
        + "</g>"
    )


def tick_label(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"


@dataclass(frozen=True)
class Bar:
    """One value with its interval. name: what a pointer reads; label: the value in words."""

    name: str
    series: int
    value: float
    low: float
    high: float
    label: str


def bar_charts(groups: Sequence[Sequence[Bar]]) -> list[str]:
    """A small chart for each group, bars from 0 to the right under each other, all groups on one scale."""
    bars = [bar for group in groups for bar in group]
    low, high = min([0.0, *(bar.low for bar in bars)]), max([0.0, *(bar.high for bar in bars)])
    scale = Scale(low, high if high > low else low + 1.0, 0, BAR_AREA)
    return [_bars(group, scale) for group in groups]


def _bars(group: Sequence[Bar], scale: Scale) -> str:
    drawn = "".join(_bar(bar, BAR_STEP * row, scale) for row, bar in enumerate(group))
    height = BAR_STEP * len(group)
    zero = float(scale.at(np.zeros(1))[0])
    axis = f'<line class="axis" x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{height}"/>'
    return f'<svg class="bars" viewBox="-1 0 {BAR_WIDTH + 1} {height}">{drawn}{axis}</svg>'


def _bar(bar: Bar, top: int, scale: Scale) -> str:
    zero, value, low, high = scale.at(np.array([0.0, bar.value, bar.low, bar.high]))
    middle = top + BAR_STEP / 2
    return (
        f'<g class="bar {series_class(bar.series)}"><title>{escape(bar.name)}</title>'
        f'<rect x="{min(zero, value):.1f}" y="{top + 2}" width="{abs(value - zero):.1f}" height="{BAR_STEP - 4}"/>'
        f'<line class="interval" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
        f'<text x="{BAR_WIDTH - 1}" y="{middle + 4}" text-anchor="end">{escape(bar.label)}</text></g>'
    )
