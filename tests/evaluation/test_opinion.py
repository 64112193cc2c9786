"""Against published examples, against theory where one draws raters and items oneself, and cases worked out by hand."""

from math import erf

import numpy as np
import pytest

from signtok.evaluation.opinion import (
    FEWEST_RATINGS,
    Conduct,
    compare_systems,
    holm,
    item_means,
    krippendorff_alpha,
    mean_opinion,
    reasons_to_exclude,
    sign_flip_test,
)

NAN = np.nan
KRIPPENDORFF = np.array(  # 2011, section D: four observers, twelve units, missing ratings
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)


def crossed(raters: int, items: int, seed: int) -> np.ndarray:
    """Ratings around 3: raters differ by 0.45, items by 0.6, ratings by 0.4, so that neither side can be left out."""
    rng = np.random.default_rng(seed)
    return 3 + rng.normal(0, 0.45, (raters, 1)) + rng.normal(0, 0.6, items) + rng.normal(0, 0.4, (raters, items))


@pytest.mark.parametrize(("metric", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_paper(metric, alpha):
    assert krippendorff_alpha(KRIPPENDORFF, metric) == pytest.approx(alpha, abs=5e-4)
    shuffled = np.random.default_rng(0).permutation(KRIPPENDORFF)[:, ::-1]
    assert krippendorff_alpha(shuffled, metric) == pytest.approx(krippendorff_alpha(KRIPPENDORFF, metric))


def test_alpha_of_two_observers_is_that_of_the_paper():
    binary = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], float)
    letters = np.array([[ord(letter) for letter in row] for row in ("aabbdcccedda", "babbbccceddd")], float)
    assert krippendorff_alpha(binary, "nominal") == pytest.approx(0.095, abs=5e-4)
    assert krippendorff_alpha(letters, "nominal") == pytest.approx(0.692, abs=5e-4)


def test_alpha_at_its_ends():
    rng = np.random.default_rng(1)
    same = np.tile(rng.integers(1, 6, 50).astype(float), (3, 1))
    chance = rng.integers(1, 6, (4, 3000)).astype(float)
    for metric in ("nominal", "ordinal", "interval"):
        assert krippendorff_alpha(same, metric) == 1
        assert krippendorff_alpha(chance, metric) == pytest.approx(0, abs=0.03)
    assert krippendorff_alpha(np.array([[1.0, 5.0], [5.0, 1.0]]), "interval") < -0.4, "they contradict each other"
    assert np.isnan(krippendorff_alpha(np.full((3, 4), 2.0)))
    assert np.isnan(krippendorff_alpha(np.array([[1.0, NAN], [NAN, 2.0]])))
    assert np.isnan(krippendorff_alpha(np.empty((0, 5))))


def test_ordinal_alpha_knows_order_and_not_distance():
    stretched = np.where(KRIPPENDORFF == 5, 50, KRIPPENDORFF)
    assert krippendorff_alpha(stretched) == pytest.approx(krippendorff_alpha(KRIPPENDORFF))
    assert krippendorff_alpha(stretched, "interval") > krippendorff_alpha(KRIPPENDORFF, "interval") + 0.05


def test_the_interval_is_that_of_other_raters_and_items():
    """Its width against the truth: the deviation of the mean over many studies with raters and items drawn anew."""
    means = [crossed(12, 20, seed).mean() for seed in range(600)]
    widths = [found.high - found.low for found in (mean_opinion(crossed(12, 20, seed)) for seed in range(30))]
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(means), rel=0.12)
    only_ratings = 2 * 1.96 * crossed(12, 20, 0).std() / np.sqrt(12 * 20)
    assert np.mean(widths) > 2 * only_ratings, "ratings of one rater, or of one item, are not independent"


def test_mean_opinion_by_hand():
    table = np.array([[5.0, 3.0, 3.0], [5.0, NAN, NAN]])
    found = mean_opinion(table)
    assert (found.value, found.n) == (4.0, 4), "ratings count once each: no mean of means"
    assert 3 <= found.low < found.high <= 5
    assert mean_opinion(table) == found
    assert mean_opinion(np.full((3, 4), 2.0)).low == mean_opinion(np.full((3, 4), 2.0)).high == 2
    with pytest.raises(ValueError, match="no ratings"):
        mean_opinion(np.full((2, 2), NAN))


