"""Files and folders appear whole or not at all."""

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary name beside `path`: moved onto `path` when the block ends well, removed when it raises.

    The temporary name is hidden and keeps the suffix. Missing folders are made. Of processes that write the same path
    at once each has a name of its own, and what ends last stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_prefix(path)}{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        with suppress(OSError):  # a read-only file system has none to remove, and says so above
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """An empty hidden folder beside `path`, which has to be free or an empty folder: moved there when the block ends
    well, removed when it raises. What killed processes have left of `path` is removed first."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path)
    temporary = path.with_name(f"{_prefix(path)}{os.getpid()}{path.suffix}")
    temporary.mkdir()
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_file(path: Path) -> None:
    """Before any work: raises ValueError for a file that could not be written in the end."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file")
    above = next((parent for parent in path.parents if parent.is_file()), None)
    if above is not None:
        raise ValueError(f"{path}: {above} is a file; name a folder there")
    nearest = next(parent for parent in path.absolute().parents if parent.is_dir())
    if not os.access(nearest, os.W_OK):
        raise ValueError(f"{path}: nothing can be written in {nearest}; name another folder")


def remove_abandoned(path: str | os.PathLike[str]) -> None:
    """Removes temporary files and folders of `path` whose processes were killed; for what takes long to write."""
    path = Path(path)
    prefix, suffix = _prefix(path), path.suffix
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        for name in os.listdir(path.parent):
            process = name.removeprefix(prefix).removesuffix(suffix)
            if name == f"{prefix}{process}{suffix}" and process.isdecimal() and not _may_run(int(process)):
                _remove(path.with_name(name))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    """Of the temporary names. It holds the machine: another that shares the folder knows nothing of its processes."""
    return f".{path.stem}.{platform.node()}."


def _may_run(process: int) -> bool:
    if os.name != "posix":
        return True  # elsewhere os.kill would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 text file, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
