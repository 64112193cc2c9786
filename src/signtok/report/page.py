"""`signtok report`: runs compared on one self-contained HTML page, without network and without a script."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from signtok.atomic import write_text
from signtok.hub import LandmarkTokenizer, PictureTokenizer
from signtok.report.bars import bar_section
from signtok.report.curves import curve_section
from signtok.report.pictures import look, picture_folder, picture_section
from signtok.report.rates import rate_section
from signtok.report.runs import METRICS, SCORES, WEIGHTS, Run, read_runs
from signtok.report.scores import score_section
from signtok.svg import swatch

NAMED = 4
"""More runs than these are not named in the heading."""


@dataclass(frozen=True)
class Missing:
    """What a run lacks, and the command that makes it."""

    what: str
    command: str


def report_runs(folders: Sequence[Path], data: Path | None, out: Path) -> str:
    """Writes the page, atomically, and says so in one line.

    data: a folder of pictures for the runs of pictures; None: what each was trained on, if it is there. Raises
    ValueError without runs, for a folder that is none, a damaged file in one, `data` without a run of pictures, and a
    page that cannot be written.
    """
    runs = read_runs(folders)
    if data is not None and not any(isinstance(run.tokenizer, PictureTokenizer) for run in runs):
        raise ValueError(f"--data {data} is for runs of pictures, and these are of landmarks; leave it out")
    seen = [look(run, folder) for run in runs if run.trained and (folder := picture_folder(run, data))]
    sections = [
        _header(runs),
        _run_table(runs),
        _missing_section(runs, data),
        score_section(runs),
        rate_section(runs),
        curve_section(runs),
        picture_section(seen),
        bar_section(runs),
    ]
    page = _part("html").replace("/*STYLE*/", _part("css")).replace("<!--BODY-->", "\n".join(filter(None, sections)))
    try:
        write_text(out, page)
    except OSError as error:
        raise ValueError(f"cannot write {out} ({error.strerror}); choose another --out") from None
    return f"{out}: {len(runs)} run{'s' * (len(runs) > 1)}"


def _part(suffix: str) -> str:
    return files("signtok").joinpath("page", f"runs.{suffix}").read_text(encoding="utf-8")


def _header(runs: Sequence[Run]) -> str:
    """What was compared, when it was trained, by which commits of signtok; and whose colour is whose."""
    names = [run.label for run in runs]
    heading = ", ".join(names) if len(runs) <= NAMED else f"{len(runs)} runs compared"
    days = sorted({run.day.isoformat() for run in runs})
    commits = dict.fromkeys(short(commit) for run in runs for commit in run.commits)
    facts = [
        f"written {' to '.join(dict.fromkeys((days[0], days[-1])))}",
        f"signtok {', '.join(commits) or 'of unknown commit'}",
    ]
    legend = "".join(f"<li>{swatch(run.series)} {escape(run.label)}</li>" for run in runs)
    return (
        f'<header><h1>{escape(heading)}</h1><p class="note">{escape("; ".join(facts))}</p></header>'
        f'<ul class="legend" aria-label="Colours of the runs">{legend}</ul>'
    )


def short(commit: str) -> str:
    """Seven digits, and whether files differed from it."""
    return commit[:7] + ("-dirty" if commit.endswith("-dirty") else "")


RUN_HEADS = ("run", "parameters", "tokens", "steps", "minutes", "best validation loss", "last written", "commits")


def _run_table(runs: Sequence[Run]) -> str:
    heads = "".join(f'<th scope="col">{head}</th>' for head in RUN_HEADS)
    rows = "".join(_run_row(run) for run in runs)
    return (
        '<section><h2>Runs</h2><div class="wide"><table class="runs">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _run_row(run: Run) -> str:
    info, best, last = run.tokenizer.info(), run.best, run.rows[-1] if run.rows else None
    recipe = f"{info.name}, {run.tokenizer.settings.kind}"
    cells = [
        f"{info.parameters:,}",
        info.tokens,
        f"{last.step:,}" if last else "unknown",
        f"{last.seconds / 60:.1f}" if last else "unknown",
        f"{best.values['loss']:.4g} at step {best.step:,}" if best else "unknown",
        run.day.isoformat(),
        ", ".join(dict.fromkeys(map(short, run.commits))) or "unknown",
    ]
    row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    head = f"{swatch(run.series)} {escape(run.label)}<small>{escape(recipe)}</small>"
    return f'<tr><th scope="row">{head}</th>{row}</tr>'


def _missing_section(runs: Sequence[Run], data: Path | None) -> str:
    lacks = [(run, one) for run in runs for one in missing(run, data)]
    if not lacks:
        return ""
    items = "".join(
        f"<li>{swatch(run.series)} {escape(run.label)}: {escape(one.what)} <code>{escape(one.command)}</code></li>"
        for run, one in lacks
    )
    return f"<section><h2>What is missing</h2><ul>{items}</ul></section>"


def missing(run: Run, data: Path | None) -> list[Missing]:
    """In the order in which it is made."""
    folder, source, found = shlex.quote(str(run.folder)), _data_option(run, data), []
    lacks = [name for name, there in ((WEIGHTS, run.trained), (METRICS, run.rows)) if not there]
    if lacks:
        # A training never writes over a model that has no training state.
        train = f"signtok train {shlex.quote(run.tokenizer.name)}{source} --out {'NEW' if run.trained else folder}"
        found.append(Missing(f"no {' and no '.join(lacks)}; in training it is written:", train))
    if not run.scores:
        why = f"the scores in {SCORES} are of other weights" if run.foreign else f"no {SCORES}"
        evaluate = f"signtok evaluate {folder}{source} --out {shlex.quote(str(run.folder / SCORES))}"
        found.append(Missing(f"{why}:", evaluate))
    if isinstance(run.tokenizer, PictureTokenizer) and run.trained and picture_folder(run, data) is None:
        found.append(
            Missing("its pictures are not there to be reconstructed:", f"signtok report {folder} --data FOLDER")
        )
    return found


def _data_option(run: Run, data: Path | None) -> str:
    """Where the commands find their data; generated landmarks need no option."""
    if isinstance(run.tokenizer, LandmarkTokenizer):
        return " --data FOLDER" if run.tokenizer.settings.data.sources else ""
    folder = picture_folder(run, data)
    return f" --data {shlex.quote(str(folder))}" if folder else " --data FOLDER"
