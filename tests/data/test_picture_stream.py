"""Training pictures are a function of the step; rendered ones a data set like any other."""

import numpy as np
import pytest
import torch

from signtok.config import PictureAugmentConfig
from signtok.data.picture_stream import BATCH, PictureBatches, PictureStream, random_crops
from signtok.data.rendered import rendered_pictures

NONE = PictureAugmentConfig(
    rotate_degrees=0, scale=0, shift=0, gamma=0, contrast=0, saturation=0, colour=0, brightness=0
)


def stream(rows=range(10, 30), augment=NONE, seed=0) -> PictureStream:
    """Picture i is all of value i."""
    pixels = np.arange(40, dtype=np.uint8)[:, None, None, None].repeat(8, 1).repeat(8, 2).repeat(3, 3)
    return PictureStream(pixels, np.arange(40) // 10, np.array(rows), 8, augment, batch_size=16, seed=seed)


def test_a_step_is_a_batch():
    one, other = stream(augment=PictureAugmentConfig()), stream(augment=PictureAugmentConfig())
    assert torch.equal(one(3).x, other(3).x)
    assert not torch.equal(one(3).x, one(4).x)
    assert not torch.equal(one(3).x, stream(augment=PictureAugmentConfig(), seed=1)(3).x)


def test_only_training_rows_are_shown_and_each_of_them():
    shown = torch.cat([stream()(step).x[:, 0, 0, 0] for step in range(40)])
    values = ((shown + 1) * 127.5).round().long()
    assert set(values.tolist()) == set(range(10, 30))


def test_labels_go_with_their_pictures():
    batch = stream()(0)
    values = ((batch.x[:, 0, 0, 0] + 1) * 127.5).round().long()
    assert torch.equal(values // 10, batch.label)
    assert (batch.x.min() >= -1, len(batch), batch.weight, batch.unit) == (True, 16, 16, "pictures")


def test_parts_are_square_and_from_everywhere():
    """Of pictures whose colours say where: red from left to right, green from top to bottom."""
    red, green = np.meshgrid(np.arange(64, dtype=np.uint8), np.arange(64, dtype=np.uint8))
    pixels = np.stack([red, green, green], -1)[None].repeat(9, 0)
    pixels[..., 2] = np.arange(9)[:, None, None]
    rng, rows, sides, corners = np.random.default_rng(0), np.array([2, 3, 7]), [], []
    for _ in range(200):
        parts = random_crops(pixels, rows, 16, rng).astype(int)
        sides.append(parts.shape[1])
        corners += parts[:, 0, 0, :2].tolist()
        assert parts[:, 0, 0, 2].tolist() == rows.tolist()
        assert (parts[:, -1, -1, :2] - parts[:, 0, 0, :2] == sides[-1] - 1).all()
    assert (min(sides), max(sides)) == (16, 64)
    assert np.mean(np.array(sides) < 32) == pytest.approx(0.5, abs=0.1)
    assert (np.min(corners, 0).tolist(), np.max(corners)) == ([0, 0], 48)
    np.testing.assert_array_equal(random_crops(pixels, rows, 64, rng), pixels[rows])


def test_a_batch_of_larger_pictures_has_the_size_that_was_asked_for():
    pixels = np.full((40, 24, 24, 3), 255, np.uint8)
    x = PictureStream(pixels, np.zeros(40, int), np.arange(40), 8, NONE, batch_size=16, seed=0)(0).x
    torch.testing.assert_close(x, torch.ones(16, 3, 8, 8))


def test_validation_is_every_row_once_in_order():
    pixels = np.zeros((200, 4, 4, 3), np.uint8)
    batches = PictureBatches(pixels, np.arange(200), np.arange(5, 200))
    assert len(batches) == 4
    assert [len(batch) for batch in batches] == [BATCH, BATCH, BATCH, 195 - 3 * BATCH]
    assert torch.cat([batch.label for batch in batches]).tolist() == [*range(5, 200)]


def test_validation_is_made_when_it_is_asked_for():
    """All of it at once, as float32, would not fit into memory."""
    pixels = np.zeros((65, 4, 4, 3), np.uint8)
    batches = PictureBatches(pixels, np.zeros(65, int), np.arange(65))
    pixels[64] = 255
    assert [batch.x.max().item() for batch in batches] == [-1, 1]


def test_rendered_pictures_are_the_same_for_a_seed():
    one, other = rendered_pictures(32, 32), rendered_pictures(32, 32)
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert one.hash == other.hash != rendered_pictures(32, 32, seed=1).hash
    assert one.pixels.shape == (32, 32, 32, 3)
    assert [one.classes[i] for i in one.labels[[0, 28, 29]]] == ["A", "space", "A"]
