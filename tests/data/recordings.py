"""Recordings to test readers and writers with."""

import numpy as np
from hypothesis import strategies as st

from signtok.data.recording import Recording
from signtok.data.text import CHARACTERS


@st.composite
def recordings(draw, name: str = "", texts: st.SearchStrategy | None = None) -> Recording:
    """One to nine frames, each with the left hand, the right hand or both, and gaps between them."""
    frames = draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    landmarks = rng.uniform(-0.5, 1.5, (frames, 42, 2)).astype(np.float32)
    seen = draw(
        st.lists(st.sampled_from([(True, True), (True, False), (False, True)]), min_size=frames, max_size=frames)
    )
    landmarks[~np.repeat(np.array(seen), 21, axis=1)] = np.nan
    numbers = np.cumsum(draw(st.lists(st.integers(1, 5), min_size=frames, max_size=frames)))
    return Recording(
        landmarks,
        numbers.astype(np.int64),
        frames_per_second=draw(st.sampled_from([24.0, 25.0, 30.0, 59.5])),
        name=name,
        text=None if texts is None else draw(texts),
        label=draw(st.sampled_from(["", "a", "hello"])),
        signer=draw(st.sampled_from(["7", "23"])),
        source="a source",
        licence="MIT",
        frames_dropped=draw(st.integers(0, 3)),
    )


@st.composite
def collections(draw) -> list[Recording]:
    """One to five recordings with numbers for names."""
    known = st.text(CHARACTERS, min_size=1, max_size=8)
    return [draw(recordings(str(100 + i), st.none() | known)) for i in range(draw(st.integers(1, 5)))]


def assert_same(one: Recording, other: Recording, *without: str) -> None:
    """Equal in every field but those of `without`."""
    np.testing.assert_array_equal(one.landmarks, other.landmarks)
    assert one.landmarks.dtype == other.landmarks.dtype == np.float32
    for name in ("text", "name", "signer", "label", "source", "licence", "frames_per_second", "frames_dropped"):
        if name not in without:
            assert getattr(one, name) == getattr(other, name), name
    if "frame_numbers" not in without:
        np.testing.assert_array_equal(one.frame_numbers, other.frame_numbers)
