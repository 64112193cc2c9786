"""Any file upright and in colour, or one line that names it; the square and back."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from signtok.data.picture import (
    MOST_PIXELS,
    PicturePlacement,
    check_picture,
    fit_picture,
    fit_points,
    picture_size,
    read_picture,
    unfit_picture,
)


def smooth(height: int = 24, width: int = 36) -> np.ndarray:
    """Red rises to the right, green downwards, blue falls: no symmetry."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    return (np.stack([x, y, 1 - (x + y) / 2], -1) * 200 + 20).round().astype(np.uint8)


def saved(path, image: Image.Image, **options):
    image.save(path, **options)
    return path


# ---- what can be read ----


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.webp", "a.PNG"])
def test_lossless_formats_are_exact(tmp_path, name):
    path = saved(tmp_path / name, Image.fromarray(smooth()), **({"lossless": True} if name == "a.webp" else {}))
    np.testing.assert_array_equal(read_picture(path), smooth())
    np.testing.assert_array_equal(read_picture(str(path)), smooth())


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_jpeg(tmp_path, mode):
    path = saved(tmp_path / "a.jpg", Image.fromarray(smooth()).convert(mode), quality=95, subsampling=0)
    assert np.abs(read_picture(path).astype(int) - smooth()).max() < 10


def test_grey_has_three_equal_channels(tmp_path):
    grey = smooth()[..., 0]
    bits = grey > 90
    for name, image, expected in (
        ("8.png", Image.fromarray(grey), grey),
        ("1.png", Image.fromarray(bits), bits * np.uint8(255)),
        ("16.png", Image.fromarray(grey.astype(np.uint16) * 257), grey),
        ("p.png", Image.fromarray(grey).convert("P"), grey),
    ):
        read = read_picture(saved(tmp_path / name, image))
        np.testing.assert_array_equal(read, np.stack([expected] * 3, -1), err_msg=name)


def test_16_bits_are_rounded(tmp_path):
    values = np.array([[0, 128, 129, 257, 385, 386, 65535]], np.uint16)
    read = read_picture(saved(tmp_path / "a.png", Image.fromarray(values)))
    assert read[0, :, 0].tolist() == [0, 0, 1, 1, 1, 2, 255]


def test_mid_grey_shows_through(tmp_path):
    rgba = np.array([[[200, 40, 0, 255], [200, 40, 0, 0], [200, 40, 0, 51]]], np.uint8)
    expected = [[200, 40, 0], [128, 128, 128], [142, 110, 102]]  # the last: a fifth of the colour
    assert np.abs(read_picture(saved(tmp_path / "rgba.png", Image.fromarray(rgba)))[0] - np.array(expected)).max() <= 1
    grey_alpha = Image.fromarray(rgba).convert("LA")
    grey = int(np.asarray(grey_alpha)[0, 0, 0])
    read = read_picture(saved(tmp_path / "la.png", grey_alpha))[0, :2]
    assert read.tolist() == [[grey] * 3, [128] * 3]
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), mode="P")
    palette.putpalette([200, 40, 0, 9, 9, 9])
    assert read_picture(saved(tmp_path / "p.png", palette, transparency=1))[0].tolist() == [[200, 40, 0], [128] * 3]


HAND_TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
    9: lambda a: a,
}


@pytest.mark.parametrize("orientation", HAND_TURNED)
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_exif_orientation(tmp_path, orientation, name):
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = read_picture(saved(tmp_path / name, Image.fromarray(smooth()), exif=exif))
    expected = HAND_TURNED[orientation](smooth())
    assert read.shape == expected.shape
    assert np.abs(read.astype(int) - expected).max() <= (0 if name == "a.png" else 12)


def test_an_odd_tag_beside_the_orientation(tmp_path):
    """Words where a number belongs: the strip offsets, made out of the camera's maker."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 6
    plain = exif.tobytes()
    content = plain.replace(b"\x01\x0f", b"\x01\x11").replace(b"\x0f\x01", b"\x11\x01")  # either byte order
    assert content != plain
    read = read_picture(saved(tmp_path / "a.jpg", Image.fromarray(smooth()), exif=content))
    assert read.shape == (36, 24, 3)


def test_the_first_of_several(tmp_path):
    first, second = Image.fromarray(smooth()), Image.fromarray(smooth()[::-1].copy())
    path = saved(tmp_path / "phone.jpg", first, format="MPO", save_all=True, append_images=[second], quality=95)
    assert np.abs(read_picture(path).astype(int) - smooth()).max() < 20
    path = saved(tmp_path / "moves.png", first, save_all=True, append_images=[second])
    np.testing.assert_array_equal(read_picture(path), smooth())


def test_a_thread_of_a_picture(tmp_path):
    thread = smooth(1, 10_000)
    np.testing.assert_array_equal(read_picture(saved(tmp_path / "a.png", Image.fromarray(thread))), thread)


# ---- what cannot ----


def encoded(kind: str, height: int = 24, width: int = 36) -> bytes:
    file = io.BytesIO()
    Image.fromarray(smooth(height, width)).save(file, format=kind)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_of(width: int, height: int, more: bytes = b"") -> bytes:
    """A header that promises so many pixels, and none of them."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b""))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + pixels + chunk(b"IEND", b"")


