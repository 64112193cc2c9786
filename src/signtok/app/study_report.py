"""What a rating study found: a markdown report, and ratings.csv and report.json beside the key."""

import csv
import io
import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float

from signtok.app.ratings import Rating, Sheet, read_sheets
from signtok.app.study import PASSES, Key, Study, open_study, read_key
from signtok.atomic import write_text
from signtok.evaluation.opinion import (
    Comparison,
    Conduct,
    compare_systems,
    krippendorff_alpha,
    mean_opinion,
    reasons_to_exclude,
)
from signtok.evaluation.score import Interval

NOT_COLLECTED = "MOS: not collected"


@dataclass(frozen=True)
class SystemOpinion:
    """mos: None where nobody whose ratings count rated the system."""

    system: str
    mos: Interval | None
    raters: int


@dataclass(frozen=True)
class RaterSummary:
    """cut: lines of the file that break off. excluded: the reasons, none where the ratings count."""

    rater: str
    experience: str
    ratings: int
    comments: int
    cut: int
    excluded: list[str]


@dataclass(frozen=True)
class StudyReport:
    """The two alphas are Krippendorff's, None where they are not defined."""

    title: str
    systems: list[SystemOpinion]
    comparisons: list[Comparison]
    alpha_ordinal: float | None
    alpha_interval: float | None
    raters: list[RaterSummary]


def study_report(folder: str | os.PathLike[str]) -> str:
    """The report as markdown; writes ratings.csv and report.json into the folder of the key, which names the systems.

    Raises ValueError for a damaged study, key or file of ratings.
    """
    study = open_study(folder)
    key, sheets = read_key(study), read_sheets(study)
    report = make_report(study, key, sheets)
    content = {"format": "signtok-study-report", "version": "1", **asdict(report)}
    excluded = {rater.rater: "; ".join(rater.excluded) for rater in report.raters}
    write_text(study.private / "ratings.csv", _csv(key, sheets, excluded))
    write_text(study.private / "report.json", json.dumps(content, indent=2, allow_nan=False) + "\n")
    return f"{markdown(report)}\nwritten: {study.private / 'ratings.csv'}, {study.private / 'report.json'}"


