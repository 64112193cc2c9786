"""The tokenizers of pictures that come with the package: what they are said to be, and whole pictures through them."""

import numpy as np
import pytest
from PIL import Image

from signtok.data.rendered import rendered_pictures
from signtok.evaluation.score import read_scores
from signtok.hub import PictureTokenizer, load
from signtok.hub.find import find_folder, packaged

MOST = 20_000_000
"""Bytes of weights."""


@pytest.fixture(scope="module", params=["hands", "hands-conv", "hands-vae"])
def tok(request):
    assert request.param in packaged()
    return load(request.param)


def test_its_scores_are_its_own(tok):
    folder = find_folder(tok.name)
    assert {score.fingerprint for score in read_scores(folder / "scores.json")} == {tok.fingerprint}
    assert (folder / "model.safetensors").stat().st_size < MOST
    assert tok.card.startswith("---\n")
    assert f"\n# {tok.name}\n" in tok.card


def test_pictures_that_it_never_saw_come_back(tok):
    """Better than each picture's own mean colour, by far."""
    pictures = [*rendered_pictures(6, 64, seed=5).pixels]
    x, back = (np.stack(some) / 255 for some in (pictures, tok.detokenize(tok.tokenize(pictures, refine=0))))
    error, spread = np.square(back - x).mean(), np.square(x - x.mean((1, 2), keepdims=True)).mean()
    assert error < 0.4 * spread


@pytest.mark.parametrize("name", ["hands", "hands-vae"])
def test_pictures_of_any_size_at_their_own_resolution(name):
    """101 x 50: no multiple of the stride, and larger than what was trained on."""
    tok = load(name)
    picture = np.asarray(Image.fromarray(rendered_pictures(1, 64, seed=5).pixels[0]).resize((101, 101)))[:, 20:70]
    [tokens] = tok.tokenize([picture], fit=False)
    [back] = tok.detokenize([tokens])
    assert (tokens.shape, back.shape) == ((13, 7, 4), (101, 50, 3))
    [small] = tok.detokenize(tok.tokenize([picture]))
    errors = [np.square(one / 255 - picture / 255).mean() for one in (back, small)]
    assert errors[0] < errors[1]


def test_steps_are_for_the_one_that_samples():
    ours, twin = load("hands"), load("hands-vae")
    assert isinstance(ours, PictureTokenizer)
    z = np.zeros(ours.shape, np.float32)
    np.testing.assert_array_equal(ours.detokenize([z], steps=1, seed=0)[0], ours.detokenize([z])[0])
    assert (ours.detokenize([z], steps=3)[0] != ours.detokenize([z])[0]).any()
    with pytest.raises(ValueError, match="steps"):
        twin.detokenize([z], steps=3)
