"""From a folder of sources to what a run trains on, is chosen by and is tested on."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from signtok.config import Source
from signtok.data.handshapes import Handshapes
from signtok.data.recording import Recording, drop_empty_frames
from signtok.data.sources import read_source
from signtok.data.split import Parts, split


@dataclass(frozen=True, eq=False)
class Library:
    """Each source's recordings by part, frames without a hand dropped."""

    parts: dict[str, Parts]

    def train(self) -> list[Recording]:
        return [recording for part in self.parts.values() for recording in part.train]

    def validation(self) -> list[Recording]:
        return [recording for part in self.parts.values() for recording in part.validation]

    def test(self) -> list[Recording]:
        return [recording for part in self.parts.values() for recording in part.test]

    def data_hash(self, handshapes: Handshapes | None) -> str:
        """Of every training and validation landmark, in order, and of the handshapes of generated signers."""
        digest = hashlib.sha256()
        for recording in self.train() + self.validation():
            digest.update(recording.landmarks.tobytes())
            digest.update((recording.text or "").encode())
        if handshapes is not None:
            digest.update(handshapes.angles.tobytes())
            digest.update(handshapes.turns.tobytes())
        return digest.hexdigest()[:16]


def read_library(sources: Iterable[Source]) -> Library:
    """Raises ValueError as the readers do. Without sources it is empty."""
    parts = {}
    for source in sources:
        recordings = [drop_empty_frames(recording) for recording in read_source(source)]
        parts[recordings[0].source] = split(recordings, source.split)
    return Library(parts)
