"""Makes a rating study: draws items, blinds the systems, copies what is shown under random names."""

import os
import random
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from signtok.app.study import Check, Item, Key, Origin, Plan, private_folder
from signtok.atomic import atomic_folder, write_text
from signtok.data.picture import SUFFIXES, read_picture

SHOWN_AS = {**dict.fromkeys(SUFFIXES, ".png"), ".gif": ".gif", ".mp4": ".mp4"}
"""Pictures are written anew as PNG, without what else their file says; films are copied as they are."""
BLURRED = 6
"""Pixels on a side that are left of a picture for a check that nobody can rate as good."""
MOST_REPEATS = 0.5
QUESTION = "How well does the right side keep what the left side shows?"


@dataclass(frozen=True)
class Sources:
    """The files of one item."""

    name: str
    original: Path
    systems: dict[str, Path]


@dataclass(frozen=True)
class Shown:
    """A file of the study: its random name, where it is from, whether it is blurred, and for the key, what it is."""

    name: str
    source: Path
    blurred: bool = False
    origin: Origin | None = None


@dataclass(frozen=True)
class Pair:
    """An original and what is rated beside it, by blinded system; an attention check has one stimulus, "check"."""

    original: Shown
    stimuli: dict[str, Shown]


def make_study(
    originals: str | os.PathLike[str],
    systems: Mapping[str, str | os.PathLike[str]],
    out: str | os.PathLike[str],
    items: int = 20,
    repeats: float = 0.1,
    checks: int = 4,
    title: str = "Rating study",
    seed: int = 0,
) -> str:
    """Writes the folder `out` and OUT-private/key.json beside it; returns a line that says what is in it.

    originals, systems: folders of pictures, or of GIF or MP4 films, in which what belongs together has the same name
    but for the ending: A/A1.png is what a system made of A/A1.jpg.
    items: how many originals are drawn, by the seed, of those that all systems have. Every rater rates all systems on
    all of them. repeats: share of these ratings that is asked for twice, at most 0.5. checks: attention checks, in turn
    an original against itself, and one against its blurred picture or, with films, against another original.
    Raises ValueError for folders that do not fit together, damaged files, and where `out` exists.
    """
    out = Path(out)
    _check_numbers(items, repeats, checks)
    for folder in (out, private_folder(out)):
        if folder.exists():
            raise ValueError(f"{folder} is there already, perhaps with ratings: choose another name")
    drawn = _draw_items(Path(originals), {name: Path(path) for name, path in systems.items()}, items, seed)
    ending = _one_ending(drawn)
    pairs = _pairs(drawn, ending)
    controls = [_check_pair(drawn, index, ending) for index in range(checks)]
    rated = len(drawn) * len(systems)
    twice = min(round(repeats * rated), len(drawn) // 2 * len(systems))
    _write(out, _plan(title, twice, pairs, controls), [*pairs, *controls], seed)
    return (
        f"{out}: {rated} ratings a rater, {twice} of them twice, and {checks} attention checks; "
        f"the key is in {private_folder(out)}"
    )


def named_folders(arguments: Sequence[str]) -> dict[str, Path]:
    """NAME=FOLDER of the command line. Raises ValueError for anything else, and for a name that is given twice."""
    folders: dict[str, Path] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not (name and equals and path) or name in folders:
            raise ValueError(f"{argument!r}: write NAME=FOLDER, each name once, such as conv=pictures/conv")
        folders[name] = Path(path)
    return folders


def _check_numbers(items: int, repeats: float, checks: int) -> None:
    if items < 1:
        raise ValueError(f"items: {items}; give at least 1")
    if not 0 <= repeats <= MOST_REPEATS:
        raise ValueError(f"repeats: {repeats}; give a share from 0 to {MOST_REPEATS}, such as 0.1")
    if checks < 0:
        raise ValueError(f"checks: {checks}; give 0 or more")


def _draw_items(originals: Path, systems: Mapping[str, Path], count: int, seed: int) -> list[Sources]:
    if not systems:
        raise ValueError("no systems to rate; name at least one folder of reconstructions")
    found = _files(originals)
    made = {name: _files(path) for name, path in systems.items()}
    common = sorted(name for name in found if all(name in files for files in made.values()))
    if len(common) < count:
        raise ValueError(
            f"{count} items wanted, but only {len(common)} of the {len(found)} files in {originals} have their like in "
            f"{', '.join(map(str, systems.values()))}: ask for fewer, or give the files the same names"
        )
    names = random.Random(seed).sample(common, count)
    return [Sources(name, found[name], {system: files[name] for system, files in made.items()}) for name in names]


def _files(folder: Path) -> dict[str, Path]:
    """What can be shown, by its path in the folder without the ending; hidden files and links are left out."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.suffix.lower() in SHOWN_AS and path.is_file() and not path.is_symlink() and not hidden:
            name = inside.with_suffix("").as_posix()
            if name in found:
                raise ValueError(f"{path} and {found[name].name} differ in their ending alone: keep one")
            found[name] = path
    return found


def _one_ending(drawn: Sequence[Sources]) -> str:
    """That of all files in the study: an ending of its own would give a system away."""
    endings = {SHOWN_AS[path.suffix.lower()] for item in drawn for path in (item.original, *item.systems.values())}
    if len(endings) > 1:
        raise ValueError(f"a study shows pictures, GIF or MP4 films, not {' and '.join(sorted(endings))} together")
    return endings.pop()


def _random_name(ending: str) -> str:
    return secrets.token_hex(8) + ending


def _pairs(drawn: Sequence[Sources], ending: str) -> list[Pair]:
    systems = list(drawn[0].systems)
    secrets.SystemRandom().shuffle(systems)
    return [
        Pair(
            Shown(_random_name(ending), item.original),
            {
                str(blind): Shown(
                    _random_name(ending), item.systems[system], origin=Origin(item=item.name, system=system)
                )
                for blind, system in enumerate(systems, start=1)
            },
        )
        for item in drawn
    ]


def _check_pair(drawn: Sequence[Sources], index: int, ending: str) -> Pair:
    item, opposite = (drawn[(index + offset) % len(drawn)] for offset in (0, max(1, len(drawn) // 2)))
    name, picture = _random_name(ending), ending == ".png"
    if index % 2 == 0:
        stimulus = Shown(name, item.original, origin=Origin(item=item.name, check="same"))
    else:
        if opposite is item and not picture:
            raise ValueError("attention checks on films need at least 2 items; ask for more items or --checks 0")
        source = item if picture else opposite
        stimulus = Shown(name, source.original, blurred=picture, origin=Origin(item=item.name, check="other"))
    return Pair(Shown(_random_name(ending), item.original), {"check": stimulus})


def _plan(title: str, repeats: int, pairs: Sequence[Pair], controls: Sequence[Pair]) -> Plan:
    return Plan(
        format="signtok-study",
        version="1",
        title=title,
        question=QUESTION,
        repeats=repeats,
        items=tuple(
            Item(original=pair.original.name, stimuli={blind: shown.name for blind, shown in pair.stimuli.items()})
            for pair in pairs
        ),
        checks=tuple(Check(original=pair.original.name, stimulus=pair.stimuli["check"].name) for pair in controls),
    )


def _write(out: Path, plan: Plan, pairs: Sequence[Pair], seed: int) -> None:
    """All of it or nothing, and never a study without its key."""
    files = [shown for pair in pairs for shown in (pair.original, *pair.stimuli.values())]
    origins = {shown.name: shown.origin for shown in files if shown.origin}
    key = Key(format="signtok-study-key", version="1", seed=seed, stimuli=origins)
    with atomic_folder(out) as folder:
        (folder / "stimuli").mkdir()
        (folder / "ratings").mkdir()
        for shown in sorted(files, key=lambda shown: shown.name):  # the order of writing tells nothing either
            _copy(shown, folder / "stimuli" / shown.name)
        write_text(folder / "study.json", plan.model_dump_json(indent=2) + "\n")
        write_text(private_folder(out) / "key.json", key.model_dump_json(indent=2) + "\n")


def _copy(shown: Shown, target: Path) -> None:
    if target.suffix == ".png":
        picture = Image.fromarray(read_picture(shown.source))
        (_blur(picture) if shown.blurred else picture).save(target)
    else:
        _check_film(shown.source)
        shutil.copyfile(shown.source, target)


def _blur(picture: Image.Image) -> Image.Image:
    small = picture.resize((BLURRED, BLURRED), Image.Resampling.BOX)
    return small.resize(picture.size, Image.Resampling.BICUBIC)


def _check_film(path: Path) -> None:
    """By its first bytes, so that no browser is given what is something else."""
    with open(path, "rb") as file:
        start = file.read(8)
    is_gif, is_mp4 = start.startswith(b"GIF8"), start.endswith(b"ftyp")
    if not (is_gif if path.suffix.lower() == ".gif" else is_mp4):
        raise ValueError(f"{path}: not the film that its name says, or damaged; copy it again or leave it out")
