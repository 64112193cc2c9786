"""A recipe by its name, with a folder of data, into a run."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from signtok.build import build_experiment
from signtok.config import Config, GroupSplit, LandmarkConfig, PictureConfig, Source
from signtok.data.generate import is_generated
from signtok.data.landmarks import open_recordings
from signtok.data.sources import PERMISSIVE, find_sources, has_known_sources
from signtok.hub.find import find_folder
from signtok.recipes import pose
from signtok.recipes.choices import LandmarkChoices, Limits, PictureChoices, checked, refuse
from signtok.recipes.run_pictures import PICTURE_RECIPES, with_pictures
from signtok.threads import use_threads
from signtok.tokenizer.flow_training import FlowTraining
from signtok.tokenizer.model import TokenizerModel
from signtok.tokenizer.probe import ProbedTokenizer
from signtok.training.checkpoint import load_model_weights, load_weights, read_config, read_model_weights
from signtok.training.fit import fit

logger = logging.getLogger(__name__)

RECIPES: tuple[Callable[[], LandmarkConfig], ...] = (
    pose.sign_rvq_ctc,
    pose.sign_rvq,
    pose.sign_continuous,
    pose.sign_rvq_flow,
    pose.sign_rvq_ctc_no_dropout,
    pose.sign_rvq_no_dropout,
    pose.sign_rvq_ctc_paper,
    pose.sign_rvq_paper,
    pose.sign_continuous_paper,
    pose.fingerspelling,
)


def find_recipe(name: str) -> LandmarkConfig | PictureConfig:
    """Raises ValueError that lists the recipes for an unknown name."""
    made: list[LandmarkConfig | PictureConfig] = [recipe() for recipe in RECIPES]
    made += [recipe() for recipe in PICTURE_RECIPES]
    recipes = {config.name: config for config in made}
    if name not in recipes:
        raise ValueError(f"unknown recipe {name!r}; the recipes are: {', '.join(recipes)}")
    return recipes[name]


def train_recipe(
    name: str,
    data: Path,
    out: Path | None,
    limits: Limits,
    landmarks: LandmarkChoices,
    pictures: PictureChoices,
    threads: int,
) -> None:
    """Builds and fits; prints where the run is and how good it got. Raises ValueError for choices that are not for
    the recipe's kind of data."""
    config = find_recipe(name)
    if isinstance(config, PictureConfig):
        refuse(landmarks, f"{name} is a recipe of pictures")
        config = with_pictures(config, data, pictures)
    else:
        refuse(pictures, f"{name} is a recipe of landmarks")
        config = with_landmarks(config, data, landmarks)
    changes: dict[str, object] = {"seed": limits.seed, "max_minutes": limits.max_minutes}
    changes |= {k: v for k, v in (("max_steps", limits.max_steps), ("start", limits.start)) if v is not None}
    config = config.model_copy(update={"train": checked(config.train, changes)})
    run = out or Path("runs") / name
    if isinstance(config, LandmarkConfig) and config.tokenizer.decoder.flow is not None:
        train_flow(config, run, threads)
    else:
        _fit(config, run, threads)
    print(f"next: signtok evaluate {run} --data {data}")


def with_landmarks(config: LandmarkConfig, data: Path, choices: LandmarkChoices) -> LandmarkConfig:
    sources = choose_sources(data, choices.only, choices.without)
    changes: dict[str, object] = {"sources": sources, "handshapes": str(choices.handshapes or "")}
    if choices.generated is not None:
        changes["generated"] = check_share(choices.generated)
    return config.model_copy(update={"data": config.data.model_copy(update=changes)})


def check_share(generated: float) -> float:
    if not 0 <= generated <= 1:
        raise ValueError(f"--generated {generated}: a share from 0 to 1")
    return generated


def choose_sources(data: Path, only: Sequence[str], without: Sequence[str]) -> tuple[Source, ...]:
    """The known sources in the folder `data`; or `data` itself, where it is recordings of one's own; none where it is
    "generated", for then generated signers are all."""
    if is_generated(data):
        if only or without:
            raise ValueError("--only and --without choose among recorded sources; name their folder with --data")
        return ()
    if not only and not without and not has_known_sources(data):
        open_recordings(data)
        return (Source(path=str(data), split=GroupSplit(), licence="", origin="your own"),)
    names = PERMISSIVE if tuple(only) == ("permissive",) else (only or None)
    return tuple(find_sources(data, names, without).values())


