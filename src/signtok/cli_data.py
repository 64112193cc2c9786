"""The verbs of `signtok data`; see cli.py."""

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional, arg

data_app = tyro.extras.SubcommandApp()

Path_ = Annotated[Path, arg(metavar="PATH")]


@data_app.command(name="inspect")
def inspect_(path: Positional[Path_], sheet: Path_ | None = Path("contact-sheet.png")) -> None:
    """Counts, lengths, missing landmarks, handedness; of pictures their classes, sizes and faults; and a contact sheet.

    Example: signtok data inspect recordings.npz --sheet sheet.png
             signtok data inspect pictures/

    Args:
        path: recordings, as for encode, or a folder with a folder of pictures for each class.
        sheet: where to draw one hand, or a row of pictures, of each label; None draws none.
    """
    from signtok.data.inspect import contact_sheet, inspect
    from signtok.data.inspect_pictures import inspect_pictures, is_picture_folder, picture_sheet
    from signtok.data.landmarks import open_recordings

    if is_picture_folder(path):
        pictures = inspect_pictures(path)
        print(pictures)
        if sheet is not None:
            picture_sheet(pictures.files, sheet)
    else:
        print(inspect(open_recordings(path, drop_empty=True)))
        if sheet is not None:
            contact_sheet(open_recordings(path), sheet)
    if sheet is not None:
        print(f"\ndrawn in {sheet}")


@data_app.command(name="compose")
def compose_(path: Positional[Path_], out: Path_, count: int = 100, seed: int = 0, left_handed: float = 0.1) -> None:
    """Phrases composed from recordings of single letters: never call them real.

    Example: signtok data compose letters.npz --out corpus/ --count 1000

    Args:
        path: recordings labelled with one letter each, as for encode.
        out: NAME.npz, or a folder for the Kaggle layout (parquet and train.csv).
        count: how many phrases.
        seed: the same seed gives the same phrases.
        left_handed: share of mirrored phrases.
    """
    from signtok.convert import compose_file

    print(compose_file(path, out, count, seed, left_handed))


@data_app.command(name="generate")
def generate_(
    out: Path_,
    count: int = 100,
    seed: int = 0,
    text: str | None = None,
    gaps: bool = True,
    pictures: int | None = None,
) -> None:
    """Fingerspelling by signers who never lived: landmarks with their texts, or pictures of handshapes.

    Example: signtok data generate --out corpus/ --count 1000
             signtok data generate --out hello.npz --count 10 --text hello
             signtok data generate --out pictures/ --count 2900 --pictures 64

    Args:
        out: NAME.npz, NAME.pose (numbered), or a folder: the Kaggle layout (parquet and train.csv), or a folder of
            JPEG files for each class.
        count: how many recordings or pictures.
        seed: the same seed gives the same ones.
        text: what all of them spell; addresses, numbers, names and words by default.
        gaps: leave frames out as a tracker does that finds the hand in two of three.
        pictures: their size in pixels, 32 to 512; without it, landmarks.
    """
    from signtok.convert import generate_file, generate_picture_files

    if pictures is None:
        print(generate_file(out, count, seed, text, gaps))
    else:
        print(generate_picture_files(out, count, seed, pictures))


@data_app.command(name="pack")
def pack_(path: Positional[Path_], out: Path_) -> None:
    """Recordings into one memory-mapped corpus, whatever its length, for fast training.

    Example: signtok data pack asl-fingerspelling/ --out corpus/

    Args:
        path: recordings, as for encode.
        out: the corpus folder to write.
    """
    from signtok.data.corpus import pack
    from signtok.data.landmarks import open_recordings

    corpus = pack(open_recordings(path), out)
    print(f"{len(corpus)} recordings in {out}")
