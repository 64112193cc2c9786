"""The verbs of `signtok study`; see cli.py."""

from typing import Annotated

import tyro
from tyro.conf import Positional, arg

from signtok.cli_data import Path_

study_app = tyro.extras.SubcommandApp()

Systems = Annotated[tuple[str, ...], arg(metavar="NAME=FOLDER ...")]


@study_app.command(name="make")
def make_(
    originals: Positional[Path_],
    systems: Systems,
    out: Path_,
    items: int = 20,
    repeats: float = 0.1,
    checks: int = 4,
    title: str = "Rating study",
    seed: int = 0,
) -> None:
    """A blinded study: a folder to serve to raters, and the key to it in a folder beside it.

    Example: signtok study make originals/ --systems ff=ff/ conv=conv/ --out study/

    Args:
        originals: folder of pictures (PNG, JPEG) or films (GIF, MP4).
        systems: what each tokenizer made of them, in files of the same names.
        out: the study folder to write; the key goes into OUT-private, which raters must not see.
        items: how many originals are drawn; every rater rates all systems on all of them.
        repeats: share of the ratings that is asked for twice, at most 0.5.
        checks: how many attention checks.
        title: what raters read at the top.
        seed: the same seed draws the same originals.
    """
    from signtok.app.make import make_study, named_folders

    print(make_study(originals, named_folders(systems), out, items, repeats, checks, title, seed))


@study_app.command(name="serve")
def serve_(study: Positional[Path_], port: int = 7860, host: str = "127.0.0.1") -> None:
    """The page for raters, until Ctrl-C; every rating is on the disk before the next pair is shown.

    Example: signtok study serve study/

    Args:
        study: the study folder; the key need not be there.
        port: where to listen; 0 takes a free one.
        host: this machine alone by default; 0.0.0.0 lets phones and others in the network rate.
    """
    from signtok.app.serve import serve_study

    serve_study(study, port, host)


@study_app.command(name="report")
def report_(study: Positional[Path_]) -> None:
    """Mean opinion scores with intervals, tests between systems, agreement, excluded raters and why.

    Example: signtok study report study/

    Args:
        study: the study folder, with its key beside it; ratings.csv and report.json are written to the key.
    """
    from signtok.app.study_report import study_report

    print(study_report(study))
