"""Counts worked out by hand, and a sheet with a row a class."""

import numpy as np
import pytest
from PIL import Image

from signtok.cli import main
from signtok.data.inspect_pictures import (
    CAPTION,
    CELL,
    EXAMPLES,
    ROWS,
    inspect_pictures,
    is_picture_folder,
    picture_sheet,
)
from signtok.data.npz_file import write_npz
from signtok.data.picture_folder import PictureFile
from signtok.data.recording import Recording
from signtok.draw import PAPER


def paint(path, colour, size=(20, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def folder(tmp_path):
    """Twelve reds of which one is wide, two greens, and one of either that cannot be read."""
    for number in range(12):
        paint(tmp_path / f"data/A/A{number}.png", (20 * number, 0, 0), (40 if number == 3 else 20, 20))
    for number in (5, 300):
        paint(tmp_path / f"data/B c/{number}.png", (0, 255, 0))
    for name in ("A/bad1.jpg", "B c/bad2.jpg"):
        (tmp_path / "data" / name).write_bytes(b"")
    return tmp_path / "data"


def test_counts(folder):
    found = inspect_pictures(folder)
    assert [file.label for file in found.files] == ["A"] * 12 + ["B c"] * 2
    assert found.sizes == {"20x20": 13, "40x20": 1}
    assert [line.split(": ")[0] for line in found.unreadable] == [
        str(folder / "A/bad1.jpg"),
        str(folder / "B c/bad2.jpg"),
    ]


def test_numbers_of_those_that_have_one(tmp_path):
    for name, expected in (("thumb.png", "none"), ("B7.png", "7 to 7")):
        paint(tmp_path / name, (9, 9, 9))
        assert f"numbers        {expected}" in str(inspect_pictures(tmp_path)).splitlines()


def test_table(folder):
    lines = str(inspect_pictures(folder)).splitlines()
    assert [line.split(maxsplit=1) for line in lines[:5]] == [
        ["pictures", "14"],
        ["classes", "2: 'A' 12, 'B c' 2"],
        ["sizes", "2: '20x20' 13, '40x20' 1"],
        ["numbers", "0 to 300"],
        ["unreadable", "2"],
    ]
    assert lines[5] == f"  {folder / 'A/bad1.jpg'}: is empty; copy it again or leave it out"
    assert len(lines) == 7


def test_of_many_faults_the_first_are_told(folder):
    for number in range(9):
        (folder / f"A/{number}.webp").write_bytes(b"")
    lines = str(inspect_pictures(folder)).splitlines()
    assert lines[4].split() == ["unreadable", "11"]
    assert len(lines) == 5 + 6 + 1
    assert lines[-1].strip() == "..."


def test_every_class_is_counted_on_lines_of_a_screen(tmp_path):
    for number in range(60):
        paint(tmp_path / f"class{number}/1.png", (0, 0, 0))
    lines = str(inspect_pictures(tmp_path)).splitlines()
    assert max(map(len, lines)) <= 120
    assert all(f"'class{number}'" in " ".join(lines) for number in range(60))


def test_sheet(folder, tmp_path):
    """Ten of the twelve, the first and the last among them, then both of the other class, then nothing."""
    picture_sheet(inspect_pictures(folder).files, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB"))
    assert sheet.shape == (2 * CELL, CAPTION + EXAMPLES * CELL, 3)
    paper = np.array(Image.new("RGB", (1, 1), PAPER).getpixel((0, 0)))
    for row in (sheet[:CELL], sheet[CELL:]):
        assert (row[:, :CAPTION] != paper).any(), "its name stands before the row"
    middles = sheet[CELL // 2 :: CELL, CAPTION + CELL // 2 :: CELL]
    reds = middles[0, :, 0].tolist()
    assert reds == sorted({*reds})
    assert (reds[0], reds[-1], len(reds)) == (0, 220, 10)
    assert middles[1].tolist() == [[0, 255, 0]] * 2 + [paper.tolist()] * 8


def test_a_sheet_of_few_and_of_very_many_classes(tmp_path):
    paint(tmp_path / "a.png", (9, 9, 9))
    files = [PictureFile(tmp_path / "a.png", "a.png", f"a long name of class {number:03}", 0) for number in range(150)]
    for count, rows in ((1, 1), (150, ROWS)):
        picture_sheet(tuple(files[:count]), tmp_path / "sheet.png")
        assert Image.open(tmp_path / "sheet.png").size == (CAPTION + CELL, rows * CELL)


def test_faults(tmp_path):
    (tmp_path / "A").mkdir()
    (tmp_path / "A/bad.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of 1 pictures can be read; the first: .*bad\.jpg: is empty"):
        inspect_pictures(tmp_path)
    with pytest.raises(ValueError, match=r"sheet\.png: no pictures to draw"):
        picture_sheet((), tmp_path / "sheet.png")


def test_recordings_go_before_pictures(tmp_path, folder):
    """A folder of recordings in which someone left a picture is one of recordings still."""
    assert is_picture_folder(folder)
    assert not is_picture_folder(tmp_path / "nobody")
    assert not is_picture_folder(folder / "A/A1.png")
    (tmp_path / "none").mkdir()
    assert not is_picture_folder(tmp_path / "none")
    (tmp_path / "kaggle").mkdir()
    (tmp_path / "kaggle/train.csv").write_text("path\n")
    paint(tmp_path / "kaggle/contact-sheet.png", (0, 0, 0))
    assert not is_picture_folder(tmp_path / "kaggle")


def test_the_verb(folder, tmp_path, capsys):
    main(["data", "inspect", str(folder), "--sheet", str(tmp_path / "s.png")])
    printed = capsys.readouterr().out
    assert printed.startswith(str(inspect_pictures(folder)))
    assert printed.endswith(f"\n\ndrawn in {tmp_path / 's.png'}\n")
    assert (tmp_path / "s.png").is_file()
    main(["data", "inspect", str(folder), "--sheet", "None"])
    assert "drawn" not in capsys.readouterr().out


def test_the_verb_of_recordings_is_as_it_was(tmp_path, capsys, hand_motion):
    landmarks = np.concatenate([np.full((4, 21, 2), np.nan, np.float32), hand_motion(4)], 1)
    write_npz(tmp_path / "a.npz", [Recording(landmarks, np.arange(4), label="A", name="A")])
    main(["data", "inspect", str(tmp_path / "a.npz"), "--sheet", str(tmp_path / "s.png")])
    printed = capsys.readouterr().out
    assert printed.startswith("recordings     1\n")
    assert printed.endswith(f"\n\ndrawn in {tmp_path / 's.png'}\n")
