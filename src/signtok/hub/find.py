"""`signtok.load("fingerspelling")`: a tokenizer by its name or its folder."""

from pathlib import Path

from signtok.config import LandmarkConfig
from signtok.hub.landmarks import LandmarkTokenizer
from signtok.hub.pictures import PictureTokenizer
from signtok.training.checkpoint import read_config

PRETRAINED = Path(__file__).parents[1] / "pretrained"


def packaged() -> list[str]:
    """Names of the tokenizers that come with the package."""
    return (
        sorted(folder.name for folder in PRETRAINED.iterdir() if (folder / "config.json").is_file())
        if PRETRAINED.is_dir()
        else []
    )


def find_folder(name: str | Path) -> Path:
    """Of a packaged tokenizer, or the folder itself. Raises ValueError naming the packaged ones for anything else.

    A folder of pictures that is called as a packaged one does not hide it.
    """
    folder, known = Path(name), str(name) in packaged()
    if folder.is_dir() and ((folder / "config.json").exists() or not known):
        return folder
    if not known:
        raise ValueError(
            f"no tokenizer {str(name)!r}: give a folder with config.json and model.safetensors, "
            f"or one of: {', '.join(packaged())}"
        )
    return PRETRAINED / str(name)


def load(name: str | Path) -> LandmarkTokenizer | PictureTokenizer:
    """A tokenizer: the name of a packaged one ("fingerspelling"), or a folder that a training or save_pretrained wrote.

    Raises ValueError naming the packaged ones for anything else. From the Hugging Face Hub:
    LandmarkTokenizer.from_pretrained and PictureTokenizer.from_pretrained.
    """
    folder = find_folder(name)
    if isinstance(read_config(folder), LandmarkConfig):
        return LandmarkTokenizer.of_folder(folder)
    return PictureTokenizer.of_folder(folder)


def load_landmark_tokenizer(name: str | Path) -> LandmarkTokenizer:
    """`load` for what works on landmarks alone. Raises ValueError for a tokenizer of pictures."""
    tokenizer = load(name)
    if not isinstance(tokenizer, LandmarkTokenizer):
        raise ValueError(f"{tokenizer.name} is a tokenizer of pictures; this takes one of landmarks: fingerspelling")
    return tokenizer
