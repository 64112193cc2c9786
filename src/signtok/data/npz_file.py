"""Landmarks in NumPy files: the layouts of public sets, our own, and plain arrays. Nothing pickled is ever loaded."""

import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from signtok.atomic import atomic_path
from signtok.data.hands import keep_seen, landmarks_of
from signtok.data.labels import take_name, text_of_label
from signtok.data.recording import Recording

Arrays = Mapping[str, np.ndarray]

UNRELATED = 1000
"""Distance of the frame numbers of pictures that are not of one video: every frame is a cut."""

LAYOUTS = (
    "landmarks | landmarks, offsets | hand, label, frame | hand, label, take | "
    "right_hand, left_hand, offsets, label, fps | hands, offsets, sign, participant_id, sequence_id"
)


def read_npz(
    path: str | os.PathLike[str], signer_ends: Sequence[int] = (), drop_empty: bool = True
) -> Iterator[Recording]:
    """The recordings of an .npz file, whose layout is told by its keys (N frames, clips or pictures in all):

    - landmarks (T, 42, 2): one recording. landmarks (N, 42, 2), offsets (R+1,): recording i is offsets[i]:offsets[i+1].
      Both may have text, label, name, signer, source, licence, frames_per_second, frames_dropped (one each, or R), and
      frame_numbers (N,). Empty text means unknown. This is the layout of `write_npz`.
    - hand (N, 21, 3), label (N,), frame (N,): stills. One recording for each signer and label, in the order of `frame`,
      their place in a video. The signer is taken from a key `signer` (N,), or from `signer_ends`, the last `frame` of
      each signer but the last; with a key `filename` it is what stands before the first "_", and the stills are
      pictures that have nothing to do with each other, so their frame numbers lie `UNRELATED` apart.
    - hand (N, T, 21, 3), label (N,), take (N,): clips, named by `take_name`.
    - right_hand, left_hand (N, 21, 3), offsets (R+1,), label (R,), fps: clips.
    - hands (N, 42, 3), offsets (R+1,), sign (R,), participant_id (R,), sequence_id (R,): clips.

    21 points are a right hand. A third coordinate is dropped. A hand that is all zero or NaN was not seen.
    drop_empty: leave out frames without any hand; they are counted in `frames_dropped`.
    Raises ValueError for a file that is damaged, pickled or of another layout, and for arrays that do not fit together.
    """
    arrays = load_arrays(path)
    yield from keep_seen(_recordings(arrays, str(path), signer_ends), str(path), drop_empty)


def _recordings(arrays: Arrays, what: str, signer_ends: Sequence[int]) -> Iterator[Recording]:
    keys = arrays.keys()
    if "landmarks" in keys:
        return _ours(arrays, what)
    if keys >= {"hand", "label", "frame"}:
        return _stills(arrays, what, signer_ends)
    if keys >= {"hand", "label", "take"}:
        return _takes(arrays, what)
    if keys >= {"right_hand", "left_hand", "offsets", "label", "fps"}:
        return _two_hands(arrays, what)
    if keys >= {"hands", "offsets", "sign", "participant_id", "sequence_id"}:
        return _asl_signs(arrays, what)
    raise ValueError(f"{what}: unknown layout with keys {', '.join(sorted(keys))}; known are {LAYOUTS}")


def read_array(path: str | os.PathLike[str], drop_empty: bool = True) -> Iterator[Recording]:
    """The one recording of an .npy file, (T, 42, 2 or 3) or (T, 21, 2 or 3) (a right hand), named after the file.

    Raises ValueError for a file that is damaged, pickled or of another shape.
    """
    path = Path(path)
    landmarks = landmarks_of(load_arrays(path)["landmarks"], str(path))
    label = path.stem
    recording = Recording(landmarks, np.arange(len(landmarks)), name=label, text=text_of_label(label), label=label)
    yield from keep_seen([recording], str(path), drop_empty)