def train_flow(config: LandmarkConfig, run: Path, threads: int) -> None:
    """The flow of `config` on the tokenizer that it starts from, which stays as it is. Raises ValueError where that is
    none of landmarks."""
    folder = find_folder(str(config.train.start))
    start = read_config(folder)
    if not isinstance(start, LandmarkConfig):
        raise ValueError(f"--start {config.train.start}: {config.name} needs a tokenizer of landmarks: fingerspelling")
    decoder = start.tokenizer.decoder.model_copy(update={"flow": config.tokenizer.decoder.flow})
    config = config.model_copy(update={"tokenizer": start.tokenizer.model_copy(update={"decoder": decoder})})
    model = FlowTraining(config.tokenizer)
    weights = read_model_weights(folder / "model.safetensors")
    if start.tokenizer.decoder.flow is None:
        weights = {name.replace("decoder.", "decoder.first.", 1): tensor for name, tensor in weights.items()}
        weights |= {name: tensor for name, tensor in model.state_dict().items() if name.startswith("decoder.net.")}
    load_weights(model, weights, folder / "model.safetensors")
    warn_of_seen(config, start)
    _fit(config, run, threads, model)


def warn_of_seen(config: Config, start: Config) -> None:
    """A run knows the sources that it was trained on itself, and its tests call all others never seen."""
    if not (isinstance(config, LandmarkConfig) and isinstance(start, LandmarkConfig)):
        return
    seen = {Path(s.path).stem for s in start.data.sources} - {Path(s.path).stem for s in config.data.sources}
    if seen:
        logger.warning(
            f"{start.name} was trained on {', '.join(sorted(seen))} too: what is tested on them is not new to it"
        )


def train_probe(run: Path, data: Path, out: Path, max_steps: int, threads: int) -> None:
    """A linear CTC head on the frozen latents of a run, trained on that run's own sources; `out` is then a tokenizer
    that reads. Raises ValueError where the run's sources are not in `data`."""
    config = read_config(run)
    if not isinstance(config, LandmarkConfig):
        raise ValueError(f"{run} is a tokenizer of pictures, which spell nothing; probe one of landmarks")
    linear = config.tokenizer.head.model_copy(update={"blocks": 0})
    names = [Path(source.path).stem for source in config.data.sources] if has_known_sources(data) else ()
    sources = choose_sources(data, names, ()) if config.data.sources else ()
    config = config.model_copy(
        update={
            "name": f"{config.name}-probe",
            "data": config.data.model_copy(update={"sources": sources}),
            "tokenizer": config.tokenizer.model_copy(update={"ctc_weight": 1.0, "head": linear}),
            "optim": config.optim.model_copy(update={"learning_rate": 1e-2}),
            "train": config.train.model_copy(
                update={
                    "max_steps": max_steps,
                    "max_minutes": None,
                    "start": None,
                    "precision": "fp32",
                    "batch_size": 32,
                }
            ),
        }
    )
    model = ProbedTokenizer(config.tokenizer)
    weights = read_model_weights(run / "model.safetensors")
    heads = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("head.")}
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("head.")}
    load_weights(model, kept | heads, run / "model.safetensors")
    _fit(config, out, threads, model)
    print(f"next: signtok evaluate {out} --data {data}")


def _fit(config: LandmarkConfig | PictureConfig, run: Path, threads: int, model: TokenizerModel | None = None) -> None:
    use_threads(threads)
    experiment = build_experiment(config)
    if config.train.start is not None and model is None:
        folder = find_folder(config.train.start)
        load_model_weights(folder / "model.safetensors", experiment.model)
        warn_of_seen(config, read_config(folder))
    result = fit(
        model or experiment.model,
        experiment.stream,
        experiment.validation,
        config,
        run,
        data_hash=experiment.data_hash,
    )
    print(f"{run}: step {result.step}, {result.seconds / 60:.1f} minutes, best validation loss {result.best_loss:.3f}")
