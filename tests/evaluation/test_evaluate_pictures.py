"""Scores of picture tokenizers against what they are by hand."""

import numpy as np
import pytest
import torch

from signtok.config import (
    ConvolutionNet,
    PictureConfig,
    PictureDataConfig,
    PictureTokenizerConfig,
    PlainDecoder,
    RandomSplit,
)
from signtok.evaluation import evaluate_pictures as module
from signtok.evaluation.evaluate_pictures import (
    class_scores,
    latent_scores,
    perceptual_scores,
    pixel_scores,
    reconstruct_all,
)
from signtok.evaluation.run_pictures import evaluate_pictures
from signtok.hub import PictureTokenizer
from signtok.tokenizer.picture_model import PictureModel

NET = ConvolutionNet(channels=(8, 16))
CONFIG = PictureTokenizerConfig(size=16, latent=6, encoder=NET, decoder=PlainDecoder(net=NET))


def make(path: str = "generated") -> PictureTokenizer:
    torch.manual_seed(0)
    data = PictureDataConfig(path=path, split=RandomSplit())
    return PictureTokenizer(PictureModel(CONFIG), PictureConfig(name="tiny", tokenizer=CONFIG, data=data))


def some_pictures(count: int = 9) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def done():
    return reconstruct_all(make(), some_pictures(), np.arange(9) % 3, ("a", "b", "c"), "some")


def named(scores):
    return {score.name: score for score in scores}


def test_what_is_measured_is_what_is_used(done):
    tok = make()
    np.testing.assert_array_equal(done.after, np.stack(tok.detokenize(tok.tokenize([*some_pictures()]))))
    assert done.latents.shape == (9, 6)


def test_pixel_scores_are_those_of_numpy(done):
    scores = named(pixel_scores(done))
    error = (done.before.astype(float) - done.after) / 255
    each = np.square(error).mean((1, 2, 3))
    assert scores["MSE"].value == pytest.approx(each.mean(), rel=1e-5)
    assert scores["PSNR"].value == pytest.approx((-10 * np.log10(each)).mean(), rel=1e-5)
    assert scores["MSE, centre"].value == pytest.approx(np.square(error[:, 2:14, 2:14]).mean(), rel=1e-5)
    assert (scores["MSE"].n, scores["MSE"].direction, scores["SSIM"].direction) == (9, "lower", "higher")
    assert scores["MSE"].fingerprint == make().fingerprint


def test_class_scores_add_up_to_the_whole(done):
    scores = class_scores(done)
    assert [score.name for score in scores] == ["MSE, a", "MSE, b", "MSE, c"]
    whole = named(pixel_scores(done))["MSE"].value
    assert np.mean([score.value for score in scores]) == pytest.approx(whole, rel=1e-5)


def test_latent_scores_count_numbers(done):
    done.latents[:, :2] = 0.5
    scores = named(latent_scores(done))
    assert scores["active numbers"].value <= 4
    assert scores["effective rank"].value <= 4.001
    done.latents[:] = 0.5
    assert {score.value for score in latent_scores(done)} == {0.0}


def test_without_weights_the_rest_is_measured(done, monkeypatch, caplog):
    def missing(*_):
        raise ValueError("install it")

    monkeypatch.setattr(module, "load_lpips", missing)
    monkeypatch.setattr(module, "load_efficientnet", missing)
    assert perceptual_scores(done, None, None) == []
    assert caplog.text.count("not measured: install it") == 2


def test_weights_that_are_none_are_an_error(done, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "load_lpips", lambda net: (_ for _ in ()).throw(ValueError("none")))
    monkeypatch.setattr(module, "load_efficientnet", lambda: (_ for _ in ()).throw(ValueError("none")))
    with pytest.raises(ValueError, match="nowhere"):
        perceptual_scores(done, tmp_path / "nowhere.safetensors", None)


def test_the_test_part_of_what_was_trained_on_and_else_the_whole(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("signtok.evaluation.run_pictures.perceptual_scores", lambda *_: [])
    for label in "AB":
        (tmp_path / "set" / label).mkdir(parents=True)
        for number, picture in enumerate(some_pictures(10)):
            Image.fromarray(picture).save(tmp_path / "set" / label / f"{label}{number}.png")
    (title, scores), by_class = evaluate_pictures(make(str(tmp_path / "set")), tmp_path / "set").items()
    assert "test part, random 20%, leaking" in title
    assert named(scores)["MSE"].n == 4
    (title, scores), _ = evaluate_pictures(make("elsewhere"), tmp_path / "set").items()
    assert title == "set, whole"
    assert named(scores)["MSE"].n == 20
    assert len(by_class[1]) == 2


def test_nothing_to_evaluate():
    with pytest.raises(ValueError, match="no pictures to evaluate"):
        reconstruct_all(make(), some_pictures(0), np.zeros(0, int), (), "none")
