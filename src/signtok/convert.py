"""Files in, files out: what the verbs encode, decode, reconstruct, compose and generate do; each returns a line."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from tqdm import tqdm

from signtok.atomic import atomic_path, check_file
from signtok.config import ComposeConfig
from signtok.convert_pictures import SHEET, decode_pictures, encode_pictures, picture_files, reconstruct_pictures
from signtok.data.compose import compose, place
from signtok.data.generate import check_text, generate
from signtok.data.handshapes import packaged_handshapes
from signtok.data.kaggle_writer import write_kaggle
from signtok.data.landmarks import open_recordings
from signtok.data.normalise import Placement
from signtok.data.npz_file import write_npz
from signtok.data.pose_file import write_pose
from signtok.data.recording import Recording
from signtok.data.render import CLASSES, pictures
from signtok.data.takes import make_bank
from signtok.evaluation.codes import CodeCounts
from signtok.evaluation.reconstruction import landmark_error
from signtok.film import write_gif, write_mp4
from signtok.hub import LandmarkTokenizer, PictureTokenizer, Tokens, load
from signtok.report import PageItem, reconstruction_page
from signtok.tokens import TokenSequence, TokenWriter, read_tokens

FILMS = {".gif": write_gif, ".mp4": write_mp4}


def to_sequence(recording: Recording, tokens: Tokens) -> TokenSequence:
    """Tokens with all that a token file keeps of where they are from."""
    assert tokens.placement is not None
    return TokenSequence(
        ids=np.asarray(tokens),
        frame_numbers=recording.frame_numbers,
        frames_per_second=recording.frames_per_second,
        name=recording.name,
        text=recording.text,
        signer=recording.signer,
        source=recording.source,
        licence=recording.licence,
        mean_x=tokens.placement.mean[0],
        mean_y=tokens.placement.mean[1],
        scale_x=tokens.placement.scale[0],
        scale_y=tokens.placement.scale[1],
        mirrored=tokens.placement.mirrored,
    )


def to_recording(
    tokenizer: LandmarkTokenizer,
    sequence: TokenSequence,
    codebooks: int | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> Recording:
    """The movement that a row of a token file stands for."""
    placement = Placement((sequence.mean_x, sequence.mean_y), (sequence.scale_x, sequence.scale_y), sequence.mirrored)
    landmarks = tokenizer.detokenize([Tokens(sequence.ids, placement)], codebooks, steps, seed)[0]
    return Recording(
        landmarks=landmarks,
        frame_numbers=sequence.frame_numbers,
        frames_per_second=sequence.frames_per_second,
        name=sequence.name,
        text=sequence.text,
        signer=sequence.signer,
        source=f"decoded from {sequence.source}" if sequence.source else "decoded",
        licence=sequence.licence,
    )


def check_output(out: Path, suffixes: tuple[str, ...]) -> None:
    """Before any work: raises ValueError for an output that cannot be written in the end."""
    if out.suffix.lower() not in suffixes:
        raise ValueError(f"{out}: name the output {' or '.join('NAME' + suffix for suffix in suffixes)}")
    check_file(out)


def discrete(tokenizer: LandmarkTokenizer) -> LandmarkTokenizer:
    if tokenizer.codebooks == 0:
        raise ValueError(f"tokenizer {tokenizer.name} is continuous and has no ids to write; use one with codebooks")
    return tokenizer


def encode_file(
    source: Path,
    out: Path,
    name: str,
    licence: str = "",
    bits: Literal[16, 32] | None = None,
    refine: int | None = None,
    full_size: bool = False,
) -> str:
    """A token file of whatever the tokenizer takes; licence: of what says nothing of its own; bits, refine, full_size:
    of pictures alone."""
    check_output(out, (".parquet",))
    tokenizer = load(name)
    if isinstance(tokenizer, PictureTokenizer):
        return encode_pictures(tokenizer, source, out, licence, bits or 16, refine, fit=not full_size)
    if bits or refine is not None or full_size:
        raise ValueError(
            f"--bits, --refine and --full-size are for pictures, and {tokenizer.name} is of landmarks; leave them out"
        )
    return encode_recordings(discrete(tokenizer), source, out, licence)


def encode_recordings(tokenizer: LandmarkTokenizer, source: Path, out: Path, licence: str) -> str:
    counts = CodeCounts(tokenizer.codebooks, tokenizer.codes)
    recordings = frames = dropped = 0
    writer = TokenWriter(out, tokenizer.name, tokenizer.fingerprint, tokenizer.codebooks, tokenizer.codes)
    with writer:
        for recording in tqdm(open_recordings(source), desc="encode", unit=" recordings", disable=None):
            if len(recording) == 0:
                dropped += recording.frames_dropped
                continue
            tokens = tokenizer.tokenize([recording.landmarks])[0]
            writer.write(to_sequence(replace(recording, licence=recording.licence or licence), tokens))
            counts.add(np.asarray(tokens))
            recordings, frames = recordings + 1, frames + len(recording)
            dropped += recording.frames_dropped
        if recordings == 0:
            raise ValueError(f"{source}: no recording with a hand in it; nothing was written")
    rate = counts.bit_rate(30.0)
    return (
        f"{out}: {recordings} recordings, {frames} frames, {tokenizer.codebooks} tokens a frame, "
        f"{rate.bits_per_frame:g} bits a frame ({rate.entropy_bits_per_frame:.1f} by entropy); "
        f"{dropped} frames without a hand left out"
    )


def decode_file(path: Path, out: Path, name: str, codebooks: int | None, steps: int | None, seed: int) -> str:
    """What a token file stands for."""
    tokenizer = load(name)
    if isinstance(tokenizer, PictureTokenizer):
        return decode_pictures(tokenizer, path, out, codebooks, steps, seed)
    return decode_recordings(discrete(tokenizer), path, out, codebooks, steps, seed)


def decode_recordings(
    tokenizer: LandmarkTokenizer, path: Path, out: Path, codebooks: int | None, steps: int | None, seed: int
) -> str:
    sequences = read_tokens(path, tokenizer.fingerprint, tokenizer.name)
    check_output(out, (".npz", ".pose", *FILMS))
    recordings = (
        to_recording(tokenizer, s, codebooks, steps, seed) for s in tqdm(sequences, desc="decode", disable=None)
    )
    if out.suffix.lower() == ".npz":
        decoded = list(recordings)
        write_npz(out, decoded)
        return f"{out}: {len(decoded)} recordings"
    written = [_write_one(recording, target) for recording, target in _numbered(recordings, out)]
    if not written:
        raise ValueError(f"{path}: no recordings in this token file")
    return f"{written[0]}" + (f" ... {written[-1]}: {len(written)} files" if len(written) > 1 else "")


def _numbered(recordings: Iterator[Recording], out: Path) -> Iterator[tuple[Recording, Path]]:
    """NAME.gif for the first, NAME-1.gif and so on for the others."""
    for index, recording in enumerate(recordings):
        yield recording, out if index == 0 else out.with_stem(f"{out.stem}-{index}")


def _write_one(recording: Recording, out: Path) -> Path:
    if out.suffix.lower() == ".pose":
        write_pose(out, recording)
    else:
        FILMS[out.suffix.lower()](out, [recording], [recording.text or recording.name])
    return out


def through_tokens(
    tokenizer: LandmarkTokenizer, recording: Recording, steps: int | None = None, seed: int = 0
) -> PageItem:
    """A recording before and after, with its tokens, what was read and the error."""
    tokens = tokenizer.tokenize([recording.landmarks])[0]
    after = to_recording(tokenizer, to_sequence(recording, tokens), steps=steps, seed=seed)
    error = landmark_error(recording.landmarks, after.landmarks)
    bits = tokenizer.info().bits
    return PageItem(
        title=recording.name or recording.label or "recording",
        before=recording,
        after=after,
        ids=np.asarray(tokens),
        text=recording.text,
        read=tokenizer.read([tokens])[0] if tokenizer.model.head is not None else None,
        facts={
            "landmark error": f"{100 * error.all.value:.2f} % of the hand",
            "fingertips": f"{100 * error.fingertips.value:.2f} %",
            "bit rate": f"{bits:g} bits a frame, {bits * recording.frames_per_second / 1000:.2f} kbit/s",
        },
    )


def reconstruct_file(
    source: Path, out: Path | None, name: str, limit: int, steps: int | None = None, seed: int = 0
) -> str:
    """Before and after, to look at."""
    tokenizer = load(name)
    if isinstance(tokenizer, PictureTokenizer):
        files, out = picture_files(source), out or Path("reconstruction.png")
        check_output(out, SHEET)
        return reconstruct_pictures(tokenizer, files, out, limit, steps, seed)
    recordings, out = open_recordings(source), out or Path("reconstruction.html")
    check_output(out, (".html", *FILMS))
    return reconstruct_recordings(discrete(tokenizer), recordings, source, out, limit, steps, seed)


def reconstruct_recordings(
    tokenizer: LandmarkTokenizer,
    recordings: Iterator[Recording],
    source: Path,
    out: Path,
    limit: int,
    steps: int | None,
    seed: int,
) -> str:
    items = []
    for recording in recordings:
        if len(recording):
            items.append(through_tokens(tokenizer, recording, steps, seed))
        if len(items) >= (limit if out.suffix.lower() == ".html" else 1):
            break
    if not items:
        raise ValueError(f"{source}: no recording with a hand in it")
    if out.suffix.lower() == ".html":
        reconstruction_page(out, items)
    else:
        FILMS[out.suffix.lower()](out, [items[0].before, items[0].after], ["before", "after"])
    return f"{out}: " + "; ".join(f"{key} {value}" for key, value in items[0].facts.items())


def compose_file(path: Path, out: Path, count: int, seed: int, left_handed: float) -> str:
    check_corpus(out, (".npz",))
    bank = make_bank(open_recordings(path))
    rng = np.random.default_rng(seed)
    phrases = (
        place(compose(bank, ComposeConfig(), rng), f"composed-{i:06d}", left_handed=rng.uniform() < left_handed)
        for i in tqdm(range(count), desc="compose", disable=None)
    )
    write_corpus(out, phrases)
    return f"{out}: {count} phrases composed from {len(bank)} takes by {len(bank.signers)} signers"


def check_corpus(out: Path, suffixes: tuple[str, ...]) -> None:
    """Raises ValueError for a name that is neither a folder's nor one of the suffixes'."""
    if out.suffix and out.suffix not in suffixes:
        raise ValueError(f"{out}: name NAME{' or NAME'.join(suffixes)}, or a folder for the Kaggle layout")


def write_corpus(out: Path, recordings: Iterator[Recording]) -> None:
    """By the name: .npz, numbered .pose files, or a folder in the Kaggle layout."""
    if out.suffix == ".npz":
        write_npz(out, recordings)
    elif out.suffix == ".pose":
        for recording, target in _numbered(recordings, out):
            write_pose(target, recording)
    else:
        write_kaggle(out, recordings)


def generate_file(out: Path, count: int, seed: int, text: str | None, gaps: bool) -> str:
    """`count` recordings of generated signers."""
    check_corpus(out, (".npz", ".pose"))
    check_count(count)
    table = packaged_handshapes()
    check_text(table, text)
    made = generate(table, count, seed, text, gaps)
    write_corpus(out, iter(tqdm(made, desc="generate", total=count, disable=None)))
    return f"{out}: {count} generated recordings"


def generate_picture_files(out: Path, count: int, seed: int, size: int) -> str:
    """`count` pictures as OUT/CLASS/NUMBER.jpg, the classes in turn."""
    check_count(count)
    made = pictures(packaged_handshapes(), count, seed, size)
    for index, (name, picture) in enumerate(tqdm(made, desc="generate", total=count, disable=None)):
        with atomic_path(out / name / f"{index:06d}.jpg") as temporary:
            Image.fromarray(picture).save(temporary, quality=92)
    return f"{out}: {count} generated pictures of {len(CLASSES)} classes"


def check_count(count: int) -> None:
    if count < 1:
        raise ValueError(f"count {count}: ask for at least one")
