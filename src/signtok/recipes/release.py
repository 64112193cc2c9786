"""From a run to a packaged tokenizer: weights, scores and the model card that is written from them.

    python -m signtok.recipes.release runs/fingerspelling --data FOLDER --out src/signtok/pretrained/fingerspelling
    python -m signtok.recipes.release runs/hands-conv --data TRAINED_ON OTHER --licence "Apache-2.0, keptsecret" \\
        --out src/signtok/pretrained/hands-conv

Sources that the run was trained on are tested on their held-out part, all others whole: their signers were never seen.
So are folders of pictures, of which the first is the one that the run was trained on.
"""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from signtok.config import Source
from signtok.data.sources import SOURCES
from signtok.evaluation.held_out import evaluate_sources
from signtok.evaluation.score import Score, table, write_scores
from signtok.hub import LandmarkTokenizer, PictureTokenizer, load
from signtok.recipes.release_pictures import release_pictures

CARD = """---
library_name: signtok
license: mit
tags: [sign-language, fingerspelling, tokenizer, residual-vq]
---

# {name}

Tokens for fingerspelling hands: {parameters:,} parameters, {codebooks} codebooks of {codes} codes, {bits:g} bits and
one row of tokens a frame. It keeps the movement and, by its CTC head, the letters. After Abzaliev and Mihalcea,
"Unsupervised Discrete Representations of American Sign Language" (EMNLP 2024), with signtok's own stem, normalisation
and augmentation.

    import signtok
    tok = signtok.load("{name}")
    ids = tok.tokenize([landmarks])   # (T, 42, 2) in [0, 1] picture coordinates, NaN where not seen, or (T, 21, 2)
    back, text = tok.detokenize(ids), tok.read(ids)

## Trained on

{data}

Phrases were composed from takes of single letters, and {generated:.0%} of the sequences were spelled by generated
signers, drawn from handshapes fitted to these sources. No continuous fingerspelling was seen. Landmarks are
MediaPipe's.

## Scores

With 95 % bootstrap intervals over recordings or phrases. Recognition is (N - D) / N over phrases composed from held-out
takes; the landmark error is in per cent of the hand (wrist to middle fingertip along the bones).

{scores}

## Limits

Few signers (about ten people) taught it, all before a camera, signing single letters. Fast continuous spelling,
young hands, views from the side and left-handed signers (mirrored before encoding) were tested little or not at all.
Digits share handshapes with letters and are told apart by context alone. It is no measure of how well somebody signs.
"""


@dataclass(frozen=True)
class Release:
    """python -m signtok.recipes.release RUN --data FOLDER --out FOLDER"""

    run: Positional[Path]
    data: tuple[Path, ...]
    """The folder of the landmark sources; of pictures, the folder that the run was trained on, then any others."""
    out: Path
    licence: str = ""
    """Of the pictures that the run was trained on, and whose they are; landmark sources have their own."""


def without_folders(tokenizer: LandmarkTokenizer) -> LandmarkTokenizer:
    """The configuration names files, not the folders of the machine that trained it."""
    sources = tuple(_bare(source) for source in tokenizer.settings.data.sources)
    data = tokenizer.settings.data.model_copy(update={"sources": sources})
    tokenizer.settings = tokenizer.settings.model_copy(update={"data": data})
    return tokenizer


def _bare(source: Source) -> Source:
    return source.model_copy(update={"path": Path(source.path).name})


def write_card(tokenizer: LandmarkTokenizer, groups: dict[str, list[Score]]) -> str:
    info = tokenizer.info()
    sources = [SOURCES[Path(source.path).stem] for source in tokenizer.settings.data.sources]
    return CARD.format(
        name=info.name,
        parameters=info.parameters,
        codebooks=tokenizer.codebooks,
        codes=tokenizer.codes,
        bits=info.bits,
        generated=tokenizer.settings.data.generated,
        data="\n".join(f"- {Path(s.path).stem}: {s.origin}, {s.licence}" for s in sources),
        scores="\n\n".join(f"### {title}\n\n{table(scores)}" for title, scores in groups.items()),
    )


def release_landmarks(tokenizer: LandmarkTokenizer, data: Path, out: Path) -> list[Score]:
    """Writes the tokenizer with its card, and returns its scores."""
    tokenizer = without_folders(tokenizer)
    groups = evaluate_sources(tokenizer, str(data), None)
    tokenizer.card = write_card(tokenizer, groups)
    tokenizer.save_pretrained(out)
    return [score for scores in groups.values() for score in scores]


def release(options: Release) -> None:
    """Raises ValueError for folders and a licence that do not fit the kind of the run."""
    tokenizer = load(options.run)
    if not options.data:
        raise ValueError("--data is missing: name a folder to test on")
    if isinstance(tokenizer, PictureTokenizer):
        scores = release_pictures(tokenizer, options.data, options.licence, options.out)
    elif len(options.data) > 1 or options.licence:
        raise ValueError(f"{tokenizer.name} is of landmarks: give one folder of sources, whose licences are known")
    else:
        scores = release_landmarks(tokenizer, options.data[0], options.out)
    write_scores(options.out / "scores.json", scores)
    print(f"{options.out}: {load(options.out).fingerprint}")


if __name__ == "__main__":
    import tyro

    release(tyro.cli(Release))
