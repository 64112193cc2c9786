"""Errors inside the hand: only there, and only of pictures whose hand is known."""

import numpy as np
import pytest
import torch

from signtok.config import ConvolutionNet, PictureConfig, PictureTokenizerConfig, PlainDecoder
from signtok.data.picture_hands import PictureHands
from signtok.evaluation import evaluate_pictures as module
from signtok.evaluation.evaluate_pictures import Reconstructed, hand_scores
from signtok.evaluation.hand_region import hand_region
from signtok.hub import PictureTokenizer
from signtok.tokenizer.picture_model import PictureModel

SIZE, COUNT = 32, 7


@pytest.fixture
def hands(hand_motion):
    """Of seven pictures those with an even number; the last lies out of its picture."""
    known = [hand_motion(1, seed)[0] + 0.02 * seed for seed in range(COUNT)]
    known[6] = known[6] + 9
    return PictureHands("h.npz abc", [hand if index % 2 == 0 else None for index, hand in enumerate(known)])


def done(after_of):
    net = ConvolutionNet(channels=(8, 16))
    config = PictureTokenizerConfig(size=SIZE, latent=6, encoder=net, decoder=PlainDecoder(net=net))
    tokenizer = PictureTokenizer(PictureModel(config), PictureConfig(name="tiny", tokenizer=config))
    before = np.random.default_rng(0).integers(60, 190, (COUNT, SIZE, SIZE, 3), dtype=np.uint8)
    after = np.stack([after_of(index, picture) for index, picture in enumerate(before)])
    return Reconstructed(tokenizer, "some", before, after, np.zeros((COUNT, 6), np.float32), np.zeros(COUNT, int), "a")


def masks(hands):
    return {i: hand_region(hand, SIZE, SIZE).numpy() for i, hand in enumerate(hands.hands) if hand is not None}


def test_what_is_outside_does_not_count(hands, monkeypatch):
    """In pieces of two, so that every picture has to meet its own region."""
    monkeypatch.setattr(module, "CHUNK", 2)
    regions = masks(hands)

    def worse_outside(index, picture):
        return np.where(regions[index][..., None], picture, 255 - picture) if index in regions else 255 - picture

    found = {score.name: score for score in hand_scores(done(worse_outside), hands)}
    assert found["MSE, hand"].value == 0
    assert found["PSNR, hand"].value == 100
    assert found["SSIM, hand"].value < 0.999  # its window looks over the edge
    assert {score.n for score in found.values()} == {3}


def test_large_pictures_are_done_in_smaller_pieces(hands, monkeypatch):
    """Their regions too: one more picture than fits at 200 pixels a side, here 16."""
    monkeypatch.setattr(module, "CHUNK", 3)
    monkeypatch.setattr(module, "FULL", 16)
    some = done(lambda _, picture: picture)
    assert [len(before) for before, _ in some.pairs()] == [1] * COUNT  # 3 * (16 / 32)^2 is less than one
    assert {score.n for score in hand_scores(some, hands)} == {3}


def test_what_is_inside_counts_by_the_pixel(hands):
    regions = masks(hands)
    off = {0: 10, 2: 20, 4: 40, 6: 60}

    def brighter(index, picture):
        return picture + np.uint8(off[index]) if index in off else picture

    found = {score.name: score for score in hand_scores(done(brighter), hands)}
    sizes = {index: regions[index].sum() for index in off}
    expected = sum(sizes[i] * (off[i] / 255) ** 2 for i in off) / sum(sizes.values())
    assert found["MSE, hand"].value == pytest.approx(expected, rel=1e-5)
    decibels = [-20 * np.log10(off[i] / 255) for i in (0, 2, 4)]
    assert found["PSNR, hand"].value == pytest.approx(np.mean(decibels), rel=1e-5)
    assert found["SSIM, hand"].direction == "higher"
    assert sizes[6] == 0


def test_the_signature_says_of_how_many(hands):
    for score in hand_scores(done(lambda _, picture: picture), hands):
        assert score.signature.endswith("landmarks h.npz abc|of 4 of 7 pictures")
        assert score.signature.startswith("some|")


def test_lpips_by_both_networks_of_so_many_pictures(monkeypatch):
    monkeypatch.setattr(module, "SEEN_BY_NETWORKS", 5)
    monkeypatch.setattr(module, "SEEN_BY_VGG", 3)
    monkeypatch.setattr(module, "load_lpips", {"alex": 0.25, "vgg": 0.75}.get)
    monkeypatch.setattr(module, "lpips", lambda network, before, after: torch.full((len(before),), network))
    alex, vgg = module.lpips_scores(done(lambda _, picture: picture))
    assert (alex.name, alex.value, alex.n, alex.unit) == ("LPIPS", 0.25, 5, "alex")
    assert (vgg.name, vgg.value, vgg.n, vgg.unit) == ("LPIPS, VGG", 0.75, 3, "vgg")
    assert alex.signature.endswith("|lpips|alex 0.1|5 of them")
