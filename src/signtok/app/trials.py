"""In which order a rater sees a study: another one for each rater, the same one at every visit."""

import hashlib
from dataclasses import dataclass
from itertools import chain

from signtok.app.study import Item, Plan


@dataclass(frozen=True)
class Trial:
    """One screen: two files of the folder stimuli. repeat: shown before, to see whether the rater is consistent."""

    stimulus: str
    original: str
    repeat: bool = False


def trials(plan: Plan, rater: str) -> list[Trial]:
    """All that a rater is shown: every system's work on every item, the repeats and the attention checks.

    - Systems take turns: they come in rounds, each once a round and each time with another item, in a new order every
      round. So they are seen equally often by everybody, also by one who stops half-way, and at no special time.
    - Repeats are from the first half, of all systems equally often, and are shown again in the last third.
    - Attention checks are spread over the whole.

    The order is sorted by hashes and not drawn from a generator, whose numbers may change with its version.
    """
    rounds = _rounds(plan, rater)
    order = [(float(index), trial) for index, trial in enumerate(chain(*rounds))]
    count = len(order)
    for index, trial in enumerate(_repeats(rounds, plan.repeats, rater)):
        order.append((count * (2 / 3 + (index + 0.5) / (3 * plan.repeats)), trial))
    checks = sorted(plan.checks, key=lambda check: _draw(rater, check.stimulus))
    for index, check in enumerate(checks):
        place = index + 0.25 + 0.5 * _draw(rater, "place", check.stimulus)
        order.append((count * place / len(checks), Trial(check.stimulus, check.original)))
    return [trial for _, trial in sorted(order, key=lambda entry: entry[0])]


def _draw(*parts: object) -> float:
    """A number in [0, 1) that follows from its arguments and looks like nothing."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _rounds(plan: Plan, rater: str) -> list[list[Trial]]:
    items: list[Item] = sorted(plan.items, key=lambda item: _draw(rater, item.original))
    systems = sorted(plan.items[0].stimuli, key=lambda system: _draw(rater, "system", system))
    apart = max(1, len(items) // len(systems))  # rounds until an original comes again
    rounds = []
    for turn in range(len(items)):
        chosen = [(items[(turn + place * apart) % len(items)], system) for place, system in enumerate(systems)]
        shown = [Trial(item.stimuli[system], item.original) for item, system in chosen]
        rounds.append(sorted(shown, key=lambda trial: _draw(rater, "round", trial.stimulus)))
    return rounds


def _repeats(rounds: list[list[Trial]], count: int, rater: str) -> list[Trial]:
    """`count` trials of the first half of the rounds, one whole round after the other."""
    early = sorted(rounds[: len(rounds) // 2], key=lambda shown: _draw(rater, "again", shown[0].stimulus))
    return [Trial(trial.stimulus, trial.original, repeat=True) for trial in list(chain(*early))[:count]]