def write_npz(path: str | os.PathLike[str], recordings: Iterable[Recording]) -> None:
    """Write recordings in our own layout (see `read_npz`), atomically. Raises ValueError when there are none."""
    takes = list(recordings)
    if not takes:
        raise ValueError(f"{path}: no recordings to write")
    arrays = {
        "landmarks": np.concatenate([take.landmarks for take in takes]),
        "frame_numbers": np.concatenate([take.frame_numbers for take in takes]),
        "offsets": np.cumsum([0, *map(len, takes)]),
        "text": np.array([take.text or "" for take in takes]),
        "label": np.array([take.label for take in takes]),
        "name": np.array([take.name for take in takes]),
        "signer": np.array([take.signer for take in takes]),
        "source": np.array([take.source for take in takes]),
        "licence": np.array([take.licence for take in takes]),
        "frames_per_second": np.array([take.frames_per_second for take in takes]),
        "frames_dropped": np.array([take.frames_dropped for take in takes]),
    }
    # A handle, because np.savez adds .npz to names that do not end so.
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_arrays(path: str | os.PathLike[str]) -> Arrays:
    """All arrays of an .npz file; an .npy file is one called landmarks."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"landmarks": loaded}
        with loaded:
            return {key: loaded[key] for key in loaded.files}
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).splitlines()[0].split(". ")[0] if str(error) else "it is empty"
        raise ValueError(f"{path} is not a complete NumPy file of plain arrays ({reason}): copy it again") from error


def _check_lengths(arrays: Arrays, keys: Sequence[str], count: int, what: str) -> None:
    for key in keys:
        if arrays[key].shape[:1] != (count,):
            raise ValueError(f"{what}: {key} has shape {arrays[key].shape}; expected {count} entries")


def _pieces(offsets: np.ndarray, frames: int, what: str) -> list[slice]:
    """The slices offsets[i]:offsets[i+1], which must cover all frames in order."""
    good = offsets.ndim == 1 and offsets.dtype.kind in "iu" and len(offsets) >= 2
    if not (good and offsets[0] == 0 and offsets[-1] == frames and (np.diff(offsets.astype(np.int64)) >= 0).all()):
        raise ValueError(f"{what}: offsets must be integers that rise from 0 to {frames}, the number of frames")
    return [slice(start, stop) for start, stop in pairwise(offsets.tolist())]


def _ours(arrays: Arrays, what: str) -> Iterator[Recording]:
    landmarks = arrays["landmarks"]
    offsets = arrays.get("offsets", np.array([0, len(landmarks)]))
    pieces = _pieces(offsets, len(landmarks), what)
    _check_lengths(arrays, [key for key in ("frame_numbers",) if key in arrays], len(landmarks), what)
    for index, piece in enumerate(pieces):
        hands = landmarks_of(landmarks[piece], f"{what}: recording {index}")
        numbers = arrays["frame_numbers"][piece] if "frame_numbers" in arrays else np.arange(len(hands))
        yield Recording(
            landmarks=hands,
            frame_numbers=numbers.astype(np.int64),
            frames_per_second=float(_entry(arrays, "frames_per_second", index, len(pieces), 30.0, what)),
            name=str(_entry(arrays, "name", index, len(pieces), str(index), what)),
            text=str(_entry(arrays, "text", index, len(pieces), "", what)) or None,
            label=str(_entry(arrays, "label", index, len(pieces), "", what)),
            signer=str(_entry(arrays, "signer", index, len(pieces), "", what)),
            source=str(_entry(arrays, "source", index, len(pieces), "", what)),
            licence=str(_entry(arrays, "licence", index, len(pieces), "", what)),
            frames_dropped=int(_entry(arrays, "frames_dropped", index, len(pieces), 0, what)),
        )


def _entry(arrays: Arrays, key: str, index: int, count: int, default: str | float | int, what: str) -> Any:
    """What recording `index` has under `key`: its own entry, or the only one for all."""
    if key not in arrays:
        return default
    values = arrays[key].reshape(-1)
    if len(values) not in (1, count):
        raise ValueError(f"{what}: {key} has {len(values)} entries; expected 1 or {count}, one a recording")
    return values[index if len(values) == count else 0].item()


def _stills(arrays: Arrays, what: str, signer_ends: Sequence[int]) -> Iterator[Recording]:
    hand, label, frame = arrays["hand"], arrays["label"], arrays["frame"]
    _check_lengths(arrays, [key for key in ("label", "frame", "signer", "filename") if key in arrays], len(hand), what)
    signers = _signers(arrays, signer_ends)
    for signer in np.unique(signers):
        for word in np.unique(label[signers == signer]):
            rows = np.flatnonzero((signers == signer) & (label == word))
            rows = rows[np.argsort(frame[rows], kind="stable")]
            numbers = np.arange(len(rows)) * UNRELATED if "filename" in arrays else frame[rows]
            name = f"{signer}/{word}" if signer else str(word)
            yield Recording(
                landmarks=landmarks_of(hand[rows], f"{what}: {name}"),
                frame_numbers=numbers.astype(np.int64),
                name=name,
                text=text_of_label(str(word)),
                label=str(word),
                signer=str(signer),
            )


def _signers(arrays: Arrays, signer_ends: Sequence[int]) -> np.ndarray:
    """Who signs in each still: str (N,), empty where unknown."""
    if "signer" in arrays:
        return arrays["signer"].astype(str)
    if "filename" in arrays:
        return np.array([name.split("_")[0] for name in arrays["filename"].tolist()])
    if signer_ends:
        return (np.searchsorted(signer_ends, arrays["frame"]) + 1).astype(str)
    return np.full(len(arrays["frame"]), "")


def _takes(arrays: Arrays, what: str) -> Iterator[Recording]:
    _check_lengths(arrays, ["label", "take"], len(arrays["hand"]), what)
    for hand, label, take in zip(arrays["hand"], arrays["label"], arrays["take"], strict=True):
        name = take_name(str(label), int(take))
        landmarks = landmarks_of(hand, f"{what}: {name}")
        yield Recording(
            landmarks, np.arange(len(landmarks)), name=name, text=text_of_label(str(label)), label=str(label)
        )


def _two_hands(arrays: Arrays, what: str) -> Iterator[Recording]:
    left, right, labels = arrays["left_hand"], arrays["right_hand"], arrays["label"]
    pieces = _pieces(arrays["offsets"], len(right), what)
    _check_lengths(arrays, ["label"], len(pieces), what)
    _check_lengths(arrays, ["left_hand"], len(right), what)
    for label, piece in zip(labels.tolist(), pieces, strict=True):
        landmarks = landmarks_of(np.concatenate([left[piece], right[piece]], axis=1), f"{what}: {label}")
        yield Recording(
            landmarks=landmarks,
            frame_numbers=np.arange(len(landmarks)),
            frames_per_second=float(arrays["fps"]),
            name=label,
            text=text_of_label(label),
            label=label,
        )


def _asl_signs(arrays: Arrays, what: str) -> Iterator[Recording]:
    pieces = _pieces(arrays["offsets"], len(arrays["hands"]), what)
    _check_lengths(arrays, ["sign", "participant_id", "sequence_id"], len(pieces), what)
    for index, piece in enumerate(pieces):
        name, sign = str(arrays["sequence_id"][index]), str(arrays["sign"][index])
        landmarks = landmarks_of(arrays["hands"][piece], f"{what}: sequence {name}")
        yield Recording(
            landmarks=landmarks,
            frame_numbers=np.arange(len(landmarks)),
            name=name,
            text=text_of_label(sign),
            label=sign,
            signer=str(arrays["participant_id"][index]),
        )


def write_npy_header(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """At the start of the file. NumPy pads its header so that it stays as long however long the array grows."""
    file.seek(0)
    header = {"shape": shape, "fortran_order": False, "descr": np.lib.format.dtype_to_descr(dtype)}
    np.lib.format.write_array_header_1_0(file, header)