def test_sign_flips_by_hand():
    assert sign_flip_test(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == 2 / 32
    assert sign_flip_test(np.array([-1.0, -2.0, -3.0])) == 2 / 8
    assert sign_flip_test(np.array([3.0, -1.0])) == 1 / 2 + 1 / 2
    assert sign_flip_test(np.zeros(4)) == 1
    assert sign_flip_test(np.array([4.0, -3.0, 3.0])) == 6 / 8
    assert sign_flip_test(np.array([4.0, -3.0, 3.0]) / 3) == 6 / 8, "sums that differ by rounding are one"
    with pytest.raises(ValueError, match="no differences"):
        sign_flip_test(np.empty(0))


def test_sign_flips_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(2)
    for shift, n in ((0.0, 8), (0.5, 11), (1.0, 13)):
        differences = rng.normal(shift, 1, n)
        oracle = stats.permutation_test(
            (differences,), lambda x, axis: x.mean(axis), permutation_type="samples", n_resamples=np.inf
        )
        assert sign_flip_test(differences) == pytest.approx(oracle.pvalue)


def test_many_differences_are_sampled():
    rng = np.random.default_rng(3)
    differences = rng.normal(0.35, 1, 40)
    z = differences.sum() / np.sqrt((differences**2).sum())  # under random signs nearly normal
    assert sign_flip_test(differences) == pytest.approx(1 - erf(z / np.sqrt(2)), abs=0.01)
    assert sign_flip_test(np.full(40, 1.0)) == pytest.approx(1 / 20_001), "never 0"
    assert sign_flip_test(differences) == sign_flip_test(differences)


def test_false_alarms_are_as_rare_as_p_says():
    rng = np.random.default_rng(4)
    alarms = [sign_flip_test(rng.standard_t(3, 10)) <= 0.05 for _ in range(600)]
    assert 0.025 < np.mean(alarms) < 0.08


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.8]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_systems_are_compared_within_raters():
    """A harsh rater saw both, a mild one the worse system alone, whose plain mean is therefore the higher one."""
    better = np.array([[2.0, 3.0, 2.0], [NAN, NAN, NAN]])
    worse = np.array([[1.0, 2.0, 1.0], [5.0, 5.0, 5.0]])
    (found,) = compare_systems({"better": better, "worse": worse})
    assert (found.first, found.second, found.difference, found.items) == ("better", "worse", 1.0, 3)
    assert found.p == found.p_holm == 2 / 8
    assert np.nanmean(better) < np.nanmean(worse)


def test_several_systems_are_adjusted_together():
    base = crossed(4, 10, 0)
    found = compare_systems({"a": base + 1, "b": base, "c": base + 0.001, "unseen": np.full((4, 10), NAN)})
    assert [(one.first, one.second) for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [one.p for one in found] == [2 / 1024] * 3
    assert [one.p_holm for one in found] == pytest.approx([6 / 1024] * 3)
    assert compare_systems({"alone": base}) == []


def test_item_means_leave_out_what_nobody_rated():
    assert item_means(np.array([[1.0, NAN, 4.0], [3.0, NAN, NAN]])).tolist() == [2.0, 4.0]


VARIED = [1, 2, 3, 4, 5, 4, 3, 2, 1, 2]


def careful(**other) -> Conduct:
    return Conduct(**{"ratings": VARIED, "seconds": [3.0] * 10, "checks": [True] * 4, "repeats": [(3, 3)] * 3} | other)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({}, None),
        ({"checks": [True, True, True, False]}, None),
        ({"checks": [True, True, False, False]}, "failed 2 of 4 attention checks"),
        ({"checks": [False]}, "failed 1 of 1 attention checks"),
        ({"repeats": [(3, 4), (3, 2), (1, 2)]}, None),
        ({"repeats": [(1, 5), (5, 5), (2, 2)]}, "rated repeats 1.3 apart on average (limit 1)"),
        ({"repeats": [(1, 5), (5, 1)]}, None),
        ({"ratings": [3] * 10}, "rated all 10 the same"),
        ({"ratings": [3] * (FEWEST_RATINGS - 1), "seconds": [0.1] * (FEWEST_RATINGS - 1)}, None),
        ({"seconds": [0.4] * 6 + [60.0] * 4}, "took 0.4 s for a rating at the median (limit 1 s)"),
        ({"seconds": [0.4] * 4 + [60.0] * 6}, None),
        ({"checks": [], "repeats": []}, None),
    ],
)
def test_whose_ratings_count(other, reason):
    assert reasons_to_exclude(careful(**other)) == ([reason] if reason else [])


def test_every_reason_is_told():
    conduct = Conduct([1] * 10, [0.2] * 10, [False], [(1, 3)] * 3)
    assert len(reasons_to_exclude(conduct)) == 4


def test_nobody_is_judged_by_nothing():
    assert reasons_to_exclude(Conduct([], [], [], [])) == []
