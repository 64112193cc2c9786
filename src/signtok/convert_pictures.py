"""Pictures in, token files out, and back: the verbs encode, decode and reconstruct of picture tokenizers."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo
from tqdm import tqdm

from signtok.atomic import atomic_folder, atomic_path
from signtok.data.picture import SUFFIXES, PicturePlacement, fit_picture, read_picture
from signtok.data.picture_folder import PictureFile, each_picture, list_pictures, readable
from signtok.data.split import spaced
from signtok.draw import INK, PAPER
from signtok.hub.base import check_codebooks
from signtok.hub.pictures import PictureTokenizer, PictureTokens
from signtok.tokens.latents import LatentKind, LatentWriter, PictureLatent, read_latents

SHEET = (".png", ".jpg")
CELL, GAP, HEAD = 128, 4, 22


def picture_files(source: Path) -> list[PictureFile]:
    """The pictures of a folder, or the one that is named. Raises ValueError where there is none."""
    if source.is_file() and source.suffix.lower() in SUFFIXES:
        return [PictureFile(source, readable(source.name), "", -1)]
    return list_pictures(source)


def encode_pictures(
    tokenizer: PictureTokenizer,
    source: Path,
    out: Path,
    licence: str,
    bits: Literal[16, 32],
    refine: int | None,
    fit: bool,
) -> str:
    """Every picture of the folder into one token file; those that cannot be read are counted and named."""
    files = picture_files(source)
    lost: list[str] = []
    if tokenizer.codes and bits == 32:
        raise ValueError(f"--bits 32: {tokenizer.name} has ids, which are whole numbers; leave it out")
    tokenizer.check_choices(refine, fit)
    kind = LatentKind(tokenizer.shape[-1], tokenizer.codes, bits)
    with LatentWriter(out, tokenizer.name, tokenizer.fingerprint, kind) as writer:
        for _, row in each_picture(
            files, lambda file: to_row(tokenizer, kind, file, source, licence, refine, fit), "encode"
        ):
            if isinstance(row, ValueError):
                lost.append(str(row))
            else:
                writer.write(row)
        if len(lost) == len(files):
            raise ValueError(f"{lost[0]}; nothing was written")
    rate = f"{tokenizer.width} {tokenizer.unit}, {tokenizer.bits(bits):,.0f} bits a picture"
    if not fit:
        rate = f"{kind.numbers} {tokenizer.unit} for {tokenizer.stride} x {tokenizer.stride} pixels"
    left_out = f"; {len(lost)} left out, the first: {lost[0]}" if lost else ""
    return f"{out}: {len(files) - len(lost):,} pictures, {rate}{left_out}"


def to_row(
    tokenizer: PictureTokenizer,
    kind: LatentKind,
    file: PictureFile,
    source: Path,
    licence: str,
    refine: int | None,
    fit: bool,
) -> PictureLatent:
    """Raises ValueError for a picture that cannot be read, and for tokens that the file cannot hold."""
    picture = read_picture(file.path)
    tokens = np.asarray(tokenizer.tokenize([picture], refine, fit)[0])
    row = PictureLatent(
        latent=tokens if tokens.ndim == 3 else tokens[None, None],
        height=picture.shape[0],
        width=picture.shape[1],
        fitted=fit,
        name=file.name,
        label=file.label,
        source=readable(source.name),
        licence=licence,
    )
    kind.check(row)
    return row


def decode_pictures(
    tokenizer: PictureTokenizer, path: Path, out: Path, codebooks: int | None, steps: int | None, seed: int
) -> str:
    """A token file to OUT/CLASS/NAME.png, each of the size that it had; OUT appears when all are there."""
    check_codebooks(codebooks, tokenizer.codebooks)
    rows = read_latents(path, tokenizer.fingerprint, tokenizer.name)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} exists; name a new folder for the pictures")
    if out.suffix.lower() in (*SUFFIXES, ".parquet", ".npz", ".gif", ".mp4", ".html"):
        raise ValueError(f"{out}: name a folder for the pictures")
    if out.is_symlink() or out.is_mount():
        raise ValueError(f"{out} is a link or a mounted disk: name a new folder in it, {out / 'pictures'}")
    with atomic_folder(out) as folder:
        targets: set[Path] = set()
        for row in tqdm(rows, desc="decode", unit=" pictures", disable=None):
            name = f"{safe_name(Path(row.name).stem) or 'picture'}.png"
            target = unused(folder / safe_name(row.label) / name, targets)
            target.parent.mkdir(exist_ok=True)
            tokens = row.latent if len(tokenizer.shape) == 3 else row.latent[0, 0]
            placed = PictureTokens(tokens, PicturePlacement(row.height, row.width, row.fitted))
            about = PngInfo()
            if row.licence:
                about.add_itxt("Copyright", row.licence)
            try:
                (picture,) = tokenizer.detokenize([placed], codebooks, steps, seed)
            except ValueError as error:
                raise ValueError(f"{path.name}, {row.name!r}: {error}") from None
            Image.fromarray(picture).save(target, pnginfo=about)
        if not targets:
            raise ValueError(f"{path}: no pictures in this token file")
    return f"{out}: {len(targets):,} pictures"


def safe_name(name: str) -> str:
    """Letters of any script, digits, - and _ alone, 200 bytes at most: a name can lead nowhere. Empty for no name."""
    return re.sub(r"[^\w-]", "_", name).encode()[:200].decode(errors="ignore")


def unused(path: Path, taken: set[Path]) -> Path:
    """`path`, or with a number where the file has had the name before."""
    number, first = 1, path
    while path in taken:
        path, number = first.with_stem(f"{first.stem}-{number}"), number + 1
    taken.add(path)
    return path


def reconstruct_pictures(
    tokenizer: PictureTokenizer, files: Sequence[PictureFile], out: Path, limit: int, steps: int | None, seed: int
) -> str:
    """Pictures before and after, side by side in one sheet."""
    if limit < 1:
        raise ValueError(f"--limit {limit}: show at least one picture")
    chosen = [files[i] for i in spaced(np.arange(len(files)), limit)]
    read = [(file, picture) for file, picture in each_picture(chosen, lambda f: read_picture(f.path), "read")]
    befores = [(file, picture) for file, picture in read if not isinstance(picture, ValueError)]
    if not befores:
        raise ValueError(str(read[0][1]))
    afters = tokenizer.detokenize(tokenizer.tokenize([picture for _, picture in befores]), steps=steps, seed=seed)
    squares = [
        (fit_picture(b, tokenizer.size), fit_picture(a, tokenizer.size))
        for (_, b), a in zip(befores, afters, strict=True)
    ]
    errors = [np.square((b.astype(np.float64) - a) / 255).mean() for b, a in squares]
    with atomic_path(out) as temporary:
        sheet([file.label or file.name for file, _ in befores], squares).save(temporary)
    return f"{out}: {len(squares)} pictures, mean squared error {np.mean(errors):.5f}"


def sheet(
    titles: Sequence[str], pairs: Sequence[tuple[UInt8[np.ndarray, "s s 3"], UInt8[np.ndarray, "s s 3"]]]
) -> Image.Image:
    """A grid of pairs, the original at the left of each, under its title."""
    columns = min(4, len(pairs))
    rows = -(-len(pairs) // columns)
    wide, high = 2 * CELL + 3 * GAP, CELL + HEAD + GAP
    image = Image.new("RGB", (columns * wide + GAP, rows * high + GAP), PAPER)
    pen = ImageDraw.Draw(image)
    for index, (title, pair) in enumerate(zip(titles, pairs, strict=True)):
        left, top = GAP + index % columns * wide, GAP + index // columns * high
        pen.text((left, top + 4), f"{title}: before, after", fill=INK)
        for place, picture in enumerate(pair):
            cell = Image.fromarray(picture).resize(
                (CELL, CELL), Image.Resampling.NEAREST if len(picture) <= CELL else Image.Resampling.LANCZOS
            )
            image.paste(cell, (left + place * (CELL + GAP), top + HEAD))
    return image
