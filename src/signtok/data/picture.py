"""Pictures: upright RGB from any file, fitted into the square that a tokenizer works on, and back."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, UInt8
from PIL import ExifTags, Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
MOST_PIXELS = 100_000_000
BACKDROP = (128, 128, 128, 255)
"""What shows through transparent pixels: the middle of the range, so that no hand, dark or light, melts into it."""

Result = TypeVar("Result")
_Turn = Image.Transpose
UPRIGHT = {
    2: _Turn.FLIP_LEFT_RIGHT,
    3: _Turn.ROTATE_180,
    4: _Turn.FLIP_TOP_BOTTOM,
    5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_270,
    7: _Turn.TRANSVERSE,
    8: _Turn.ROTATE_90,
}
"""What undoes each EXIF orientation. Pillow's exif_transpose also writes all other tags anew, and fails on odd ones."""


@dataclass(frozen=True)
class PicturePlacement:
    """The size, in pixels, that a picture had before it was fitted into a square, or where not `fitted` before its
    edges were repeated until the sides were multiples of the tokenizer's stride.

    Raises ValueError for a size that no picture has.
    """

    height: int
    width: int
    fitted: bool = True

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 1 or self.height * self.width > MOST_PIXELS:
            raise ValueError(
                f"a picture of {self.width} x {self.height} pixels: give at least 1 x 1 and at most "
                f"{MOST_PIXELS:,} pixels"
            )


def read_picture(path: str | os.PathLike[str]) -> UInt8[np.ndarray, "h w 3"]:
    """A JPEG, PNG, WEBP or BMP file as upright RGB: EXIF orientation applied, transparent pixels laid on mid grey.

    Grey of 1, 8 or 16 bits, palettes and CMYK become RGB; of an animation the first picture is taken. Raises ValueError
    for a file that is missing, empty, damaged or no picture, and, before decoding it, for more than 100 million pixels.
    """
    return _opened(Path(path), _decode)


def picture_size(path: str | os.PathLike[str]) -> PicturePlacement:
    """The size that `read_picture` gives, in most files told by the first bytes. Raises ValueError as it does."""
    return _opened(Path(path), _upright_size)


def _opened(path: Path, function: Callable[[Image.Image], Result]) -> Result:
    if not path.is_file():
        raise ValueError(f"{path}: {'is not a file' if path.exists() else 'no such file'}; give a picture")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: is empty; copy it again or leave it out")
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Image.DecompressionBombError  # as Pillow does, whose own limit is higher
            return function(image)
    except Image.DecompressionBombError:
        raise ValueError(f"{path}: more than {MOST_PIXELS:,} pixels; make it smaller or leave it out") from None
    except Image.UnidentifiedImageError:
        kinds = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise ValueError(f"{path}: not a {kinds} picture, or damaged; convert it, or leave it out") from None
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path}: damaged or cut short ({reason}); copy it again or leave it out") from error


