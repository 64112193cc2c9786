"""Pictures of generated hands as a data set, without a file."""

import hashlib

import numpy as np
from tqdm import tqdm

from signtok.data.handshapes import packaged_handshapes
from signtok.data.picture_folder import Pictures
from signtok.data.render import CLASSES, pictures


def rendered_pictures(count: int, size: int, seed: int = 0) -> Pictures:
    """`count` pictures of `size` pixels, the classes in turn; the same seed gives the same ones."""
    made = pictures(packaged_handshapes(), count, seed, size)
    named, pixels = zip(*tqdm(made, total=count, desc="render", unit=" pictures", disable=None), strict=True)
    stacked = np.stack(pixels)
    return Pictures(
        pixels=stacked,
        labels=np.array([CLASSES.index(name) for name in named]),
        classes=CLASSES,
        numbers=np.arange(count),
        names=tuple(f"{name}/{index:06d}" for index, name in enumerate(named)),
        hash=hashlib.sha256(stacked.tobytes()).hexdigest()[:16],
    )
