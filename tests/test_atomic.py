"""What killed writers leave, and who may remove it."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from signtok.atomic import atomic_folder, atomic_path, check_file, remove_abandoned


@pytest.fixture(scope="module")
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def left_by(monkeypatch):
    """The temporary file of a process of some machine that still writes `path`, or was killed."""

    def leave(path, machine, process):
        with monkeypatch.context() as patch:
            patch.setattr(platform, "node", lambda: machine)
            patch.setattr(os, "getpid", lambda: process)
            with pytest.raises(KeyError), atomic_path(path) as temporary:
                raise KeyError
        temporary.write_bytes(b"half")
        return temporary

    return leave


@pytest.mark.skipif(os.name != "posix", reason="only there a process can be asked after")
def test_only_what_nobody_writes_any_more_is_removed(tmp_path, left_by, dead):
    path, here = tmp_path / "[t].parquet", platform.node()
    path.write_bytes(b"whole")
    abandoned = left_by(path, here, dead)
    others = [
        left_by(path, here, os.getppid()),
        left_by(path, "another machine", dead),
        left_by(tmp_path / "t.parquet", here, dead),
        left_by(tmp_path / "[t].npz", here, dead),
    ]
    remove_abandoned(path)
    assert not abandoned.exists()
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


def test_of_two_writers_the_last_one_stays(tmp_path, left_by, dead):
    path = tmp_path / "t.txt"
    with atomic_path(path) as ours:
        ours.write_text("ours")
        os.replace(left_by(path, platform.node(), dead), path)
        assert path.read_bytes() == b"half"
    assert path.read_text() == "ours"
    assert list(tmp_path.iterdir()) == [path]


def test_no_folder_yet(tmp_path):
    remove_abandoned(tmp_path / "new" / "t.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_when_it_is_whole(tmp_path):
    with atomic_folder(tmp_path / "new" / "set.v1") as folder:
        (folder / "A").mkdir()
        (folder / "A" / "1.png").write_bytes(b"picture")
        assert not (tmp_path / "new" / "set.v1").exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["set.v1"]
    assert (tmp_path / "new" / "set.v1" / "A" / "1.png").read_bytes() == b"picture"


def write_half(path, error: Exception) -> None:
    with atomic_folder(path) as folder:
        (folder / "half").write_text("half")
        raise error


def test_of_a_folder_that_failed_nothing_is_left(tmp_path):
    with pytest.raises(OSError, match="No space"):
        write_half(tmp_path / "free", OSError(28, "No space left on device"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_stays(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").write_text("mine")
    with pytest.raises(OSError, match="not empty"), atomic_folder(tmp_path / "taken"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["taken", "mine"]


@pytest.mark.skipif(os.name != "posix", reason="only there a process can be asked after")
def test_the_next_writer_of_a_folder_clears_what_a_killed_one_left(tmp_path, monkeypatch, dead):
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: dead)
        patch.setattr("shutil.rmtree", lambda *_, **__: None)
        with pytest.raises(KeyError):
            write_half(tmp_path / "set", KeyError())
    assert [path.name for path in tmp_path.rglob("*")][1:] == ["half"]
    with atomic_folder(tmp_path / "set") as folder:
        assert [*tmp_path.iterdir()] == [folder]


def test_a_file_that_cannot_be_written_is_refused_first(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    check_file(tmp_path / "new" / "file")
    with pytest.raises(ValueError, match="is a folder; name a file"):
        check_file(tmp_path)
    with pytest.raises(ValueError, match="file is a file; name a folder there"):
        check_file(tmp_path / "file" / "a" / "b.json")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(ValueError, match=f"nothing can be written in {tmp_path}; name another folder"):
        check_file(tmp_path / "new" / "file")
