"""Recipes of pictures: what the paper's leave out, and how the public sets are divided."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from signtok.build import build_experiment
from signtok.config import ANY_CONFIG, BlockSplit, RandomSplit, TailSplit
from signtok.data.picture_augment import augment
from signtok.data.picture_folder import PictureFile
from signtok.recipes import grid, image, ladders
from signtok.recipes.choices import PictureChoices
from signtok.recipes.run_pictures import PICTURE_RECIPES, middle_number, protocol, with_pictures
from signtok.tokenizer.picture_model import PictureModel

every = pytest.mark.parametrize("recipe", PICTURE_RECIPES, ids=lambda recipe: recipe().name)
PAPER_000 = [recipe for recipe in PICTURE_RECIPES if recipe().name.startswith("asl-image")]
GRIDS = [grid.vae, grid.gan_ae, grid.lpips_ae, grid.swycc, grid.eps_vae]


@every
def test_json_and_back(recipe):
    assert ANY_CONFIG.validate_json(recipe().model_dump_json()) == recipe()


@pytest.mark.parametrize("recipe", PAPER_000, ids=lambda recipe: recipe().name)
def test_pictures_of_paper_000_are_not_augmented(recipe):
    x = torch.rand(3, 3, 16, 16) * 2 - 1
    assert torch.equal(augment(x, recipe().data.augment, torch.Generator().manual_seed(0)), x)


def test_ours_are():
    x = torch.rand(3, 3, 16, 16) * 2 - 1
    assert not torch.equal(augment(x, image.hands_conv().data.augment, torch.Generator().manual_seed(0)), x)


def test_decoders_are_compared_at_one_rate_and_encoder():
    configs = [recipe() for recipe in GRIDS]
    assert len({config.tokenizer.encoder for config in configs}) == 1
    assert {config.tokenizer.shape for config in configs} == {(8, 8, 4)}
    assert len({(config.train.batch_size, config.optim) for config in configs}) == 1
    codes = [recipe() for recipe in (grid.vqgan, grid.div_ae, grid.div_ae_swycc)]
    assert {(c.tokenizer.encoder, c.tokenizer.bottleneck, c.optim) for c in codes} == {
        (configs[0].tokenizer.encoder, grid.RVQ, configs[0].optim)
    }
    ours, twin = grid.hands(), grid.hands_vae()
    assert {ours.tokenizer.encoder, twin.tokenizer.encoder} == {configs[0].tokenizer.encoder}
    assert {config.model_copy(update={"name": "", "tokenizer": ours.tokenizer}) for config in (ours, twin)} == {
        ours.model_copy(update={"name": ""})
    }


def test_names_are_of_one_recipe_each():
    names = [recipe().name for recipe in PICTURE_RECIPES]
    assert len(names) == len(set(names))


def test_a_rung_changes_one_thing():
    """Up to `eps-vae` itself, which learns to decode in one step, and for paper 001's losses up to `swycc`."""

    def changes(one, other):
        one, other = (recipe().tokenizer.decoder for recipe in (one, other))
        return {name for name in type(one).model_fields if getattr(one, name) != getattr(other, name)}

    rungs = [*ladders.EPS_VAE[: len(ladders.RUNGS)], grid.eps_vae]
    wanted = [{"times"}, {"net"}, {"perceptual"}, {"critic"}, {"scale"}, {"spacing"}, {"denoised", "steps"}]
    assert [changes(*pair) for pair in itertools.pairwise(rungs)] == wanted
    assert changes(ladders.SWYCC[0], ladders.SWYCC[1]) == {"first_weight"}
    assert changes(ladders.SWYCC[1], grid.swycc) == {"perceptual"}
    assert changes(ladders.SWYCC[2], grid.swycc) == {"stop_gradient"}
    assert changes(ladders.SWYCC[3], ladders.SWYCC[2]) == {"sees_latent"}
    no_critic, stop, noise_alone = ladders.EPS_VAE[-3:]
    assert changes(no_critic, stop) == {"first", "stop_gradient"}
    assert changes(stop, noise_alone) == {"denoised"}
    assert changes(ladders.DETERMINISTIC_STOPPED[0], grid.gan_ae) == {"first", "net"}
    assert changes(ladders.DETERMINISTIC_STOPPED[1], grid.lpips_ae) == {"first", "net"}


