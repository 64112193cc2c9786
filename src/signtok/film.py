"""Recordings as moving pictures: GIF through Pillow, MP4 through PyAV."""

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, pairwise
from types import ModuleType

import numpy as np
from PIL import Image

from signtok.atomic import atomic_path
from signtok.data.recording import Recording
from signtok.draw import draw_panels, view_box

Path = str | os.PathLike[str]
GIF_FRAMES_PER_SECOND = 50
"""Browsers slow down a GIF whose frames last less than two hundredths of a second."""


def write_gif(
    path: Path,
    recordings: Sequence[Recording],
    captions: Sequence[str] = (),
    frames_per_second: float | None = None,
    size: int = 320,
) -> None:
    """The recordings side by side as an endless GIF, each panel `size` pixels wide; the rate is the first one's own.

    GIF counts time in hundredths of a second: each frame is shown until the nearest one, so a film does not drift.
    Above 50 frames per second frames are left out. Raises ValueError for recordings of different lengths.
    """
    rate = _rate(recordings, captions, frames_per_second)
    step = int(np.ceil(rate / GIF_FRAMES_PER_SECOND))
    frames = _frames(recordings, captions, size, step)
    first = next(frames)
    palette = first.quantize(256, dither=Image.Dither.NONE)
    shown = -(-len(recordings[0]) // step)
    ticks = np.rint(np.arange(shown + 1) * step * 100 / rate).astype(int)
    rest = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    with atomic_path(path) as temporary:
        palette.save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=rest,
            duration=[int(stop - start) * 10 for start, stop in pairwise(ticks)],
            loop=0,
        )


def write_mp4(
    path: Path,
    recordings: Sequence[Recording],
    captions: Sequence[str] = (),
    frames_per_second: float | None = None,
    size: int = 320,
) -> None:
    """The recordings side by side as an MP4 film, each panel `size` pixels wide; the rate is the first one's own.

    The codec is VP9 (libvpx, BSD licence): current browsers play it inside MP4, and unlike H.264 through x264 it asks
    for no GPL build of FFmpeg. Raises ValueError for recordings of different lengths or where PyAV is not installed.
    """
    av = _import_av()
    rate = _rate(recordings, captions, frames_per_second)
    size += size % 2  # chroma is stored at half the resolution
    frames = _frames(recordings, captions, size)
    first = next(frames)
    height = first.height - first.height % 2
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libvpx-vp9", rate=Fraction(rate).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = first.width, height, "yuv420p"
        stream.options = {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6"}
        for image in chain([first], frames):
            picture = av.VideoFrame.from_image(image.crop((0, 0, image.width, height)))
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _import_av() -> ModuleType:
    try:
        import av
    except ImportError:
        raise ValueError("MP4 needs PyAV: pip install signtok[video], or write a .gif instead") from None
    return av


def _frames(
    recordings: Sequence[Recording], captions: Sequence[str], size: int, step: int = 1
) -> Iterator[Image.Image]:
    captions = captions or [""] * len(recordings)
    box = view_box(*(recording.landmarks for recording in recordings))
    for index in range(0, len(recordings[0]), step):
        yield draw_panels([recording.landmarks[index] for recording in recordings], captions, size, box)


def _rate(recordings: Sequence[Recording], captions: Sequence[str], frames_per_second: float | None) -> float:
    """Frames per second of the film, after checking that there is one to be made."""
    lengths = [len(recording) for recording in recordings]
    if len(set(lengths)) != 1 or 0 in lengths:
        raise ValueError(f"side by side needs recordings of one length, at least one frame; got {lengths} frames")
    if captions and len(captions) != len(recordings):
        raise ValueError(f"{len(recordings)} recordings but {len(captions)} captions; give one each, or none")
    rate = recordings[0].frames_per_second if frames_per_second is None else frames_per_second
    if not (np.isfinite(rate) and rate > 0):
        raise ValueError(f"frames per second: expected a positive number, got {rate}")
    return rate