def spoiled(kind: str) -> bytes:
    data = bytearray(encoded(kind))
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    return bytes(data)


FAULTS = {
    "empty": (b"", "is empty; copy it again"),
    "words": (b"not a picture at all\n" * 50, "not a JPEG, PNG, WEBP or BMP picture"),
    "a gif": (encoded("GIF"), "not a JPEG, PNG, WEBP or BMP picture"),
    "a jpeg cut short": (encoded("JPEG", 200, 200)[:-900], r"damaged or cut short \(.*truncated.*\); copy it again"),
    "a png cut short": (encoded("PNG", 99, 99)[:-200], r"damaged or cut short"),
    "a webp cut short": (encoded("WEBP")[:60], r"damaged|not a JPEG"),
    "a jpeg's first bytes": (encoded("JPEG")[:30], "damaged or cut short"),
    "a spoiled png": (spoiled("PNG"), r"damaged or cut short"),
    "a png without pixels": (png_of(10, 10), r"damaged or cut short"),
    "a bomb of text": (
        png_of(10, 10, chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(10**7)))),
        r"damaged or cut short \(Decompressed data too large",
    ),
    "120 million pixels": (png_of(12_000, 10_000), "more than 100,000,000 pixels; make it smaller"),
    "400 million pixels": (png_of(20_000, 20_000), "more than 100,000,000 pixels; make it smaller"),
    "a line of pixels": (png_of(MOST_PIXELS + 1, 1), "more than 100,000,000 pixels; make it smaller"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_one_line_that_names_the_file(tmp_path, name):
    content, message = FAULTS[name]
    path = tmp_path / "bad one.jpg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_picture(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_what_is_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"none\.jpg: no such file"):
        read_picture(tmp_path / "none.jpg")
    with pytest.raises(ValueError, match="is not a file"):
        read_picture(tmp_path)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return tmp_path_factory.mktemp("shelf")


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP"]),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=8),
    part=st.floats(0.1, 1),
)
def test_damage_is_a_picture_or_one_line(shelf, kind, changes, part):
    data = bytearray(encoded(kind, 8, 9))
    for place, value in changes:
        data[int(place * len(data))] = value
    (shelf / "a.jpg").write_bytes(data[: int(part * len(data))])
    fault = f"{shelf / 'a.jpg'}: "
    try:
        assert read_picture(shelf / "a.jpg").dtype == np.uint8
    except ValueError as error:
        fault = str(error)
    assert fault.startswith(f"{shelf / 'a.jpg'}: ")
    assert "\n" not in fault


# ---- arrays that people give ----


@pytest.mark.parametrize(
    ("bad", "remedy"),
    [
        (np.zeros((4, 5)), "np.stack([picture] * 3, -1)"),
        (np.zeros((4, 5, 1), np.uint8), "np.repeat(picture, 3, -1)"),
        (np.zeros((4, 5, 4), np.uint8), "picture[..., :3]"),
        (np.zeros((3, 4, 5), np.uint8), "picture.transpose(1, 2, 0)"),
        (np.full((4, 5, 3), 0.5, np.float32), "(255 * picture).round().astype(np.uint8)"),
        (np.zeros((4, 5, 3), np.int64), "picture.astype(np.uint8)"),
        (np.zeros((2, 4, 5, 3), np.uint8), "picture[0]"),
    ],
)
def test_the_remedy_helps(bad, remedy):
    with pytest.raises(ValueError, match=r"^picture 7: expected a picture uint8 \(height, width, 3\)") as caught:
        check_picture(bad, "picture 7")
    assert remedy in str(caught.value)
    mended = eval(remedy, {"np": np, "picture": bad.astype(np.uint8) if bad.ndim == 2 else bad})
    assert check_picture(mended, "picture 7") is mended


