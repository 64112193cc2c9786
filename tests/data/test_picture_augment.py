"""Every map is read off pictures whose colours are coordinates, every change of light off plain ones."""

import math

import numpy as np
import pytest
import torch

from signtok.config import PictureAugmentConfig
from signtok.data.picture_augment import augment

LIGHT = ("gamma", "contrast", "saturation", "colour", "brightness")


def only(**parts) -> PictureAugmentConfig:
    return PictureAugmentConfig.none().model_copy(update=parts)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int = 6, height: int = 20, width: int = 20) -> torch.Tensor:
    return 2 * torch.rand(count, 3, height, width, generator=seeded(9)) - 1


def plain(count: int, *colour: float) -> torch.Tensor:
    return torch.tensor(colour).expand(count, 3)[..., None, None].expand(-1, -1, 8, 8).contiguous()


def maps(config: PictureAugmentConfig, count: int = 200, height: int = 40, width: int = 40) -> np.ndarray:
    """(count, 2, 3): from pixels of the result, x to the right and y down from the middle, to where they are from."""
    y, x = torch.meshgrid(torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij")
    side = max(height, width)
    places = torch.stack([x, y, torch.zeros_like(x)]) / side
    result = augment(places.expand(count, 3, -1, -1).contiguous(), config, seeded())
    inner = torch.hypot(x, y) < min(height, width) / 4  # whose pixels are all from inside the picture
    known = torch.stack([x[inner], y[inner], torch.ones(int(inner.sum()))], 1).double()
    found = (result[:, :2, inner] * side).double().transpose(1, 2)
    solved = torch.linalg.lstsq(known.expand(count, -1, -1), found).solution
    assert torch.allclose(known @ solved, found, atol=1e-3), "it is no affine map"
    return solved.transpose(1, 2).numpy()


def test_all_off_is_the_identity():
    x = noise()
    assert torch.equal(augment(x, only(), seeded()), x)


def test_the_defaults_change_every_picture_in_its_own_way():
    x = noise(1).expand(8, -1, -1, -1).contiguous()
    y = augment(x, PictureAugmentConfig(), seeded())
    assert y.shape == x.shape
    assert y.min() >= -1
    assert y.max() <= 1
    different = (y[:, None] - y[None]).abs().mean((2, 3, 4)) > 0.01
    assert torch.equal(different, ~torch.eye(8, dtype=torch.bool))


def test_the_generator_decides():
    x = noise()
    first, again, other = (augment(x, PictureAugmentConfig(), seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_part_that_is_off_changes_no_other():
    """Each is drawn as it is drawn alone, with or without the others."""
    together = maps(only(shift=0.1, rotate_degrees=8.0, scale=0.1, mirror=0.5))
    np.testing.assert_allclose(maps(only(shift=0.1))[:, :, 2], together[:, :, 2], atol=1e-3)
    angles = [np.arctan2(found[:, 1, 0], found[:, 1, 1]) for found in (maps(only(rotate_degrees=8.0)), together)]
    np.testing.assert_allclose(*angles, atol=1e-3)
    grey = plain(20, 0.0, 0.0, 0.0)
    alone = augment(grey, only(brightness=0.2), seeded())
    others = only(brightness=0.2, contrast=0.3, saturation=0.3, rotate_degrees=8.0, shift=0.1)
    assert torch.allclose(augment(grey, others, seeded()), alone, atol=1e-6)


@pytest.mark.parametrize("shape", [(40, 40), (40, 64)])
def test_rotation_is_rigid_and_within_its_angle(shape):
    found = maps(only(rotate_degrees=30.0), 200, *shape)
    turn = found[:, :, :2]
    np.testing.assert_allclose(turn @ turn.transpose(0, 2, 1), np.broadcast_to(np.eye(2), turn.shape), atol=1e-3)
    np.testing.assert_allclose(np.linalg.det(turn), 1, atol=1e-3)
    np.testing.assert_allclose(found[:, :, 2], 0, atol=1e-3)
    angles = np.rad2deg(np.arctan2(turn[:, 1, 0], turn[:, 0, 0]))
    assert np.abs(angles).max() <= 30 + 1e-2
    assert angles.min() < -24
    assert angles.max() > 24
    assert abs(angles.mean()) < 6


def test_scale_is_the_same_both_ways():
    found = maps(only(scale=0.2))
    np.testing.assert_allclose(found[:, [0, 1], [1, 0]], 0, atol=1e-3)
    np.testing.assert_allclose(found[:, 0, 0], found[:, 1, 1], atol=1e-3)
    sizes = 1 / found[:, 0, 0]
    assert 0.8 - 1e-3 <= sizes.min() < 0.84
    assert 1.16 < sizes.max() <= 1.2 + 1e-3


@pytest.mark.parametrize("shape", [(40, 40), (40, 64)])
def test_shift_is_a_share_of_height_and_width(shape):
    found = maps(only(shift=0.1), 200, *shape)
    np.testing.assert_allclose(found[:, :, :2], np.broadcast_to(np.eye(2), (200, 2, 2)), atol=1e-3)
    shifts = found[:, :, 2] / shape[::-1]
    assert np.abs(shifts).max() <= 0.1 + 1e-4
    assert (shifts.min(0) < -0.08).all()
    assert (shifts.max(0) > 0.08).all()


def test_what_is_only_shifted_stays_as_sharp():
    """It is moved by whole pixels: no pixel is a mean of its neighbours."""
    x = (torch.rand(8, 3, 20, 30, generator=seeded()) > 0.5).float() * 2 - 1
    moved = augment(x, only(shift=0.2), seeded())
    assert (moved != x).any((1, 2, 3)).all()
    torch.testing.assert_close(moved.abs(), torch.ones_like(moved), atol=1e-4, rtol=0)


def test_angle_size_and_shifts_are_drawn_apart():
    found = maps(only(rotate_degrees=8.0, scale=0.1, shift=0.1))
    drawn = np.stack([found[:, 1, 0], np.linalg.det(found[:, :, :2]), *found[:, :, 2].T])
    assert np.abs(np.corrcoef(drawn) - np.eye(4)).max() < 0.3


def test_nothing_is_mirrored_unless_asked_for():
    assert (np.linalg.det(maps(PictureAugmentConfig(**dict.fromkeys(LIGHT, 0.0)))[:, :, :2]) > 0).all()
    mirrored = np.linalg.det(maps(only(mirror=0.3))[:, :, :2]) < 0
    assert 0.2 < mirrored.mean() < 0.4
    x = noise()
    assert torch.allclose(augment(x, only(mirror=1.0), seeded()), x.flip(-1), atol=1e-5)


def test_edges_are_repeated():
    """No pixel is darker than any of the picture, however far it is moved."""
    x = noise().abs() / 2 + 0.5
    assert augment(x, only(shift=1.0, rotate_degrees=180.0, scale=0.5), seeded()).min() >= 0.5 - 1e-5


def test_brightness_is_added():
    x = plain(300, 0.0, 0.1, -0.1)
    added = (augment(x, only(brightness=0.2), seeded()) - x) / 2
    assert torch.allclose(added, added[:, :1, :1, :1].expand_as(added), atol=1e-6)
    assert 0.18 < added.max() <= 0.2
    assert -0.2 <= added.min() < -0.18


def test_contrast_is_about_mid_grey():
    x = plain(300, 0.0, 0.5, -0.25)
    y = augment(x, only(contrast=0.3), seeded())[:, :, 0, 0]
    assert torch.allclose(y[:, 0], torch.zeros(300), atol=1e-6)
    assert torch.allclose(y[:, 1], -2 * y[:, 2], atol=1e-6)
    assert 0.7 <= (y[:, 1] / 0.5).min() < 0.73
    assert 1.27 < (y[:, 1] / 0.5).max() <= 1.3


def test_saturation_keeps_grey_and_luma():
    grey = plain(50, 0.4, 0.4, 0.4)
    assert torch.allclose(augment(grey, only(saturation=0.5), seeded()), grey, atol=1e-6)
    x = plain(50, 0.3, -0.2, 0.1)
    y = augment(x, only(saturation=0.5), seeded())
    luma = torch.tensor([0.299, 0.587, 0.114])
    assert torch.allclose(torch.einsum("bchw,c->bhw", y, luma), torch.einsum("bchw,c->bhw", x, luma), atol=1e-6)
    spread = (y[:, 0, 0, 0] - y[:, 1, 0, 0]) / 0.5
    assert 0.5 <= spread.min() < 0.6
    assert 1.4 < spread.max() <= 1.5


def test_colour_is_a_gain_of_each_channel():
    values = (augment(plain(300, 0.0, 0.0, 0.0), only(colour=0.1), seeded())[:, :, 0, 0] + 1) / 2
    gains = values / 0.5
    assert (gains.min(0).values < 0.92).all()
    assert (gains.max(0).values > 1.08).all()
    assert ((gains >= 0.9 - 1e-6) & (gains <= 1.1 + 1e-6)).all()
    assert (torch.corrcoef(gains.T) - torch.eye(3)).abs().max() < 0.3
    black = plain(3, -1.0, -1.0, -1.0)
    assert torch.allclose(augment(black, only(colour=0.1), seeded()), black, atol=1e-6)


def test_gamma_keeps_black_and_white():
    ends = torch.cat([plain(1, -1.0, 1.0, -1.0)] * 20)
    assert torch.allclose(augment(ends, only(gamma=0.5), seeded()), ends, atol=1e-6)
    values = (augment(plain(300, 0.0, 0.0, 0.0), only(gamma=0.5), seeded())[:, 0, 0, 0] + 1) / 2
    exponents = values.log() / math.log(0.5)
    assert math.exp(-0.5) <= exponents.min() < 0.65
    assert 1.55 < exponents.max() <= math.exp(0.5) + 1e-5


def test_clipped_where_it_would_leave_the_range():
    y = augment(noise(50), only(brightness=1.0, contrast=1.0, colour=1.0), seeded())
    assert (y.min().item(), y.max().item()) == (-1, 1)
    assert torch.isfinite(y).all()


def test_one_picture_does_not_depend_on_what_the_others_show():
    x = noise()
    other = torch.cat([x[:1], noise(5).flip(0)])
    config = PictureAugmentConfig()
    assert torch.equal(augment(x, config, seeded())[0], augment(other, config, seeded())[0])


def test_settings_that_make_no_sense():
    for wrong in ({"scale": 1.0}, {"mirror": 1.5}, {"rotate_degrees": -3}, {"flip": 0.5}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            PictureAugmentConfig(**wrong)
