"""Folders of classes: what is found, in which order, and that a cache is never a wrong one."""

import logging
import os
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from signtok.data import picture_folder
from signtok.data.picture import fit_picture, read_picture
from signtok.data.picture_folder import INDEX, PIXELS, list_pictures, load_pictures

LAYOUT = (
    "B/B2.jpg",
    "B/B10.png",
    "A/A3.jpg",
    "A/with spaces ñ 1.JPEG",
    "A/none.webp",
    "deep/er/Ä ü/img_007.bmp",
)


def picture(seed: int, size: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size + 3, 3), np.uint8)


def make(folder, *names):
    """Files of different content under these names."""
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(seed)).save(folder / name)
    return folder


def found(folder):
    return [(file.label, file.number, file.name) for file in list_pictures(folder)]


def files_under(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are read, as they are read."""
    names = []

    def read(path):
        names.append(path.name)
        return read_picture(path)

    monkeypatch.setattr(picture_folder, "read_picture", read)
    return names


# ---- what is found ----


def test_classes_numbers_and_order(tmp_path):
    assert found(make(tmp_path, *LAYOUT)) == [
        ("A", -1, "A/none.webp"),
        ("A", 1, "A/with spaces ñ 1.JPEG"),
        ("A", 3, "A/A3.jpg"),
        ("B", 2, "B/B2.jpg"),
        ("B", 10, "B/B10.png"),
        ("Ä ü", 7, "deep/er/Ä ü/img_007.bmp"),
    ]
    assert all(file.path == tmp_path / file.name for file in list_pictures(str(tmp_path)))


def test_the_order_is_not_the_file_systems(tmp_path, monkeypatch):
    before = found(make(tmp_path, *LAYOUT))
    scandir = os.scandir

    class Backwards:
        def __init__(self, path):
            self.entries = sorted(scandir(path), key=lambda entry: entry.name, reverse=True)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", Backwards)
    assert found(tmp_path) == before


def test_train_and_test_of_the_same_classes_are_pooled(tmp_path):
    make(tmp_path, "train/A/A1.jpg", "test/A/A2.jpg", "train/A/A3.jpg", "test/B/B1.jpg")
    assert [entry[:2] for entry in found(tmp_path)] == [("A", 1), ("A", 2), ("A", 3), ("B", 1)]


def test_labels_in_names(tmp_path):
    """Of many classes in one folder, or in the folder itself; a class that merely has such a picture keeps its name."""
    make(tmp_path, "official/A_test.jpg", "official/nothing_test.jpg", "A/A7.jpg", "A/odd_test.jpg", "B_test.png")
    assert found(tmp_path) == [
        ("A", -1, "A/odd_test.jpg"),
        ("A", -1, "official/A_test.jpg"),
        ("A", 7, "A/A7.jpg"),
        ("B", -1, "B_test.png"),
        ("nothing", -1, "official/nothing_test.jpg"),
    ]


def test_a_class_folder_alone(tmp_path, monkeypatch):
    make(tmp_path, "five/5.png", "five/a_b_test.png")
    monkeypatch.chdir(tmp_path / "five")
    assert found(".") == [("five", -1, "a_b_test.png"), ("five", 5, "5.png")]


def test_what_is_left_out(tmp_path):
    outside = make(tmp_path / "outside", "A/secret.png")
    folder = make(tmp_path / "data", "A/1.png", "A/.2.png", ".hidden/A/3.png", "__MACOSX/A/._4.png")
    (folder / "A/5.txt").write_text("words")
    (folder / "A/6.png").mkdir()
    for link, target in (("A/7.png", "A/secret.png"), ("B", "A")):
        (folder / link).symlink_to(outside / target)
    (folder / "A/round").symlink_to(folder)
    assert [entry[2] for entry in found(folder)] == ["A/1.png"]
    (tmp_path / "link to data").symlink_to(folder)
    assert [entry[2] for entry in found(tmp_path / "link to data")] == ["A/1.png"]


def test_a_number_of_many_digits_fits_64_bits(tmp_path):
    folder = make(tmp_path / "data", f"A/{'9' * 40}.png")
    assert load_pictures(folder, 4, tmp_path / "cache").numbers.tolist() == [10**18 - 1]


def test_folders_without_pictures(tmp_path):
    (tmp_path / "A").mkdir()
    (tmp_path / "A/a.gif").write_bytes(b"GIF")
    with pytest.raises(ValueError, match=r"no pictures; give a folder with a folder of \.bmp \.jpeg .* for each class"):
        list_pictures(tmp_path)
    with pytest.raises(ValueError, match=r"a\.gif: not a folder; give"):
        list_pictures(tmp_path / "A/a.gif")
    with pytest.raises(ValueError, match=r"nobody: no such folder; give"):
        load_pictures(tmp_path / "nobody", 8, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


# ---- what is loaded ----


def test_pixels_labels_and_names(tmp_path):
    folder = make(tmp_path / "data", *LAYOUT)
    pictures = load_pictures(folder, 8, tmp_path / "cache")
    files = list_pictures(folder)
    np.testing.assert_array_equal(pictures.pixels, [fit_picture(read_picture(file.path), 8) for file in files])
    assert pictures.pixels.dtype == np.uint8
    assert pictures.classes == ("A", "B", "Ä ü")
    assert [pictures.classes[label] for label in pictures.labels] == [file.label for file in files]
    assert pictures.numbers.tolist() == [file.number for file in files]
    assert pictures.names == tuple(file.name for file in files)
    assert len(pictures) == len(files) == 6


def test_memory_mapped_and_read_only(tmp_path):
    pictures = load_pictures(make(tmp_path / "data", "A/1.png"), 8, tmp_path / "cache")
    assert isinstance(pictures.pixels.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        pictures.pixels[0] = 0


def test_decoded_once(tmp_path, decoded):
    folder = make(tmp_path / "data", *LAYOUT)
    first = load_pictures(folder, 8, tmp_path / "cache")
    assert len(decoded) == 6
    again = load_pictures(folder, 8, tmp_path / "cache")
    assert len(decoded) == 6
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert (first.hash, first.names, first.classes) == (again.hash, again.names, again.classes)
    load_pictures(folder, 5, tmp_path / "cache")
    assert len(decoded) == 12, "another size is another cache"
    load_pictures(folder, 8, tmp_path / "cache")
    assert len(decoded) == 12, "and leaves the first alone"


def test_a_cache_is_a_plain_array_and_a_table(tmp_path):
    load_pictures(make(tmp_path / "data", "A/1.png", "B/2.png"), 8, tmp_path / "cache")
    (place,) = (tmp_path / "cache").iterdir()
    assert files_under(place) == [INDEX, PIXELS]
    assert np.load(place / PIXELS, allow_pickle=False).shape == (2, 8, 8, 3)


def changed(folder):
    status = (folder / "A/1.png").stat()
    Image.fromarray(picture(99)).save(folder / "A/1.png")
    os.utime(folder / "A/1.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


CHANGES = {
    "another picture": changed,
    "one more": lambda folder: make(folder, "B/3.png"),
    "one less": lambda folder: (folder / "B/2.png").unlink(),
    "another name": lambda folder: (folder / "B/2.png").rename(folder / "B/4.png"),
    "another class": lambda folder: (folder / "B").rename(folder / "C"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_folder_is_decoded_anew(tmp_path, name):
    folder = make(tmp_path / "data", "A/1.png", "B/2.png")
    before = load_pictures(folder, 8, tmp_path / "cache")
    CHANGES[name](folder)
    after = load_pictures(folder, 8, tmp_path / "cache")
    assert after.hash != before.hash
    files = list_pictures(folder)
    assert after.names == tuple(file.name for file in files)
    np.testing.assert_array_equal(after.pixels, [fit_picture(read_picture(file.path), 8) for file in files])


def test_the_root_names_a_class_too(tmp_path):
    """Two folders that differ in nothing but their own name."""
    for name in "AB":
        make(tmp_path / name, "1.png")
        os.utime(tmp_path / name / "1.png", ns=(0, 0))
    assert [load_pictures(tmp_path / name, 8, tmp_path / "cache").classes for name in "AB"] == [("A",), ("B",)]


@pytest.mark.parametrize("name", [PIXELS, INDEX])
@pytest.mark.parametrize("length", [0, 60, -1])
def test_a_cache_cut_short_is_made_again(tmp_path, decoded, name, length):
    folder = make(tmp_path / "data", "A/1.png", "B/2.png")
    before = load_pictures(folder, 8, tmp_path / "cache")
    expected, (path,) = before.pixels.copy(), (tmp_path / "cache").glob(f"*/{name}")
    del before
    path.write_bytes(path.read_bytes()[:length])
    again = load_pictures(folder, 8, tmp_path / "cache")
    assert len(decoded) == 4
    np.testing.assert_array_equal(again.pixels, expected)


def test_a_cache_of_something_else_is_made_again(tmp_path, decoded):
    folder = make(tmp_path / "data", "A/1.png", "B/2.png")
    load_pictures(folder, 8, tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob(f"*/{PIXELS}")
    for other in (np.zeros((3, 8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.int8), np.zeros((2, 9, 8, 3), np.uint8)):
        np.save(path, other, allow_pickle=False)
        assert load_pictures(folder, 8, tmp_path / "cache").pixels.any()
    assert len(decoded) == 8


def test_killed_in_the_middle(tmp_path, monkeypatch):
    folder = make(tmp_path / "data", *LAYOUT)
    monkeypatch.setattr(picture_folder, "AT_ONCE", 1)
    reads = []

    def read(path):
        reads.append(path)
        if len(reads) == 4:
            assert files_under(tmp_path / "cache"), "the first three are on disk"
            raise KeyboardInterrupt
        return read_picture(path)

    with monkeypatch.context() as patch:
        patch.setattr(picture_folder, "read_picture", read)
        with pytest.raises(KeyboardInterrupt):
            load_pictures(folder, 8, tmp_path / "cache")
    assert files_under(tmp_path / "cache") == []
    assert len(load_pictures(folder, 8, tmp_path / "cache")) == 6


def test_killed_between_the_two_files(tmp_path, monkeypatch):
    folder = make(tmp_path / "data", "A/1.png", "B/2.png")

    def killed(path, text):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(picture_folder, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            load_pictures(folder, 8, tmp_path / "cache")
    assert len(load_pictures(folder, 8, tmp_path / "cache")) == 2


def test_two_processes_at_once(tmp_path, monkeypatch):
    """The other one starts and ends while this one is decoding its second picture."""
    folder = make(tmp_path / "data", *LAYOUT)
    monkeypatch.setattr(picture_folder, "AT_ONCE", 1)
    other = []

    def read(path):
        if path.name == "A3.jpg" and not other:
            other.append(None)
            with monkeypatch.context() as patch:
                patch.setattr(os, "getpid", lambda: 1)
                other[0] = load_pictures(folder, 8, tmp_path / "cache")
        return read_picture(path)

    monkeypatch.setattr(picture_folder, "read_picture", read)
    one = load_pictures(folder, 8, tmp_path / "cache")
    assert one.hash == other[0].hash
    np.testing.assert_array_equal(one.pixels, other[0].pixels)
    assert [name.split("/")[1] for name in files_under(tmp_path / "cache")] == [INDEX, PIXELS]


def test_several_threads_give_the_same(tmp_path):
    folder = make(tmp_path / "data", *LAYOUT)
    one = load_pictures(folder, 8, tmp_path / "one")
    torch.set_num_threads(3)
    try:
        three = load_pictures(folder, 8, tmp_path / "three")
    finally:
        torch.set_num_threads(1)
    assert one.hash == three.hash


def test_unreadable_pictures_are_one_warning_every_time(tmp_path, caplog):
    folder = make(tmp_path / "data", *LAYOUT)
    for index in range(5):
        (folder / f"A/bad{index}.jpg").write_bytes(b"")
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="signtok"):
            pictures = load_pictures(folder, 8, tmp_path / "cache")
        assert len(pictures) == 6
        assert [record.getMessage() for record in caplog.records] == [
            f"{folder}: left out 5 pictures that cannot be read: A/bad0.jpg, A/bad1.jpg, A/bad2.jpg, ..."
        ]


def test_nothing_readable(tmp_path):
    (tmp_path / "data/A").mkdir(parents=True)
    (tmp_path / "data/A/bad.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of 1 pictures can be read; the first: .*bad\.jpg: is empty"):
        load_pictures(tmp_path / "data", 8, tmp_path / "cache")
    assert files_under(tmp_path / "cache") == []


def test_where_caches_are_kept(tmp_path, monkeypatch):
    folder = make(tmp_path / "data", "A/1.png")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    load_pictures(folder, 8)
    assert len(list((tmp_path / "xdg/signtok/pictures").glob(f"*/{PIXELS}"))) == 1
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    load_pictures(folder, 8)
    assert len(list((tmp_path / "home/.cache/signtok/pictures").glob(f"*/{PIXELS}"))) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux alone")
def test_a_name_that_is_no_text(tmp_path):
    folder = make(tmp_path / "data", "A/1.png")
    os.rename(os.fsencode(folder / "A/1.png"), os.fsencode(folder) + b"/A/\xff1.png")
    assert load_pictures(folder, 8, tmp_path / "cache").names == load_pictures(folder, 8, tmp_path / "cache").names