@pytest.mark.parametrize("bad", [np.zeros((0, 5, 3), np.uint8), np.zeros(3, np.uint8), "words", None])
def test_what_nothing_helps(bad):
    with pytest.raises(ValueError, match="picture 7: expected a picture"):
        check_picture(bad, "picture 7")


# ---- the square ----

sizes = st.integers(1, 90)


@given(height=st.integers(1, 300), width=st.integers(1, 300), size=sizes, colour=st.integers(0, 255))
@settings(deadline=None)
def test_any_shape_fits_and_comes_back(height, width, size, colour):
    picture = np.full((height, width, 3), (colour, 255 - colour, 7), np.uint8)
    square = fit_picture(picture, size)
    assert square.shape == (size, size, 3)
    assert (square == picture[0, 0]).all()
    np.testing.assert_array_equal(unfit_picture(square, PicturePlacement(height, width)), picture)


@pytest.mark.parametrize("shape", [(48, 64), (64, 20), (30, 31), (100, 75), (200, 200), (17, 64)])
def test_round_trip(shape):
    picture = smooth(*shape)
    back = unfit_picture(fit_picture(picture, 64), PicturePlacement(*shape))
    assert np.abs(back.astype(int) - picture).max() <= 8
    assert np.abs(back.astype(int) - picture).mean() < 1


@pytest.mark.parametrize("shape", [(33, 64), (64, 33)])
def test_the_middle_and_its_repeated_edges(shape):
    """33 of 64: 15 pixels before, 16 behind, and none of the picture's own pixels is touched."""
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    square = fit_picture(picture, 64)
    if shape[0] == 64:
        picture, square = picture.transpose(1, 0, 2), square.transpose(1, 0, 2)
    np.testing.assert_array_equal(square[15:48], picture)
    assert (square[:15] == picture[0]).all()
    assert (square[48:] == picture[-1]).all()


def test_a_square_of_the_right_size_is_untouched():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    np.testing.assert_array_equal(fit_picture(picture, 64), picture)
    np.testing.assert_array_equal(unfit_picture(picture, PicturePlacement(64, 64)), picture)


def test_antialiasing():
    """A chessboard of single pixels is grey from afar, however far."""
    for side in (128, 1024):
        board = np.repeat((np.indices((side, side)).sum(0) % 2 * 255).astype(np.uint8)[..., None], 3, -1)
        inner = fit_picture(board, 32)[2:-2, 2:-2].astype(int)
        assert np.abs(inner - 127).max() <= 2


def test_pathological_shapes():
    square = fit_picture(smooth(1, 10_000), 64)
    assert (square == square[:1]).all()
    assert (np.diff(square[0, :, 0].astype(int)) >= 0).all()
    assert unfit_picture(square, PicturePlacement(1, 10_000)).shape == (1, 10_000, 3)


def test_placement_faults():
    for height, width in ((0, 5), (5, -1), (MOST_PIXELS, 2)):
        with pytest.raises(ValueError, match="give at least 1 x 1 and at most 100,000,000 pixels"):
            PicturePlacement(height, width)
    with pytest.raises(ValueError, match="size 0: give at least 1 pixel"):
        fit_picture(smooth(), 0)


# ---- without decoding, and points in it ----


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_the_size_is_that_of_the_upright_picture(tmp_path, orientation, name):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / name, Image.fromarray(smooth()), exif=exif)
    assert picture_size(path) == PicturePlacement(*read_picture(path).shape[:2])


def test_no_size_of_what_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"text")
    with pytest.raises(ValueError, match="not a JPEG, PNG, WEBP or BMP picture"):
        picture_size(tmp_path / "a.png")


@pytest.mark.parametrize("shape", [(24, 24), (20, 60), (90, 31)])
def test_points_go_where_the_picture_goes(shape):
    height, width = shape
    rows, columns = np.mgrid[:height, :width]
    spot = (np.hypot((rows + 0.5) / height - 0.3, (columns + 0.5) / width - 0.7) < 0.15)[..., None]
    square = fit_picture(np.where(spot, 255, 0).astype(np.uint8).repeat(3, -1), 64)[..., 0].astype(float)
    found = [(square * (axis + 0.5)).sum() / square.sum() / 64 for axis in np.mgrid[:64, :64][::-1]]
    point = fit_points(np.array([[0.7, 0.3]]), PicturePlacement(height, width), 64)
    np.testing.assert_allclose(point, [found], atol=0.5 / 64)
