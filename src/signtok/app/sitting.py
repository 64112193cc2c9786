"""One rater before one page: which trial is shown, and what a click on a rating does."""

import time
from dataclasses import dataclass, replace

from signtok.app.ratings import Experience, Handedness, Rating, check_rater, read_sheet, save_rating
from signtok.app.study import Study
from signtok.app.trials import Trial, trials

TOO_SOON = 0.3
"""Seconds after a trial came up in which a click was meant for the one before."""


@dataclass(frozen=True)
class Sitting:
    """trial: what is shown, since `shown` (of time.monotonic, in seconds); None when all `total` ratings are saved."""

    rater: str
    experience: Experience
    handedness: Handedness
    trial: Trial | None = None
    saved: int = 0
    total: int = 0
    shown: float = 0.0


def sit_down(study: Study, code: str, experience: Experience, handedness: Handedness) -> Sitting:
    """Where the rater of this code stopped, or at the beginning. Raises ValueError for a code that is none."""
    return _next(study, Sitting(check_rater(code), experience, handedness))


def rate(study: Study, sitting: Sitting, rating: int, comment: str = "") -> Sitting:
    """Saves the rating and goes on to the next trial that was not rated, in this window or another.

    Raises OSError or ValueError where the rating was not saved: the sitting stays as it is.
    """
    seconds = time.monotonic() - sitting.shown
    if sitting.trial is None or seconds < TOO_SOON:
        return sitting
    line = Rating(
        stimulus=sitting.trial.stimulus,
        repeat=sitting.trial.repeat,
        rating=rating,
        seconds=round(seconds, 2),
        experience=sitting.experience,
        handedness=sitting.handedness,
        comment=comment.strip(),
    )
    save_rating(study, sitting.rater, line)
    return _next(study, sitting)


def _next(study: Study, sitting: Sitting) -> Sitting:
    done = {(rating.stimulus, rating.repeat) for rating in read_sheet(study, sitting.rater).ratings}
    order = trials(study.plan, sitting.rater)
    left = [trial for trial in order if (trial.stimulus, trial.repeat) not in done]
    return replace(
        sitting,
        trial=left[0] if left else None,
        saved=len(order) - len(left),
        total=len(order),
        shown=time.monotonic(),
    )