def _decode(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    image.load()
    upright = _turn(image)
    if image.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
        image = Image.fromarray(((np.asarray(image).astype(np.int64) + 128) // 257).astype(np.uint8))
    elif image.has_transparency_data:
        backdrop = Image.new("RGBA", image.size, BACKDROP)
        image = Image.alpha_composite(backdrop, image.convert("RGBA"))
    image = image.convert("RGB")
    return np.array(image if upright is None else image.transpose(upright))


def _upright_size(image: Image.Image) -> PicturePlacement:
    lying = _turn(image) in (_Turn.TRANSPOSE, _Turn.ROTATE_270, _Turn.TRANSVERSE, _Turn.ROTATE_90)
    return PicturePlacement(*(image.size if lying else image.size[::-1]))


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What sets it upright."""
    return UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))


def check_picture(array: Any, what: str) -> UInt8[np.ndarray, "h w 3"]:
    """`array` itself, if it is a picture. Raises ValueError that names `what` and says what to write instead."""
    array = np.asarray(array)
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3 and array.size:
        return array
    raise ValueError(
        f"{what}: expected a picture uint8 (height, width, 3), got {array.dtype} {array.shape}{_remedy(array)}"
    )


def _remedy(array: np.ndarray) -> str:
    shape = array.shape
    if array.ndim == 2:
        return "; of a grey picture write np.stack([picture] * 3, -1)"
    if array.ndim == 4:
        return "; give the pictures as a list, or one of them, picture[0]"
    if array.ndim != 3 or array.size == 0:
        return ""
    if shape[2] == 4:
        return "; leave out the alpha channel, picture[..., :3]"
    if shape[2] == 1:
        return "; of a grey picture write np.repeat(picture, 3, -1)"
    if shape[2] != 3:
        return "; put the channels last, picture.transpose(1, 2, 0)" if shape[0] == 3 else ""
    if array.dtype.kind == "f":
        return "; of values in [0, 1] write (255 * picture).round().astype(np.uint8)"
    return "; of values in [0, 255] write picture.astype(np.uint8)"


def fit_picture(picture: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """The whole picture, its shape kept, in the middle of a square of `size` pixels; `unfit_picture` undoes it.

    Its longer side becomes `size` (Lanczos, antialiased), and its edge pixels are repeated into what is left. A square
    picture of the right size comes back as it is. Raises ValueError for a size below 1.
    """
    if size < 1:
        raise ValueError(f"size {size}: give at least 1 pixel")
    height, width = picture.shape[:2]
    inner = _inner(PicturePlacement(height, width), size)
    top, left = _margins(inner, size)
    rows, columns = (top, size - inner.height - top), (left, size - inner.width - left)
    return np.pad(_resize(picture, inner), (rows, columns, (0, 0)), mode="edge")


def unfit_picture(square: UInt8[np.ndarray, "s s 3"], placement: PicturePlacement) -> UInt8[np.ndarray, "h w 3"]:
    """The picture (placement.height, placement.width) that `fit_picture` put into the square, in its own size again."""
    inner = _inner(placement, len(square))
    top, left = _margins(inner, len(square))
    return _resize(square[top : top + inner.height, left : left + inner.width], placement)


def pad_picture(picture: UInt8[np.ndarray, "h w 3"], stride: int) -> UInt8[np.ndarray, "hh ww 3"]:
    """Its last row and column repeated until both sides are multiples of `stride`; `crop_picture` undoes it exactly."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, -height % stride), (0, -width % stride), (0, 0)), mode="edge")


def crop_picture(picture: UInt8[np.ndarray, "h w 3"], placement: PicturePlacement) -> UInt8[np.ndarray, "hh ww 3"]:
    return picture[: placement.height, : placement.width]


def fit_points(points: Float[np.ndarray, "n 2"], placement: PicturePlacement, size: int) -> Float[np.ndarray, "n 2"]:
    """Where points of a picture lie in the square of `fit_picture`: both as x and y in [0, 1] of width and height."""
    inner = _inner(placement, size)
    top, left = _margins(inner, size)
    return (points * (inner.width, inner.height) + (left, top)) / size


def _inner(placement: PicturePlacement, size: int) -> PicturePlacement:
    """How large the picture itself is within the square."""
    longer = max(placement.height, placement.width)
    height, width = (max(1, round(side * size / longer)) for side in (placement.height, placement.width))
    return PicturePlacement(height, width)


def _margins(inner: PicturePlacement, size: int) -> tuple[int, int]:
    return (size - inner.height) // 2, (size - inner.width) // 2


def _resize(picture: UInt8[np.ndarray, "h w 3"], to: PicturePlacement) -> UInt8[np.ndarray, "hh ww 3"]:
    if picture.shape[:2] == (to.height, to.width):
        return picture
    image = Image.fromarray(np.ascontiguousarray(picture))
    # What is much too large is first averaged over whole pixels, to no less than three times its new size.
    return np.array(image.resize((to.width, to.height), Image.Resampling.LANCZOS, reducing_gap=3.0))
