"""`signtok evaluate` of pictures: what it is tested on when nobody says so, and the landmarks of their hands."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import make_hand_motion
from signtok.config import (
    ConvolutionNet,
    GridNet,
    LatentDiffusionDecoder,
    PictureConfig,
    PictureDataConfig,
    PictureTokenizerConfig,
    PlainDecoder,
    ResidualVQConfig,
)
from signtok.evaluation import run_pictures
from signtok.hub import PictureTokenizer
from signtok.tokenizer.picture_model import PictureModel


@pytest.fixture
def run_of(tmp_path, monkeypatch):
    """Writes a tokenizer that says to have been trained on a folder; networks and many pictures are left out."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(run_pictures, "perceptual_scores", lambda *_: [])
    monkeypatch.setattr(run_pictures, "UNSEEN", 6)
    net = ConvolutionNet(channels=(8, 16))
    config = PictureTokenizerConfig(size=32, latent=6, encoder=net, decoder=PlainDecoder(net=net))

    def write(path, **changes):
        torch.manual_seed(0)
        tokenizer = config.model_copy(update=changes)
        settings = PictureConfig(name="tiny", tokenizer=tokenizer, data=PictureDataConfig(path=str(path)))
        PictureTokenizer(PictureModel(tokenizer), settings).save_pretrained(tmp_path / "run")
        return tmp_path / "run"

    return write


@pytest.fixture
def pictures(tmp_path):
    """Ten of each of two classes."""
    rng = np.random.default_rng(0)
    for label in "AB":
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(10):
            picture = rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / "set" / label / f"{label}{number}.png")
    return tmp_path / "set"


def test_by_default_the_test_part_of_what_it_was_trained_on(run_of, pictures, run):
    ended = run("evaluate", run_of(pictures))
    assert (ended.code, ended.err) == (0, "")
    assert "set, test part, random 20%, leaking" in ended.out
    assert run("evaluate", run_of(pictures), "--data", pictures).out == ended.out


def test_rendered_pictures_where_it_was_trained_on_those(run_of, run):
    ended = run("evaluate", run_of("generated"))
    assert (ended.code, ended.err) == (0, "")
    assert "generated, rendered, seed" in ended.out


def test_one_line_where_its_folder_is_gone(run_of, pictures, run):
    folder = run_of(pictures)
    shutil.rmtree(pictures)
    ended = run("evaluate", folder)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "which tiny was trained on, is not there; name pictures: --data FOLDER" in ended.err


def test_a_released_one_knows_its_folder_by_name(run_of, pictures, run):
    """Else its training pictures would be tested on."""
    ended = run("evaluate", run_of("set"), "--data", pictures)
    assert "set, test part" in ended.out
    assert "set, whole" in run("evaluate", run_of("elsewhere/set"), "--data", pictures).out


def test_errors_in_the_region_of_the_hand(run_of, pictures, run, tmp_path):
    hands = np.stack([make_hand_motion(1, seed)[0] for seed in range(5)])
    np.savez(tmp_path / "hands.npz", hand=hands, label=np.array(["a"] * 5), frame=np.arange(5))
    arguments = ("--data", pictures, "--landmarks", tmp_path / "hands.npz", "--out", tmp_path / "s.json")
    ended = run("evaluate", run_of("elsewhere"), *arguments)
    assert (ended.code, ended.err) == (0, "")
    scores = {score["name"]: score for score in json.loads((tmp_path / "s.json").read_text())["scores"]}
    for name in ("MSE, hand", "PSNR, hand", "SSIM, hand"):
        assert scores[name]["n"] == 5
        assert scores[name]["signature"].endswith("of 5 of 20 pictures")
    assert scores["MSE, centre"]["n"] == 20


@pytest.mark.parametrize(
    ("trained_on", "data", "message"),
    [("generated", "generated", "name their folder with --data"), ("elsewhere", "set", "no such file")],
)
def test_landmarks_that_cannot_be_used(run_of, pictures, run, tmp_path, monkeypatch, trained_on, data, message):
    monkeypatch.chdir(tmp_path)
    ended = run("evaluate", run_of(trained_on), "--data", data, "--landmarks", "gone.npz")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert message in ended.err