def test_paper_sizes():
    """20.65 M parameters of B's U-Net with 14 input channels, and the paper's 10.14 M of its VAE's decoder, each with a
    linear path."""
    counts = []
    for recipe in (grid.eps_vae_b, grid.vae_b):
        decoder = PictureModel(recipe().tokenizer).decoder
        counts.append(sum(p.numel() for name, p in decoder.named_parameters() if "adversary" not in name))
    assert [round(count / 1e6, 2) for count in counts] == [20.65, 10.16]


def test_rates_of_numbers_and_of_codes():
    shapes = {
        recipe().name: with_pictures(recipe(), Path("generated"), PictureChoices(latent=2)).tokenizer.shape
        for recipe in (*GRIDS, grid.vqgan, grid.div_ae, grid.div_ae_fsq)
    }
    assert set(shapes.values()) == {(8, 8, 2)}


@pytest.mark.parametrize(
    ("name", "highest", "split"),
    [
        ("blocks", 3000, BlockSplit(size=100, gap=20)),
        ("tail", 2998, TailSplit(train_to=2400, validation_from=2420, validation_to=2600, test_from=2621)),
        ("blocks", 879, BlockSplit(size=44, gap=4)),
        ("tail", 878, TailSplit(train_to=699, validation_from=710, validation_to=780, test_from=791)),
        ("paper", 5, RandomSplit()),
        ("blocks", 400, BlockSplit(size=20, gap=2)),
        ("tail", 100, TailSplit(train_to=80, validation_from=81, validation_to=87, test_from=88)),
    ],
)
def test_protocols(name, highest, split):
    assert protocol(name, highest) == split


def test_one_long_class_does_not_move_the_borders():
    numbers = {"A": (3, 878), "B": (877,), "nothing": (2376,)}
    files = [PictureFile(Path(), "", label, number) for label, some in numbers.items() for number in some]
    assert middle_number(files) == 878


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """120 of each of two classes, 40 x 50 pixels."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for label in "AB":
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(120):
            picture = np.full((40, 50, 3), rng.integers(0, 256), np.uint8)
            Image.fromarray(picture).save(tmp_path / "set" / label / f"{label}{number}.png")
    return tmp_path / "set"


def test_zoom_trains_on_crops_and_validates_on_whole_pictures(photos):
    def experiment(zoom):
        config = with_pictures(grid.hands(), photos, PictureChoices(size=32, zoom=zoom, per_class=10))
        return build_experiment(config)

    plain, zoomed = experiment(None), experiment(1.5)
    assert (plain.stream.pixels.shape[1], zoomed.stream.pixels.shape[1]) == (32, 48)
    assert zoomed.stream(1).x.shape == (64, 3, 32, 32)
    assert (zoomed.stream.rows.tolist(), zoomed.data_hash != plain.data_hash) == (plain.stream.rows.tolist(), True)
    assert torch.equal(zoomed.validation[0].x, plain.validation[0].x)
    of_one = np.stack([zoomed.stream.pixels[i, 24, 24] for i in zoomed.stream.rows])
    np.testing.assert_array_equal(of_one, np.stack([plain.stream.pixels[i, 16, 16] for i in plain.stream.rows]))


@pytest.mark.parametrize(
    ("zoom", "size", "message"),
    [(2.0, 32, "would enlarge pictures of 50 pixels to 64: give 1.5625"), (16.0, 128, "the most is 1024")],
)
def test_zoom_that_shows_nothing_more(photos, zoom, size, message):
    with pytest.raises(ValueError, match=message):
        with_pictures(grid.hands(), photos, PictureChoices(size=size, zoom=zoom))


def test_zoom_is_not_for_rendered_pictures():
    with pytest.raises(ValueError, match=r"--zoom are for a folder"):
        with_pictures(grid.hands(), Path("generated"), PictureChoices(zoom=2.0))
