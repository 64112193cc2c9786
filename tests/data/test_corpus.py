"""The packed corpus."""

import pickle
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from recordings import assert_same, collections

from signtok.data.corpus import Corpus, pack
from signtok.data.hands import landmarks_of
from signtok.data.recording import Recording


@pytest.fixture
def takes(hand_motion):
    return [
        Recording(
            landmarks_of(hand_motion(4 + i, i), "x"), np.arange(4 + i), name=str(i), text="ab"[i] if i < 2 else None
        )
        for i in range(3)
    ]


@settings(max_examples=30, deadline=None)
@given(takes=collections())
def test_round_trip(tmp_path_factory, takes):
    corpus = pack(iter(takes), tmp_path_factory.mktemp("corpus"))
    for one, other in zip(takes, corpus, strict=True):
        assert_same(one, other)
    assert corpus.lengths.tolist() == [len(take) for take in takes]


def test_is_a_sequence_of_views_that_nobody_can_spoil(tmp_path, takes):
    corpus = pack(takes, tmp_path)
    with pytest.raises(ValueError, match="read-only"):
        corpus[0].landmarks[:] = 0
    assert np.shares_memory(corpus[0].landmarks, corpus[0].landmarks)
    assert_same(corpus[-3], takes[0])
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"recording {index} of 3"):
            corpus[index]


def test_files(tmp_path, takes):
    pack(takes, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frame_numbers.npy", "frames.npy", "index.parquet"]
    frames = np.load(tmp_path / "frames.npy", mmap_mode="r")
    assert (frames.shape, frames.dtype) == ((15, 42, 2), np.float32)
    assert pq.read_table(tmp_path / "index.parquet").column("offset").to_pylist() == [0, 4, 9]


def test_hash_tells_content_and_order(tmp_path, takes):
    def data_hash(name, recordings):
        return pack(recordings, tmp_path / name).data_hash

    moved = replace(takes[0], landmarks=takes[0].landmarks + np.float32(1e-6))
    variants = [takes, takes[::-1], takes[:2], [moved, *takes[1:]], [replace(takes[0], text="c"), *takes[1:]]]
    hashes = [data_hash(str(i), variant) for i, variant in enumerate(variants)]
    assert len(set(hashes)) == len(hashes)
    assert data_hash("again", takes) == hashes[0] == Corpus(tmp_path / "0").data_hash


def test_workers_open_the_files_again(tmp_path, takes):
    corpus = pack(takes, tmp_path)
    content = pickle.dumps(corpus)
    assert len(content) < 500
    assert_same(pickle.loads(content)[1], takes[1])


def test_a_failed_pack_leaves_the_old_corpus(tmp_path, takes):
    def failing():
        yield takes[0]
        raise RuntimeError("the disk of the reader")

    before = pack(takes, tmp_path).data_hash
    with pytest.raises(RuntimeError, match="disk"):
        pack(failing(), tmp_path)
    assert Corpus(tmp_path).data_hash == before
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["frames.npy", "frame_numbers.npy", "index.parquet"])
@pytest.mark.parametrize("share", [0, 0.5, 0.95])
def test_truncated(tmp_path, takes, name, share):
    pack(takes, tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match=f"{name} is not a complete .*: pack (the corpus )?again") as caught:
        Corpus(tmp_path)
    assert "\n" not in str(caught.value)


def test_faults(tmp_path, takes):
    with pytest.raises(ValueError, match="not a packed corpus"):
        Corpus(tmp_path)
    with pytest.raises(ValueError, match="no recordings to pack"):
        pack([], tmp_path)
    pack(takes, tmp_path / "a")
    pack(takes[:2], tmp_path / "b")
    (tmp_path / "b" / "frames.npy").replace(tmp_path / "a" / "frames.npy")
    with pytest.raises(ValueError, match="does not fit the index"):
        Corpus(tmp_path / "a")
    table = pq.read_table(tmp_path / "b" / "index.parquet").replace_schema_metadata({"version": "signtok corpus 9"})
    pq.write_table(table, tmp_path / "b" / "index.parquet")
    with pytest.raises(ValueError, match="found 'signtok corpus 9'"):
        Corpus(tmp_path / "b")