@pytest.fixture
def first_scores(run, tmp_path):
    """The first score of a folder's evaluation with each value of an option."""

    def measure(folder, option, *values):
        found = {}
        for value in values:
            ended = run("evaluate", folder, option, value, "--out", tmp_path / "s.json")
            assert (ended.code, ended.err) == (0, "")
            found[value] = json.loads((tmp_path / "s.json").read_text())["scores"][0]
        return found

    return measure


def test_refined_latents_are_told_and_err_less(run_of, pictures, first_scores):
    found = first_scores(run_of(pictures), "--refine", "0", "30")
    assert found["30"]["name"] == "MSE"
    assert found["30"]["value"] < found["0"]["value"]
    assert "|refined 30 steps|mse" in found["30"]["signature"]


def test_steps_of_a_decoder_that_samples_are_told(run_of, pictures, run, first_scores):
    net = ConvolutionNet(channels=(8, 16))
    folder = run_of(pictures, decoder=LatentDiffusionDecoder(net=net, steps=10, width=8))
    found = first_scores(folder, "--steps", "0", "10")
    assert found["0"]["value"] != found["10"]["value"]
    assert "|steps:10|seed:0|mse" in found["10"]["signature"]
    ended = run("evaluate", folder, "--steps", "11")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "give 0 to that" in ended.err


def test_fewer_codebooks_are_told(run_of, pictures, run, first_scores):
    net = GridNet(channels=8, multipliers=(1, 1), blocks=1, shortcut=True)
    codes = ResidualVQConfig(codebooks=2, codes=8, dim=6)
    folder = run_of(pictures, encoder=net, decoder=PlainDecoder(net=net), latent=6, bottleneck=codes)
    found = first_scores(folder, "--codebooks", "1", "2")
    assert found["1"]["value"] != found["2"]["value"]
    assert "|codebooks:1|mse" in found["1"]["signature"]
    ended = run("evaluate", folder, "--codebooks", 3)
    assert (ended.code, "codebooks 3: this tokenizer has 2; give 1 to 2" in ended.err) == (2, True)


def test_pictures_of_another_size_keep_their_resolution(run_of, pictures, run, tmp_path):
    """A grid whose encoder and decoder are exact inverses at first sees a picture as a lapped transform does, whole."""
    net = GridNet(channels=8, multipliers=(1, 1), blocks=1, shortcut=True)
    folder = run_of(pictures, encoder=net, decoder=PlainDecoder(net=net), latent=12)
    ended = run("evaluate", folder, "--size", 48, "--out", tmp_path / "s.json")
    assert (ended.code, ended.err) == (0, "")
    found = json.loads((tmp_path / "s.json").read_text())["scores"][0]
    assert (found["value"] < 1e-4, "|48 px|" in found["signature"]) == (True, True)
    for size in (31, 513):
        ended = run("evaluate", folder, "--size", size)
        assert (ended.code, ended.err.count("\n"), "give 32 to 512" in ended.err) == (2, 1, True)
    ended = run("evaluate", run_of(pictures), "--size", 48)
    assert (ended.code, "knows 32 pixels alone" in ended.err) == (2, True)


def test_steps_of_one_that_does_not_sample_are_refused_before_the_work(run_of, pictures, run, monkeypatch):
    folder = run_of(pictures)
    monkeypatch.setattr(PictureTokenizer, "tokenize", lambda *_: pytest.fail("minutes of encoding"))
    ended = run("evaluate", folder, "--steps", "3")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "does not sample; leave steps out" in ended.err


def test_pixels_alone_ask_no_network(run_of, pictures, run, monkeypatch):
    folder = run_of(pictures)
    monkeypatch.setattr(run_pictures, "perceptual_scores", lambda *_: pytest.fail("a network was asked"))
    ended = run("evaluate", folder, "--pixels-only")
    assert (ended.code, ended.err) == (0, "")
    assert "SSIM" in ended.out
    ended = run("evaluate", folder, "--pixels-only", "--clip", "clip.safetensors")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "--pixels-only leaves out" in ended.err


def test_steps_are_refused_where_nothing_samples(run):
    ended = run("evaluate", "fingerspelling", "--steps", "2")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "leave steps out" in ended.err


@pytest.mark.parametrize("check", [("--refine", "3"), ("--pixels-only",), ("--landmarks", "hands.npz")])
def test_checks_of_pictures_are_not_for_landmarks(run, check):
    ended = run("evaluate", "fingerspelling", *check)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "are for pictures, and fingerspelling is of landmarks" in ended.err
