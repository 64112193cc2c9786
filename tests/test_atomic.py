"""What killed writers leave, and who may remove it."""

import os
import platform
import subprocess
import sys

import pytest

from signtok.atomic import atomic_path, remove_abandoned


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
