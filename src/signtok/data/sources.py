"""The public sets of hand shapes that signtok knows: where they are from, their licence, and how they are divided."""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from signtok.config import BlockSplit, SignerSplit, Source, TakeSplit, TrainOnly
from signtok.data.landmarks import open_recordings
from signtok.data.npz_file import read_npz
from signtok.data.recording import Recording

SOURCES = {
    "letters_photos": Source(
        path="letters_photos.npz",
        split=BlockSplit(size=44, gap=4),
        licence="Apache-2.0",
        origin="https://github.com/keptsecret/ASLAlphabets",
    ),
    "letters_massey": Source(
        path="letters_massey.npz",
        split=SignerSplit(test=("hand5",), validation=("hand4",)),
        licence="CC0-1.0",
        origin="Massey University; Kaggle ayuraj/asl-dataset; "
        "https://github.com/snrao310/ASL-Finger-Spelling-Recognition",
    ),
    "signs_video": Source(
        path="signs_video.npz",
        split=TrainOnly(),
        licence="MIT",
        origin="https://github.com/shravnchandr/ASL-App",
        skip=("j", "z"),  # the tracker shows an open hand in both clips
    ),
    "letters_webcam": Source(
        path="letters_webcam.npz",
        split=TakeSplit(test_from=25, validation_from=23),
        licence="not stated",
        origin="https://github.com/Yumenin/LSTM-FSL-Alphabet",
    ),
    "letters_foursigner": Source(
        path="letters_foursigner.npz",
        split=SignerSplit(test=("4",), validation=("3",)),
        licence="not stated",
        origin="https://github.com/Bhavya-97/Sign-Language-Alphabet-Recogniser",
    ),
    "letters_grassknoted": Source(
        path="letters_grassknoted.npz",
        split=BlockSplit(size=100, gap=20),
        licence="GPL-2.0",
        origin="Kaggle grassknoted/asl-alphabet; https://github.com/KarimaTaira/american_sign_language_prediction",
    ),
    "kaggle_asl_signs": Source(
        path="kaggle_asl_signs.npz",
        # Three of 21 people (15 % of the sequences) and two (9 %): evenly spaced in the sorted list of their ids.
        split=SignerSplit(test=("16069", "29302", "49445"), validation=("25571", "36257")),
        licence="Kaggle asl-signs competition rules",
        origin="Kaggle asl-signs; https://github.com/jojangandha-saha/asl_signs_isl",
    ),
}

PERMISSIVE = ("letters_photos", "letters_massey", "signs_video")
"""What weights that are given away may be trained on."""

SIGNER_ENDS = {"letters_foursigner": (250, 500, 750)}
"""The last frame of each signer but the last, where a set keeps its signers in blocks of frames."""


def find_sources(
    folder: str | os.PathLike[str], names: Sequence[str] | None = None, without: Collection[str] = ()
) -> dict[str, Source]:
    """The known sources whose file lies in `folder`, by name; their path then has the folder in it.

    names: only these, and all of them must be there; without: not these.
    Raises ValueError for an unknown name, for a name that is not in the folder, and when nothing is left.
    """
    for name in (*(names or ()), *without):
        if name not in SOURCES:
            raise ValueError(f"unknown source {name!r}; the known ones are: {', '.join(SOURCES)}")
    wanted = [name for name in (SOURCES if names is None else names) if name not in without]
    present = {name: SOURCES[name] for name in wanted if (Path(folder) / SOURCES[name].path).is_file()}
    if names is not None and len(present) < len(wanted):
        missing = ", ".join(SOURCES[name].path for name in wanted if name not in present)
        raise ValueError(f"{folder}: no {missing}; name the folder that holds it")
    if not present:
        raise ValueError(
            f"{folder}: none of {', '.join(SOURCES[name].path for name in wanted) or 'no sources'} is here"
        )
    return {
        name: source.model_copy(update={"path": str(Path(folder) / source.path)}) for name, source in present.items()
    }


def has_known_sources(folder: str | os.PathLike[str]) -> bool:
    """Whether any known source's file lies in `folder`."""
    return any((Path(folder) / source.path).is_file() for source in SOURCES.values())


def read_source(source: Source) -> Iterator[Recording]:
    """The recordings of a source that `find_sources` found, or of any `Source` whose path `open_recordings` can read.

    They carry the source's licence, and the name of its file as `source`.
    """
    name = Path(source.path).stem
    ends = SIGNER_ENDS.get(name)
    for recording in read_npz(source.path, ends) if ends else open_recordings(source.path):
        if recording.label not in source.skip:
            yield replace(recording, source=name, licence=source.licence or recording.licence)
