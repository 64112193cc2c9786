"""The tokenizers as they are used. `signtok.load("fingerspelling")` gives one."""

from signtok.hub.base import Info, Tokenizer
from signtok.hub.find import load, load_landmark_tokenizer, packaged
from signtok.hub.landmarks import LandmarkTokenizer, Tokens
from signtok.hub.pictures import PictureTokenizer

__all__ = [
    "Info",
    "LandmarkTokenizer",
    "PictureTokenizer",
    "Tokenizer",
    "Tokens",
    "load",
    "load_landmark_tokenizer",
    "packaged",
]
