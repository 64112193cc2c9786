"""A recipe by its name, with a folder of data, into a run."""

from collections.abc import Callable, Sequence
from pathlib import Path

from signtok.config import Config
from signtok.data.sources import PERMISSIVE, find_sources
from signtok.recipes import pose

RECIPES: tuple[Callable[[], Config], ...] = (
    pose.sign_rvq_ctc,
    pose.sign_rvq,
    pose.sign_continuous,
    pose.sign_rvq_ctc_no_dropout,
    pose.sign_rvq_no_dropout,
    pose.sign_rvq_ctc_paper,
    pose.sign_rvq_paper,
    pose.sign_continuous_paper,
    pose.fingerspelling,
)


def find_recipe(name: str) -> Config:
    """Raises ValueError that lists the recipes for an unknown name."""
    recipes = {config.name: config for config in (recipe() for recipe in RECIPES)}
    if name not in recipes:
        raise ValueError(f"unknown recipe {name!r}; the recipes are: {', '.join(recipes)}")
    return recipes[name]


def train_recipe(
    name: str,
    data: Path,
    out: Path | None,
    max_minutes: float | None,
    max_steps: int | None,
    only: Sequence[str],
    without: Sequence[str],
    seed: int,
    threads: int,
) -> None:
    """Builds and fits; prints where the run is and how good it got."""
    config = find_recipe(name)
    names = PERMISSIVE if tuple(only) == ("permissive",) else (only or None)
    sources = tuple(find_sources(data, names, without).values())
    changes = {"seed": seed, "max_minutes": max_minutes}
    if max_steps is not None:
        changes["max_steps"] = max_steps
    config = config.model_copy(
        update={
            "data": config.data.model_copy(update={"sources": sources}),
            "train": config.train.model_copy(update=changes),
        }
    )
    import torch

    from signtok.build import build_experiment
    from signtok.training.fit import fit

    torch.set_num_threads(threads)
    run = out or Path("runs") / name
    experiment = build_experiment(config)
    result = fit(
        experiment.model,
        experiment.stream,
        experiment.validation,
        config,
        run,
        data_hash=experiment.library.data_hash(),
    )
    print(f"{run}: step {result.step}, {result.seconds / 60:.1f} minutes, best validation loss {result.best_loss:.3f}")
    print(f"next: signtok evaluate {run} --data {data}")
