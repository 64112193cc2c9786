"""Small studies for the tests: three systems, and six pictures of which each system has its own shade."""

from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from signtok.app.make import make_study
from signtok.app.ratings import Rating
from signtok.app.study import Study, open_study, read_key

SYSTEMS = {"blurry-ff": 60, "sharp-conv": 120, "noisy-ddpm": 180}
NAMES = [f"{letter}/{letter}{number}" for letter in "AB" for number in range(3)]


def draw(path: Path, shade: int, seed: int) -> None:
    """A picture whose file says in plain text what it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texture = np.random.default_rng(seed).integers(0, 60, (24, 16, 3))
    notes = PngImagePlugin.PngInfo()
    notes.add_text("made by", path.parts[-3])
    image = Image.fromarray((shade + texture).astype(np.uint8))
    image.save(path, **({"pnginfo": notes} if path.suffix == ".png" else {"comment": path.parts[-3].encode()}))


def picture_folders(folder: Path) -> tuple[Path, dict[str, Path]]:
    """Originals as JPEG, what systems made of them as PNG."""
    for index, name in enumerate(NAMES):
        draw(folder / "originals" / f"{name}.jpg", 10, index)
        for system, shade in SYSTEMS.items():
            draw(folder / system / f"{name}.png", shade, index)
    return folder / "originals", {system: folder / system for system in SYSTEMS}


def small_study(folder: Path, **options) -> Study:
    """All six items, three repeats and four attention checks, unless told otherwise."""
    originals, systems = picture_folders(folder / "pictures")
    make_study(originals, systems, folder / "study", **({"items": 6, "repeats": 3 / 18, "checks": 4} | options))
    return open_study(folder / "study")


def a_rating(study: Study, index: int = 0, rating: int = 3, **fields) -> Rating:
    """Of the stimulus at `index` in the order of the files that are rated."""
    return Rating(
        stimulus=sorted(study.plan.rated())[index], **({"repeat": False, "seconds": 2.5} | fields), rating=rating
    )


def judge(study: Study, rating_of: dict[str, int]):
    """A rater who knows each system's worth, and passes the checks: Trial -> rating."""
    key = read_key(study)

    def rating(trial) -> int:
        origin = key.stimuli[trial.stimulus]
        return rating_of[origin.system] if origin.system else {"same": 5, "other": 1}[origin.check]

    return rating
