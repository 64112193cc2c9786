"""What raters say: mean opinion scores, tests between systems, agreement, and whose ratings do not count.

Ratings of one system are a table of raters by items, NaN where a rater did not judge an item.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Literal

import numpy as np
from jaxtyping import Float

from signtok.evaluation.score import Interval

Table = Float[np.ndarray, "raters items"]

RESAMPLES = 2000
EXACT_UP_TO = 14
"""Items whose 2^n signs are all tried; with more, `FLIPS` random ones."""
FLIPS = 20_000

FAILED_CHECKS = 0.25
"""A rater may fail this share of the attention checks."""
REPEAT_DIFFERENCE = 1.0
"""Mean absolute difference between the two ratings of what was shown twice, in points of the scale."""
SECONDS = 1.0
"""Median time for a rating; nobody compares two pictures in less."""
FEWEST_REPEATS, FEWEST_RATINGS = 3, 10
"""With less than this nothing is said about consistency, or about variance and speed."""


def mean_opinion(table: Table) -> Interval:
    """The mean over all ratings; n is their number. The 95 % interval is a cluster bootstrap over raters and items.

    Each resample draws raters and items with replacement, and a rating counts as often as its rater times as often as
    its item (the pigeonhole bootstrap; Owen 2007, Annals of Applied Statistics 1(2)): it speaks of other raters and
    other items, and errs on the wide side. With one rater it speaks of that rater alone.
    Raises ValueError without any rating.
    """
    given = np.isfinite(table)
    if not given.any():
        raise ValueError("mean opinion: no ratings; collect at least one")
    rng = np.random.default_rng(0)
    raters, items = (rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(float) for n in table.shape)
    filled = np.where(given, table, 0.0)
    totals, counts = (((raters @ part) * items).sum(1) for part in (filled, given.astype(float)))
    means = totals[counts > 0] / counts[counts > 0]
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(filled.sum() / given.sum()), float(low), float(high), int(given.sum()))


@dataclass(frozen=True)
class Comparison:
    """first minus second, the mean over `items` items; p of the two-sided test, alone and after Holm."""

    first: str
    second: str
    difference: float
    items: int
    p: float
    p_holm: float


def compare_systems(tables: Mapping[str, Table]) -> list[Comparison]:
    """Sign-flip tests of all pairs of systems, whose tables share raters and items.

    The unit is the item: the mean, over the raters who judged both, of their differences. So the test speaks of other
    items judged by these raters. Pairs without an item in common are left out.
    """
    found = []
    for first, second in combinations(tables, 2):
        differences = item_means(tables[first] - tables[second])
        if len(differences):
            p = sign_flip_test(differences)
            found.append(Comparison(first, second, float(differences.mean()), len(differences), p, p))
    adjusted = holm([one.p for one in found])
    return [
        Comparison(one.first, one.second, one.difference, one.items, one.p, p)
        for one, p in zip(found, adjusted, strict=True)
    ]


def item_means(table: Table) -> Float[np.ndarray, " n"]:
    """The mean of each item over its raters; items without a rating are left out."""
    given = np.isfinite(table)
    judged = given.any(0)
    return np.where(given, table, 0.0).sum(0)[judged] / given.sum(0)[judged]


def sign_flip_test(differences: Float[np.ndarray, " n"]) -> float:
    """Two-sided p of a mean of 0, where each difference might as well have had the other sign (Fisher 1935).

    Exact for up to 14 differences. With more, over 20,000 random choices of signs and the given one, so that p is never
    below 1 / 20,001 (Phipson and Smyth 2010). Raises ValueError without any difference.
    """
    n = len(differences)
    if n == 0:
        raise ValueError("sign-flip test: no differences; give at least one item that both systems were rated on")
    if n <= EXACT_UP_TO:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))  # (2^n, n)
    else:
        signs = np.random.default_rng(0).choice([1.0, -1.0], (FLIPS + 1, n))
        signs[0] = 1
    sums = np.abs(signs @ differences)
    return float((sums >= sums[0] - 1e-9).mean())  # sums that differ by rounding are one


def holm(p: Sequence[float]) -> list[float]:
    """p values adjusted for there being several, step-down (Holm 1979): reject those that stay below the level."""
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p, float)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()


def krippendorff_alpha(table: Table, metric: Literal["nominal", "ordinal", "interval"] = "ordinal") -> float:
    """Agreement of raters, alpha = 1 - D_o / D_e: 1 is perfect, 0 is chance (Krippendorff 2011, "Computing
    Krippendorff's Alpha-Reliability").

    Columns are units, here all that was rated, of all systems. Units with fewer than two ratings are left out.
    NaN where nothing can be said: no unit was rated twice, or all ratings are the same.
    """
    given = np.isfinite(table)
    pairable = given.sum(0) >= 2
    values = np.unique(table[:, pairable][given[:, pairable]])
    if len(values) < 2:
        return float("nan")
    counts = (table[:, pairable, None] == values).sum(0).astype(float)  # (units, values)
    raters = counts.sum(1)
    weighted = counts / (raters - 1)[:, None]
    coincidences = weighted.T @ counts - np.diag(weighted.sum(0))  # o_ck
    n_c = coincidences.sum(1)
    delta = _squared_difference(values, n_c, metric)
    observed = (coincidences * delta).sum()
    expected = (np.outer(n_c, n_c) * delta).sum() / (n_c.sum() - 1)
    return float(1 - observed / expected)


def _squared_difference(
    values: Float[np.ndarray, " v"], n_c: Float[np.ndarray, " v"], metric: Literal["nominal", "ordinal", "interval"]
) -> Float[np.ndarray, "v v"]:
    """delta^2_ck. Ordinal: ratings from c to k, those at the ends by half, however far apart their numbers are."""
    if metric == "nominal":
        return 1.0 - np.eye(len(values))
    places = values if metric == "interval" else np.cumsum(n_c) - n_c / 2
    return (places[:, None] - places) ** 2


@dataclass(frozen=True)
class Conduct:
    """How one rater went about it. checks: passed or not. repeats: first and second rating of the same thing."""

    ratings: Sequence[int]
    seconds: Sequence[float]
    checks: Sequence[bool]
    repeats: Sequence[tuple[int, int]]


def reasons_to_exclude(conduct: Conduct) -> list[str]:
    """Why a rater's ratings do not count, in words; empty where they do. The limits are the constants above.

    Failed attention checks, repeats rated otherwise, the same rating for everything, ratings given too fast.
    """
    reasons = []
    failed = sum(not passed for passed in conduct.checks)
    if failed > FAILED_CHECKS * len(conduct.checks):
        reasons.append(f"failed {failed} of {len(conduct.checks)} attention checks")
    if len(conduct.repeats) >= FEWEST_REPEATS:
        difference = float(np.mean([abs(first - second) for first, second in conduct.repeats]))
        if difference > REPEAT_DIFFERENCE:
            reasons.append(f"rated repeats {difference:.1f} apart on average (limit {REPEAT_DIFFERENCE:g})")
    if len(conduct.ratings) >= FEWEST_RATINGS:
        if len(set(conduct.ratings)) == 1:
            reasons.append(f"rated all {len(conduct.ratings)} the same")
        median = float(np.median(conduct.seconds))
        if median < SECONDS:
            reasons.append(f"took {median:.1f} s for a rating at the median (limit {SECONDS:g} s)")
    return reasons