def make_report(study: Study, key: Key, sheets: Sequence[Sheet]) -> StudyReport:
    """Of the ratings given first; repeats and attention checks only decide whose ratings count."""
    raters = [_summary(sheet, key) for sheet in sheets]
    counted = [sheet for sheet, rater in zip(sheets, raters, strict=True) if not rater.excluded]
    tables = _tables(key, counted)
    everything = np.concatenate(list(tables.values()), axis=1)
    return StudyReport(
        title=study.plan.title,
        systems=[
            SystemOpinion(
                system,
                mean_opinion(table) if np.isfinite(table).any() else None,
                int(np.isfinite(table).any(1).sum()),
            )
            for system, table in tables.items()
        ],
        comparisons=compare_systems(tables),
        alpha_ordinal=_finite(krippendorff_alpha(everything, "ordinal")),
        alpha_interval=_finite(krippendorff_alpha(everything, "interval")),
        raters=raters,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _summary(sheet: Sheet, key: Key) -> RaterSummary:
    return RaterSummary(
        rater=sheet.rater,
        experience=sheet.ratings[-1].experience if sheet.ratings else "unsaid",
        ratings=len(sheet.ratings),
        comments=sum(bool(rating.comment) for rating in sheet.ratings),
        cut=sheet.cut,
        excluded=reasons_to_exclude(conduct(sheet, key)),
    )


def conduct(sheet: Sheet, key: Key) -> Conduct:
    """What there is to judge a rater by."""
    first = _first(sheet, key)
    again = {rating.stimulus: rating.rating for rating in sheet.ratings if rating.repeat}
    checks = [
        PASSES[check][0] <= rating.rating <= PASSES[check][1]
        for rating in sheet.ratings
        if (check := key.stimuli[rating.stimulus].check)
    ]
    return Conduct(
        ratings=[rating.rating for rating in first],
        seconds=[rating.seconds for rating in first],
        checks=checks,
        repeats=[(rating.rating, again[rating.stimulus]) for rating in first if rating.stimulus in again],
    )


def _first(sheet: Sheet, key: Key) -> list[Rating]:
    """Ratings of systems, not of checks, and not those of repeats."""
    return [rating for rating in sheet.ratings if not rating.repeat and key.stimuli[rating.stimulus].system]


def _tables(key: Key, sheets: Sequence[Sheet]) -> dict[str, Float[np.ndarray, "raters items"]]:
    origins = [origin for origin in key.stimuli.values() if origin.system]
    systems = sorted({origin.system for origin in origins if origin.system})
    items = {item: place for place, item in enumerate(sorted({origin.item for origin in origins}))}
    tables = {system: np.full((len(sheets), len(items)), np.nan) for system in systems}
    for row, sheet in enumerate(sheets):
        for rating in _first(sheet, key):
            origin = key.stimuli[rating.stimulus]
            tables[origin.system or ""][row, items[origin.item]] = rating.rating
    return tables


def markdown(report: StudyReport) -> str:
    counted = [rater for rater in report.raters if not rater.excluded]
    experience = Counter(rater.experience for rater in counted)
    lines = [f"# {report.title}", ""]
    lines += _mos_lines(report.systems) + _comparison_lines(report.comparisons)
    alphas = [
        f"{name} {'not defined' if value is None else f'{value:.2f}'}"
        for name, value in (("ordinal", report.alpha_ordinal), ("interval", report.alpha_interval))
    ]
    lines.append(f"Krippendorff's alpha: {', '.join(alphas)}")
    signing = ", ".join(f"{count} {name}" for name, count in experience.most_common())
    lines.append(f"raters: {len(counted)}" + (f" (signing: {signing})" if signing else ""))
    lines.append(f"comments: {sum(rater.comments for rater in report.raters)}, in ratings.csv")
    for rater in report.raters:
        if rater.excluded:
            lines.append(f"excluded: {rater.rater} {'; '.join(rater.excluded)}")
        if rater.cut:
            lines.append(f"notice: {rater.cut} lines of {rater.rater} break off and are left out")
    return "\n".join(lines) + "\n"


def _mos_lines(systems: Sequence[SystemOpinion]) -> list[str]:
    if all(one.mos is None for one in systems):
        return [NOT_COLLECTED, ""]
    lines = ["| system | MOS | 95 % interval | ratings | raters |", "|---|---:|---:|---:|---:|"]
    for one in systems:
        if one.mos is None:
            lines.append(f"| {one.system} | not collected | | 0 | 0 |")
        else:
            interval = f"{one.mos.low:.2f} to {one.mos.high:.2f}"
            lines.append(f"| {one.system} | {one.mos.value:.2f} | {interval} | {one.mos.n} | {one.raters} |")
    return [*lines, ""]


def _comparison_lines(comparisons: Sequence[Comparison]) -> list[str]:
    if not comparisons:
        return []
    lines = ["| sign-flip test over items | difference | items | p | p (Holm) |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {one.first} - {one.second} | {one.difference:+.2f} | {one.items} | {one.p:.2g} | {one.p_holm:.2g} |"
        for one in comparisons
    ]
    return [*lines, ""]


def _csv(key: Key, sheets: Sequence[Sheet], excluded: Mapping[str, str]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    columns = ["rating", "seconds", "time", "repeat", "experience", "handedness", "comment"]
    writer.writerow(["rater", "excluded", "system", "item", "check", *columns])
    for sheet in sheets:
        for rating in sheet.ratings:
            origin, said = key.stimuli[rating.stimulus], rating.model_dump()
            what = [sheet.rater, excluded[sheet.rater], origin.system or "", origin.item, origin.check or ""]
            writer.writerow([_harmless(value) for value in (*what, *(said[column] for column in columns))])
    return file.getvalue()


def _harmless(value: object) -> object:
    """A spreadsheet runs text that begins so as a formula; an apostrophe keeps it text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
