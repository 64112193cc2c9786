"""The recipes, and the contracts that every one of them keeps."""

import numpy as np
import pytest
import torch

from signtok.config import AugmentConfig, CorruptConfig, LandmarkConfig, NoBottleneck
from signtok.hub import load
from signtok.recipes.run import RECIPES, find_recipe
from signtok.tokenizer.model import TokenizerModel
from tiny import make_batch, phrases, seeded_tokenizer, shrink

every = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.__name__)


@every
def test_names_are_the_functions(recipe):
    config = recipe()
    assert config.name == recipe.__name__.replace("_", "-")
    assert find_recipe(config.name) == config
    assert LandmarkConfig.model_validate_json(config.model_dump_json()) == config


def test_the_issues_recipes_are_there():
    wanted = {"sign-continuous", "sign-rvq", "sign-rvq-ctc", "sign-rvq-flow", "fingerspelling"}
    wanted |= {"sign-rvq-no-dropout", "sign-rvq-ctc-no-dropout"}
    wanted |= {"sign-continuous-paper", "sign-rvq-paper", "sign-rvq-ctc-paper"}
    assert {recipe().name for recipe in RECIPES} == wanted


def test_unknown_recipe_lists_them():
    with pytest.raises(ValueError, match=r"^unknown recipe 'sign'; .*: sign-rvq-ctc, .*hands-conv, .*eps-vae, .*"):
        find_recipe("sign")


def changed(one: str, other: str) -> set[str]:
    """The fields of the tokenizer in which two recipes differ."""
    a, b = find_recipe(one), find_recipe(other)
    assert a.model_copy(update={"name": "", "tokenizer": b.tokenizer}) == b.model_copy(update={"name": ""})
    return {name for name in type(a.tokenizer).model_fields if getattr(a.tokenizer, name) != getattr(b.tokenizer, name)}


@pytest.mark.parametrize(
    ("one", "other", "fields"),
    [
        ("sign-rvq-ctc", "sign-rvq", {"ctc_weight"}),
        ("sign-rvq-ctc", "sign-continuous", {"bottleneck"}),
        ("sign-rvq-ctc", "sign-rvq-ctc-no-dropout", {"bottleneck"}),
        ("sign-rvq", "sign-rvq-no-dropout", {"bottleneck"}),
        ("sign-rvq-ctc-paper", "sign-rvq-paper", {"ctc_weight"}),
        ("sign-rvq-ctc-paper", "sign-continuous-paper", {"bottleneck"}),
        ("sign-rvq-ctc", "fingerspelling", set()),
    ],
)
def test_an_ablation_changes_one_field(one, other, fields):
    assert changed(one, other) == fields


def test_the_paper_has_nothing_of_ours():
    config = find_recipe("sign-rvq-ctc-paper")
    assert set(config.data.augment.model_dump().values()) == {0}
    assert set(AugmentConfig.model_fields) <= config.data.augment.model_fields_set
    assert config.tokenizer.encoder.corrupt == CorruptConfig(noise=0, drop_finger=0, drop_frame=0)
    assert config.tokenizer.decoder.presence_weight == 0
    assert (config.tokenizer.normalise, config.tokenizer.dominant, config.data.flip) == ("video", False, 0.25)


# ---- the five contracts, for every recipe ----


@every
def test_loss_is_a_scalar_with_logs_and_gradients(recipe):
    config = shrink(recipe())
    torch.manual_seed(0)
    model, batch = TokenizerModel(config.tokenizer), make_batch(config.tokenizer, texts=["ab", None, "c"])
    loss, logs = model.loss(batch)
    assert loss.shape == ()
    assert float(logs["loss"]) == pytest.approx(loss.item())
    assert {"smooth_l1", "distance"} <= logs.keys()
    assert ("ctc" in logs) == (config.tokenizer.ctc_weight > 0)
    assert ("perplexity_1" in logs) == (not isinstance(config.tokenizer.bottleneck, NoBottleneck))
    assert not any(isinstance(value, torch.Tensor) and value.requires_grad for value in logs.values())
    loss.backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []
    assert all(p.grad.isfinite().all() for p in model.parameters())


@every
def test_tokenize_and_detokenize(recipe):
    tok = seeded_tokenizer(shrink(recipe()))
    recordings = [r.landmarks for r in phrases([20, 1, 70])]
    tokens = tok.tokenize(recordings)
    for array, row, back in zip(recordings, tokens, tok.detokenize(tokens), strict=True):
        assert row.shape == (len(array), tok.width)
        assert row.dtype == (np.int64 if tok.codebooks else np.float32)
        assert back.shape == array.shape
    if tok.model.head is not None:
        assert all(isinstance(text, str) for text in tok.read(tokens))


@every
def test_save_and_load(recipe, tmp_path):
    tok = seeded_tokenizer(shrink(recipe()))
    tok.save_pretrained(tmp_path)
    again, x = load(tmp_path), phrases([20])[0].landmarks
    assert again.fingerprint == tok.fingerprint
    assert again.settings == tok.settings
    np.testing.assert_array_equal(again.tokenize([x])[0], tok.tokenize([x])[0])


@every
def test_data_source_and_recipe_fit(recipe):
    """The batches that a recipe's own settings make are batches that its model takes."""
    config = shrink(recipe())
    batch = make_batch(config.tokenizer, (9, 4))
    model = TokenizerModel(config.tokenizer).eval()
    loss, _ = model.loss(batch)
    assert loss.isfinite()
