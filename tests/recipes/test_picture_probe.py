"""The probe of runs, from folders to a table and a file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from signtok.config import ConvolutionNet, PictureConfig, PictureDataConfig, PictureTokenizerConfig, PlainDecoder
from signtok.evaluation import probe_pictures
from signtok.evaluation.score import read_scores
from signtok.hub import PictureTokenizer
from signtok.recipes.picture_probe import Probe, main
from signtok.tokenizer.picture_model import PictureModel


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Pictures of two classes, one brighter; and runs a and b of different weights, trained on them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(probe_pictures, "COMPONENTS", 3)
    rng = np.random.default_rng(0)
    for base, label in ((40, "A"), (160, "B")):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(25):
            picture = (base + rng.integers(0, 60, (16, 16, 3))).astype(np.uint8)
            Image.fromarray(picture).save(tmp_path / "set" / label / f"{label}{number}.png")
    net = ConvolutionNet(channels=(8, 16))
    config = PictureTokenizerConfig(size=16, latent=6, encoder=net, decoder=PlainDecoder(net=net))
    settings = PictureConfig(name="tiny", tokenizer=config, data=PictureDataConfig(path=str(tmp_path / "set")))
    for seed, name in enumerate("ab"):
        torch.manual_seed(seed)
        PictureTokenizer(PictureModel(config), settings).save_pretrained(tmp_path / name)
    return tmp_path


def test_a_row_for_each_run_and_one_for_the_pixels(place, capsys):
    main(Probe(runs=(place / "a", place / "b"), out=place / "probe.json"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["a", "b", "principal components"]
    assert all("set, random 20%, leaking, 16 px" in line for line in lines[2:])
    scores = read_scores(place / "probe.json")
    assert [score.name for score in scores] == ["MSE", "class, linear probe", "class, small classifier"] * 3
    assert {score.n for score in scores} == {10}
    assert len({score.fingerprint for score in scores}) == 3
    linear = [score for score in scores if score.name == "class, linear probe"]
    assert [score.value for score in linear] == [1, 1, 1], "brightness is in every latent"
    assert scores[6].value < scores[0].value, "components fit, untrained nets do not"
    assert "|train 38, validation 2, test 10|" in linear[0].signature
    assert linear[0].signature.endswith("|6 numbers|class, linear probe")
    assert linear[2].signature.endswith("|3 principal components|class, linear probe")


def test_labels_are_those_of_the_pictures(place, capsys, monkeypatch):
    """Labels at random cannot be told."""
    read = probe_pictures.read_pictures

    def shuffled(config):
        pictures = read(config)
        pictures.labels[:] = np.random.default_rng(0).integers(0, 2, len(pictures))
        return pictures

    monkeypatch.setattr(probe_pictures, "read_pictures", shuffled)
    main(Probe(runs=(place / "a",), out=place / "probe.json"))
    assert read_scores(place / "probe.json")[1].value < 0.95


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runs": ()}, "no runs to probe"),
        ({"runs": ("a",), "most": 1}, "--most 1"),
        ({"runs": ("fingerspelling",)}, "takes runs of pictures"),
        ({"runs": ("a",), "data": "gone"}, "no such folder"),
    ],
)
def test_what_cannot_be_probed(place, monkeypatch, options, message):
    monkeypatch.chdir(place)
    runs = tuple(map(Path, options.pop("runs")))
    data = Path(options.pop("data")) if "data" in options else None
    with pytest.raises(ValueError, match=message):
        main(Probe(runs=runs, data=data, **options))
