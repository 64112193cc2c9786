"""A packaged picture tokenizer: what is released is what was measured, and it says nothing of the machine."""

import numpy as np
import pytest
import torch
from PIL import Image

import signtok
from signtok.config import (
    ConvolutionNet,
    CriticConfig,
    FlowDecoder,
    GridNet,
    PictureConfig,
    PictureDataConfig,
    PictureTokenizerConfig,
    PlainDecoder,
    UNetConfig,
)
from signtok.evaluation import run_pictures
from signtok.evaluation.score import read_scores
from signtok.hub import PictureTokenizer, find
from signtok.recipes.release import Release, release
from signtok.tokenizer.picture_model import PictureModel

LICENCE = "CC0-1.0, nobody"


def draw(folder, count):
    rng = np.random.default_rng(count)
    for label in "AB":
        (folder / label).mkdir(parents=True)
        for number in range(count):
            picture = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(picture).save(folder / label / f"{label}{number}.png")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """home/ours, which the run was trained on, home/theirs, and the run; `find` looks for packages in `packages`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(run_pictures, "perceptual_scores", lambda *_: [])
    monkeypatch.setattr(find, "PRETRAINED", tmp_path / "packages")
    draw(tmp_path / "home" / "ours", 10)
    draw(tmp_path / "home" / "theirs", 4)
    net = ConvolutionNet(channels=(8, 16))
    config = PictureTokenizerConfig(size=16, latent=6, encoder=net, decoder=PlainDecoder(net=net))
    data = PictureDataConfig(path=str(tmp_path / "home" / "ours"), per_class=3)
    torch.manual_seed(0)
    tokenizer = PictureTokenizer(PictureModel(config), PictureConfig(name="hands-conv", tokenizer=config, data=data))
    tokenizer.save_pretrained(tmp_path / "run")
    return tmp_path


def release_it(place, *folders, licence=LICENCE):
    data = tuple(place / "home" / folder for folder in folders)
    release(Release(run=place / "run", data=data, out=place / "packages" / "hands-conv", licence=licence))


def test_it_is_found_by_its_name_and_is_what_was_measured(place, capsys):
    release_it(place, "ours", "theirs")
    tok = signtok.load("hands-conv")
    assert find.packaged() == ["hands-conv"]
    assert f"hands-conv: {tok.fingerprint}\n" in capsys.readouterr().out
    scores = read_scores(place / "packages" / "hands-conv" / "scores.json")
    assert {score.fingerprint for score in scores} == {tok.fingerprint}
    again = run_pictures.evaluate_pictures(tok, place / "home" / "ours")
    again |= run_pictures.evaluate_pictures(tok, place / "home" / "theirs")
    assert [score for group in again.values() for score in group] == scores
    assert [title for title in again if "class" not in title] == [
        "ours, test part, random 20%, leaking",
        "theirs, whole",
    ]


def test_half_the_weight_and_the_same_pictures(place):
    release_it(place, "ours")
    sizes = [(place / name / "model.safetensors").stat().st_size for name in ("run", "packages/hands-conv")]
    assert sizes[1] < 0.6 * sizes[0]
    before, after = signtok.load(place / "run"), signtok.load("hands-conv")
    assert {tensor.dtype for tensor in after.model.state_dict().values()} == {torch.float32}
    picture = np.random.default_rng(3).integers(0, 256, (20, 31, 3), dtype=np.uint8)
    [one], [other] = (tok.detokenize(tok.tokenize([picture])) for tok in (before, after))
    assert np.abs(one.astype(int) - other).max() <= 1


def test_nothing_of_the_machine(place):
    release_it(place, "ours", "theirs")
    for file in (place / "packages" / "hands-conv").iterdir():
        assert str(place).encode() not in file.read_bytes(), file.name
    assert signtok.load("hands-conv").settings.data.path == "ours"


def test_the_card(place):
    release_it(place, "ours", "theirs")
    card = signtok.load("hands-conv").card
    for said in (
        "6 pictures of 2 classes of ours (CC0-1.0, nobody); split: random 20%, leaking.",
        'signtok.load("hands-conv")',
        "becomes 6 numbers,\n96 bits as float16, and they",
        "-> [float32 (6,)]",
        "arXiv 2501.06942",
        "encoder: convolutions of stride 2",
        "### ours, test part",
        "### theirs, whole",
    ):
        assert said in card
    assert "MSE, A" not in card


def test_a_critic_stays_behind(place):
    """What is decoded is the same without it; the card says how to draw, and what a grid can do."""
    net = GridNet(channels=16, multipliers=(1, 2), blocks=1, patch=2)
    unet = UNetConfig(channels=16, multipliers=(1, 2), blocks=1, attention=(1,), head=8)
    decoder = FlowDecoder(net=unet, perceptual=None, critic=CriticConfig(channels=8, layers=1, time=8), steps=3)
    config = PictureTokenizerConfig(size=16, latent=3, encoder=net, decoder=decoder)
    data = PictureDataConfig(path=str(place / "home" / "ours"))
    run = PictureTokenizer(PictureModel(config), PictureConfig(name="hands-conv", tokenizer=config, data=data))
    assert any("adversary" in name for name in run.model.state_dict())
    run.save_pretrained(place / "run")
    release_it(place, "ours")
    tok = signtok.load("hands-conv")
    assert not [name for name in tok.model.state_dict() if "adversary" in name]
    z = run.tokenize([np.full((16, 16, 3), 90, np.uint8)])
    one, other = (t.detokenize(z, seed=3)[0].astype(int) for t in (run, tok))
    assert np.abs(one - other).max() <= 2  # weights of 16 bits
    for said in (
        "takes 3 steps",
        "trained with a critic",
        "3 numbers for each 4 x 4 pixels",
        "(4, 4, 3)]",
        "arXiv 2410.04081",
    ):
        assert said in tok.card


@pytest.mark.parametrize(
    ("folders", "licence", "message"),
    [
        (("theirs", "ours"), LICENCE, "give that folder first"),
        (("ours",), "", "--licence is missing"),
        ((), LICENCE, "--data is missing"),
        (("ours", "gone"), LICENCE, "no such folder"),
    ],
)
def test_what_cannot_be_released(place, folders, licence, message):
    with pytest.raises(ValueError, match=message):
        release_it(place, *folders, licence=licence)
    assert not (place / "packages").exists()


def test_landmarks_are_released_as_before(place, monkeypatch):
    run, out = find.Path(signtok.__file__).parent / "pretrained" / "fingerspelling", place / "out"
    with pytest.raises(ValueError, match="give one folder of sources"):
        release(Release(run=run, data=(place, place), out=out))
    with pytest.raises(ValueError, match="give one folder of sources"):
        release(Release(run=run, data=(place,), out=out, licence="MIT"))
    monkeypatch.setattr("signtok.recipes.release.evaluate_sources", lambda *_: {})
    release(Release(run=run, data=(place,), out=out))
    assert signtok.load(out).fingerprint == signtok.load(run).fingerprint
    assert "## Trained on\n\n- letters_photos" in signtok.load(out).card
