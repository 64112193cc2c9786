"""What every measurement is of: a tokenizer, and in words what it was tried on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from signtok.evaluation.codes import CodeCounts
from signtok.evaluation.score import Interval, Ratio, Score, score
from signtok.hub import Tokenizer
from signtok.training.checkpoint import git_commit


def decoded_in(tokenizer: Tokenizer, steps: int | None) -> str:
    """For a signature: nothing of a tokenizer that does not sample. steps: None as it was trained."""
    taken = tokenizer.steps if steps is None else steps
    return "" if taken is None else f"|steps:{taken}|seed:0"


@dataclass(frozen=True, eq=False)
class Measured:
    """A tokenizer and what it was tried on: both stand in every score."""

    tokenizer: Tokenizer
    what: str

    @cached_property
    def fingerprint(self) -> str:
        return self.tokenizer.fingerprint

    @cached_property
    def commit(self) -> str:
        return git_commit() or ""

    def score(
        self, name: str, ratios: Sequence[Ratio], unit: str, higher: bool, detail: str, scale: float = 1.0
    ) -> Score:
        """Of one Ratio an example."""
        return score(
            name,
            ratios,
            unit=unit,
            direction="higher" if higher else "lower",
            signature=f"{self.what}|{detail}",
            commit=self.commit,
            fingerprint=self.fingerprint,
            scale=scale,
        )

    def of_all(self, name: str, interval: Interval, unit: str, higher: bool, detail: str) -> Score:
        """Of all examples together, with an interval of its own."""
        return Score(
            name,
            interval.value,
            interval.low,
            interval.high,
            interval.n,
            unit=unit,
            direction="higher" if higher else "lower",
            signature=f"{self.what}|{detail}",
            commit=self.commit,
            fingerprint=self.fingerprint,
        )

    def of_codes(self, counts: CodeCounts, unit: str) -> list[Score]:
        """Perplexity and dead codes of each codebook, counted in `unit`: one count, so no interval."""
        health, scores = counts.health(), []
        for level in range(counts.codebooks):
            detail = f"codebook:{level + 1}|{unit}:{health.frames}"
            perplexity = Ratio(float(health.perplexity[level]), 1.0)
            dead = Ratio(float(health.dead[level]), float(counts.codes))
            scores.append(self.score(f"perplexity, codebook {level + 1}", [perplexity], "codes", True, detail))
            scores.append(self.score(f"dead codes, codebook {level + 1}", [dead], "%", False, detail, 100.0))
        return scores
