"""The whole tokenizer: it learns, padding and neighbours do not matter, and what was not seen is not learned."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from signtok.config import CorruptConfig
from signtok.recipes.pose import sign_continuous, sign_rvq_ctc, sign_rvq_ctc_paper, sign_rvq_flow
from signtok.tokenizer.encoder import corrupt
from signtok.tokenizer.model import windows
from tiny import make_batch, padded, phrases, right_hand, seeded_model, seeded_tokenizer, shrink, without_corruption

OURS, PAPER, FLOW = shrink(sign_rvq_ctc()), shrink(sign_rvq_ctc_paper()), shrink(sign_rvq_flow())
recipes = pytest.mark.parametrize("config", [OURS, PAPER, FLOW], ids=["ours", "paper", "flow"])


def state_of(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_it_learns_one_batch():
    config = without_corruption(OURS.tokenizer)
    model, batch = seeded_model(config), make_batch(config, texts=["ab", "c", "de"])
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(80):
        optimiser.zero_grad()
        loss, logs = model.loss(batch)
        loss.backward()
        optimiser.step()
        losses.append({name: float(value) for name, value in logs.items()})
    for name in ("loss", "smooth_l1", "ctc", "presence"):
        assert losses[-1][name] < 0.5 * losses[0][name], name
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def by_place(x):
    """Noise of a kind, the same for a frame whatever comes after it."""
    frames = torch.arange(x.shape[1]).view(1, -1, 1, 1)
    return torch.sin(12.9898 * frames + 78.233 * torch.arange(x.shape[2]).view(1, 1, -1, 1)).expand_as(x)


@recipes
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("noise", [0.0, 5.0])
def test_padding_does_not_matter(config, train, noise, monkeypatch):
    """To the loss, to any gradient and to what training keeps beside the weights."""
    # Switched off and not set to zero: how many random numbers it draws depends on the padding.
    monkeypatch.setattr("signtok.tokenizer.encoder.corrupt", lambda x, present, config: (x, present))
    monkeypatch.setattr("signtok.tokenizer.motion_flow.fresh_noise", by_place)  # which depends on the padding too
    # Few codes: with nearly one for each vector, rounding errors are all that is left over for the next codebook.
    few = config.tokenizer.bottleneck.model_copy(update={"codes": 4})
    tokenizer = config.tokenizer.model_copy(update={"bottleneck": few})
    batch, results = make_batch(tokenizer), []
    for frames in (20, 33):
        model = seeded_model(tokenizer).train(train)
        torch.manual_seed(1)  # the padding's noise
        some = padded(batch, frames, noise if frames > 20 else 0.0)
        torch.manual_seed(2)  # k-means and quantizer dropout
        loss, logs = model.loss(some)
        loss.backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        results.append(
            (loss, {name: torch.as_tensor(value) for name, value in logs.items()}, gradients, state_of(model))
        )
    for one, other in zip(*results, strict=True):
        assert_close(other, one, rtol=1e-3, atol=2e-5)


@recipes
def test_codes_are_the_same_whatever_the_list(config):
    tok = seeded_tokenizer(config)
    before = state_of(tok.model)
    recordings = [r.landmarks for r in phrases([20, 9, 14, 100])]
    together = tok.tokenize(recordings)
    alone = [tok.tokenize([r])[0] for r in recordings]
    turned = tok.tokenize(recordings[::-1])[::-1]
    for one, two, three in zip(together, alone, turned, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
    assert len(np.unique(np.concatenate(together)[:, 0])) > 2
    assert_close(state_of(tok.model), before, rtol=0, atol=0)


@recipes
def test_decoding_and_reading_change_nothing(config):
    tok = seeded_tokenizer(config)
    before = state_of(tok.model)
    ids = tok.tokenize([right_hand(30).landmarks])
    one, two = tok.detokenize(ids)[0], tok.detokenize(ids)[0]
    np.testing.assert_array_equal(one, two)
    assert tok.read(ids) == tok.read(ids)
    assert_close(state_of(tok.model), before, rtol=0, atol=0)


def test_order_of_frames_changes_the_code():
    tok = seeded_tokenizer(shrink(sign_continuous()))
    x = right_hand(12).landmarks
    order = np.array([3, 1, 7, 0, 5, 2, 6, 4, 11, 10, 8, 9])
    assert np.abs(tok.tokenize([x[order]])[0] - tok.tokenize([x])[0][order]).max() > 1e-3


@settings(max_examples=200, deadline=None)
@given(frames=st.integers(1, 5000), margin=st.integers(0, 80), more=st.integers(1, 300))
def test_windows_cover_each_frame_once(frames, margin, more):
    window = 2 * margin + more
    covered = []
    for look, keep in windows(frames, window, margin):
        seen = np.arange(frames)[look]
        assert 1 <= len(seen) <= window
        kept = seen[keep]
        assert len(kept) > 0
        covered.extend(kept)
        assert kept[0] - seen[0] >= margin or seen[0] == 0
        assert seen[-1] - kept[-1] >= margin or seen[-1] == frames - 1
    assert covered == list(range(frames))


@recipes
def test_long_recordings_are_cut_and_joined(config):
    """1,500 frames in windows of 64: as long as it was, and the same where a window sees the same."""
    tok = seeded_tokenizer(config)
    long = right_hand(1500).landmarks
    ids = tok.tokenize([long])[0]
    assert ids.shape == (1500, 4)
    back = tok.detokenize([ids])[0]
    assert back.shape == (1500, 42, 2)
    assert len(tok.read([ids])) == 1


def test_windows_change_nothing_where_the_network_sees_no_further_than_the_margin():
    """Attention sees everything, so it is switched off here; three convolutions of kernel 5 see 2 frames each way."""
    model = seeded_model(shrink(sign_continuous()).tokenizer).eval()
    for block in [*model.encoder.blocks.blocks, *model.decoder.blocks.blocks]:
        block.attention.out.weight.data.zero_()
    x, present = torch.randn(200, 42, 2), torch.ones(200, 42, dtype=torch.bool)
    cut = model.encode(x, present)
    with torch.inference_mode():
        whole = model.encoder(x[None], present[None])[0]
        assert_close(cut, whole, rtol=1e-4, atol=1e-5)
        assert_close(model.decode(whole).x, model.decoder.reconstruct(whole[None]).x[0], rtol=1e-4, atol=1e-5)


@recipes
def test_what_was_not_seen_is_not_learned(config):
    """Other numbers where nothing was seen: the same loss, and no gradient from there."""
    model, batch = seeded_model(config.tokenizer), make_batch(config.tokenizer)
    seen = batch.present & batch.mask[..., None]
    assert not seen[batch.mask].all()
    other = replace(batch, x=torch.where(batch.present[..., None], batch.x, 7.0))
    decoder = model.eval().decoder
    z = torch.randn(3, 20, 16)
    assert_close(decoder.loss(z, batch)[0], decoder.loss(z, other)[0], rtol=0, atol=0)
    target = batch.x.clone().requires_grad_()
    decoder.loss(z, replace(batch, x=target))[0].backward()
    assert (target.grad[~seen] == 0).all()
    assert (target.grad[seen] != 0).any(-1).float().mean() > 0.9


@recipes
def test_training_does_not_see_what_was_not_seen(config):
    batch = make_batch(config.tokenizer)
    other = replace(batch, x=torch.where(batch.present[..., None], batch.x, 7.0))
    losses = []
    for some in (batch, other):
        model = seeded_model(config.tokenizer)
        torch.manual_seed(1)
        losses.append(model.loss(some)[0])
    assert_close(losses[0], losses[1], rtol=0, atol=0)


def test_smooth_l1_by_hand():
    """A sum over coordinates seen, a mean over real frames: twice as many landmarks, twice the loss."""
    decoder = seeded_model(PAPER.tokenizer).decoder
    batch = make_batch(PAPER.tokenizer, [4, 2])
    decoder.stem.mix.weight.data.zero_()  # x' = 0
    seen = batch.x[batch.present].abs()
    expected = torch.where(seen < 1, seen**2 / 2, seen - 0.5).sum() / 6
    assert_close(decoder.loss(torch.randn(2, 4, 16), batch)[0], expected)


def test_corruption_spoils_what_it_says_and_keeps_the_rest():
    torch.manual_seed(0)
    x, present = torch.randn(200, 10, 42, 2), torch.ones(200, 10, 42, dtype=torch.bool)
    same, still = corrupt(x, present, CorruptConfig(noise=0, drop_finger=0, drop_frame=0))
    assert torch.equal(same, x)
    assert still.all()
    _, seen = corrupt(x, present, CorruptConfig(noise=0, drop_finger=0.2, drop_frame=0))
    assert (seen.all(1) == seen.any(1)).all()  # through the whole sequence
    fingers = seen[:, 0].view(200, 2, 21)[..., 1:].unflatten(-1, (5, 4))
    assert (fingers.all(-1) == fingers.any(-1)).all()
    assert 0.75 < fingers.float().mean() < 0.85
    assert seen.view(200, 10, 2, 21)[..., 0].all()  # wrists stay
    _, seen = corrupt(x, present, CorruptConfig(noise=0, drop_finger=0, drop_frame=0.2))
    assert (seen.all(-1) == seen.any(-1)).all()
    assert 0.75 < seen.float().mean() < 0.85
    noisy, _ = corrupt(x, present, CorruptConfig(noise=0.02, drop_finger=0, drop_frame=0))
    deviation = (noisy - x).flatten(1).std(1)
    assert deviation.max() < 0.022
    assert 0.008 < deviation.mean() < 0.012


def test_evaluation_does_not_corrupt():
    model, batch = seeded_model(OURS.tokenizer).eval(), make_batch(OURS.tokenizer)
    assert_close(model.loss(batch)[0], model.loss(batch)[0], rtol=0, atol=0)
    model.train()
    assert model.loss(batch)[0] != model.loss(batch)[0]


@recipes
def test_bf16_autocast_is_near(config):
    tokenizer = without_corruption(config.tokenizer)
    batch, losses = make_batch(tokenizer), []
    for enabled in (False, True):
        model = seeded_model(tokenizer)
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss, _ = model.loss(batch)
        loss.backward()
        assert loss.dtype == torch.float32
        assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_encoding_in_training_mode_is_refused():
    model = seeded_model(OURS.tokenizer)
    with pytest.raises(AssertionError, match="evaluation mode"):
        model.encode(torch.zeros(3, 42, 2), torch.ones(3, 42, dtype=torch.bool))
