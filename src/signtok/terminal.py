"""What a person sees of a command."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import MemoryHandler


@contextmanager
def warnings_at_the_end() -> Iterator[None]:
    """What was left out is told when all went well: an error stays one line."""
    logger, handler = logging.getLogger("signtok"), MemoryHandler(1000, target=logging.StreamHandler())
    logger.addHandler(handler)
    try:
        yield
        handler.flush()
    finally:
        logger.removeHandler(handler)


def show_anything() -> None:
    """A file name or an arrow that a terminal cannot show is escaped, and no error after all the work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
