"""A flow over what a decoder of landmarks leaves out: the mean stays, and what is drawn is like what is missing."""

import numpy as np
import pytest
import torch

from signtok import flow
from signtok.hub import LandmarkTokenizer
from signtok.recipes.pose import sign_rvq_ctc, sign_rvq_flow
from signtok.tokenizer.flow_training import FlowTraining
from signtok.tokenizer.model import TokenizerModel, windows
from signtok.tokenizer.motion_flow import CORRELATION, PATH, seeded_noise, slow
from tiny import make_batch, right_hand, seeded_model, seeded_tokenizer, shrink, without_corruption

FLOW = shrink(sign_rvq_flow())


def test_steps_and_seeds():
    tok = seeded_tokenizer(FLOW)
    ids = tok.tokenize([right_hand(30).landmarks])
    one, again, other = (tok.detokenize(ids, seed=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert np.nanmax(np.abs(one - other)) > 1e-4
    assert np.nanmax(np.abs(one - tok.detokenize(ids, steps=2)[0])) > 1e-4
    with pytest.raises(ValueError, match="steps=-1: give a whole number"):
        tok.detokenize(ids, steps=-1)
    with pytest.raises(ValueError, match="does not sample"):
        seeded_tokenizer(shrink(sign_rvq_ctc())).detokenize(ids, steps=3)


def test_no_steps_give_the_plain_decoders_mean():
    tok = seeded_tokenizer(FLOW)
    ids = tok.tokenize([right_hand(30).landmarks])
    z = tok.model.from_ids(torch.from_numpy(np.array(ids[0])))
    plain = tok.model.decoder.first(z[None])[0][0]
    torch.testing.assert_close(tok.model.decode(z, steps=0).x, plain)


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_a_flow_that_has_learnt_nothing_adds_nothing(steps):
    tok = LandmarkTokenizer(TokenizerModel(FLOW.tokenizer), FLOW)
    ids = tok.tokenize([right_hand(30).landmarks])
    plain, drawn = tok.detokenize(ids, steps=0)[0], tok.detokenize(ids, steps=steps, seed=3)[0]
    np.testing.assert_allclose(drawn, plain, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 4])
def test_one_that_knows_what_is_left_out_gives_it_back(steps, monkeypatch):
    model, batch = seeded_model(FLOW.tokenizer).eval(), make_batch(FLOW.tokenizer)
    z = torch.randn(len(batch), batch.x.shape[1], 16)
    first = model.decoder.first(z, batch.mask)[0].detach()
    rest = (batch.x - first) / model.decoder.settings.spread
    monkeypatch.setattr(model.decoder.net, "forward", lambda x_t, t, *_: PATH.estimate("data", rest, x_t, t))
    found = model.decoder.drawn(z, first, batch.mask, steps)
    torch.testing.assert_close(found, batch.x, atol=1e-4, rtol=0)


def test_only_the_flow_learns():
    """Nothing else has a gradient, is in training mode, or changes in a step."""
    model, batch = flow_training(), make_batch(FLOW.tokenizer)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    model.loss(batch)[0].backward()
    optimizer.step()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("decoder.net.") for name in changed)
    training = {name for name, module in model.named_modules() if module.training and name}
    assert all(name.startswith("decoder.net") for name in training)
    assert not any(module.training for name, module in model.eval().named_modules())


@pytest.mark.parametrize("levels", [1, 4])
def test_it_learns_from_what_it_will_be_given(levels, monkeypatch):
    """The codes that decoding would have, of hands that nothing was taken from, by some of the codebooks."""
    model, batch, seen = flow_training(), make_batch(FLOW.tokenizer), []
    monkeypatch.setattr(model.bottleneck, "_draw_levels", lambda device: levels)
    loss = model.decoder.flow_loss
    monkeypatch.setattr(model.decoder, "flow_loss", lambda *args: seen.append(args[:2]) or loss(*args))
    model.loss(batch)
    model.eval()
    ids = model.bottleneck.encode(model.encoder(batch.x, batch.present, batch.mask), batch.mask)[..., :levels]
    z = model.bottleneck.from_ids(ids) * batch.mask[..., None]
    torch.testing.assert_close(seen[0][0], z)
    torch.testing.assert_close(seen[0][1], model.decoder.first(z, batch.mask)[0])


def test_in_evaluation_it_is_judged_by_what_it_draws():
    model, batch = flow_training().eval(), make_batch(FLOW.tokenizer)
    loss, logs = model.loss(batch)
    z = model.bottleneck(model.encoder(batch.x, batch.present, batch.mask), batch.mask).z
    torch.testing.assert_close(loss, model.decoder.loss(z, batch)[0])
    assert logs["loss"] == loss


def flow_training():
    torch.manual_seed(0)
    model = FlowTraining(FLOW.tokenizer)
    torch.nn.init.normal_(model.decoder.net.leave.weight, std=0.1)
    return model.train()


def test_unseen_landmarks_are_not_learnt():
    model, batch = seeded_model(without_corruption(FLOW.tokenizer)), make_batch(FLOW.tokenizer)
    scores = []
    for filling in (0.0, 1e3):
        torch.manual_seed(3)
        x = torch.where((batch.present & batch.mask[..., None])[..., None], batch.x, filling)
        scores.append(float(_score(model.decoder, x, batch)))
    assert scores[0] == pytest.approx(scores[1])


def _score(flow, x, batch):
    first = torch.zeros_like(batch.x)
    _, logs = flow.flow_loss(first.flatten(2)[..., :16], first, type(batch)(**{**vars(batch), "x": x}))
    return logs["score"]


def test_what_is_drawn_spreads_as_what_is_left_out_does(monkeypatch):
    """With the best estimate for normal differences of deviation 0.5; of fifty steps the last is still too long."""
    model = seeded_model(FLOW.tokenizer).eval()

    def best(x_t, t, *_):
        alpha, sigma = PATH.weights(flow.over(t, x_t))
        return PATH.estimate("data", alpha * 0.25 * x_t / (alpha**2 * 0.25 + sigma**2), x_t, t)

    monkeypatch.setattr(model.decoder.net, "forward", best)
    first = torch.zeros(1, 200, 42, 2)
    drawn = model.decoder.drawn(torch.zeros(1, 200, 16), first, steps=600)
    assert float(drawn.std()) == pytest.approx(0.5 * model.decoder.settings.spread, rel=0.1)


def test_noise_changes_slowly_and_spreads_evenly():
    noise = slow(torch.randn(64, 100, 42, 2, generator=torch.Generator().manual_seed(1)))
    assert float(noise[:, 0].std()) == pytest.approx(1, rel=0.02)
    assert float(noise[:, -1].std()) == pytest.approx(1, rel=0.02)
    assert float((noise[:, 1:] * noise[:, :-1]).mean()) == pytest.approx(CORRELATION, rel=0.03)
    assert float((noise[:, 9:] * noise[:, :-9]).mean()) == pytest.approx(CORRELATION**9, rel=0.05)


def test_noise_goes_on_from_the_frame_before():
    white = torch.randn(2, 300, 3, 2, generator=torch.Generator().manual_seed(1))
    wanted = [white[:, 0]]
    for fresh in white[:, 1:].unbind(1):
        wanted.append(CORRELATION * wanted[-1] + (1 - CORRELATION**2) ** 0.5 * fresh)
    torch.testing.assert_close(slow(white), torch.stack(wanted, 1))


def test_a_frame_s_noise_does_not_depend_on_later_frames():
    white = torch.randn(1, 50, 42, 2)
    torch.testing.assert_close(slow(white)[:, :20], slow(white[:, :20]), atol=0, rtol=0)
    assert torch.equal(slow(white[:, :1]), white[:, :1])


@pytest.mark.parametrize(("trembling", "changes"), [(0.0, 0.0), (1.0, 4.0)])
def test_trembling_costs_more_than_being_off(trembling, changes, monkeypatch):
    """Errors as large in every frame, of one sign or of two in turns."""
    model, batch = seeded_model(without_corruption(FLOW.tokenizer)), make_batch(FLOW.tokenizer)
    whole = type(batch)(**{**vars(batch), "present": torch.ones_like(batch.present)})
    signs = 1 - 2 * trembling * (torch.arange(batch.x.shape[1]) % 2)

    def look(x_t, t, z, first, mask):
        found = (whole.x - first) / model.decoder.settings.spread * whole.mask[..., None, None]
        return PATH.estimate("data", found + signs[:, None, None], x_t, t)

    monkeypatch.setattr(model.decoder.net, "forward", look)
    _, logs = model.decoder.flow_loss(torch.zeros(len(batch), batch.x.shape[1], 16), torch.zeros_like(batch.x), whole)
    assert float(logs["score"]) == pytest.approx(1, rel=1e-3)
    assert float(logs["changes"]) == pytest.approx(changes, abs=1e-3)


@pytest.mark.parametrize("alone", [0.0, 1.0])
def test_looks_at_noise_alone(alone):
    settings = FLOW.tokenizer.decoder.flow.model_copy(update={"alone": alone})
    decoder = FLOW.tokenizer.decoder.model_copy(update={"flow": settings})
    model = seeded_model(FLOW.tokenizer.model_copy(update={"decoder": decoder}))
    assert bool((model.decoder.times(100) == 1).all()) == bool(alone)


def test_a_frame_has_the_same_noise_in_every_window(monkeypatch):
    """And in recordings that are longer."""
    model = seeded_model(FLOW.tokenizer).eval()
    seen, look = [], model.decoder.net.forward
    monkeypatch.setattr(model.decoder.net, "forward", lambda x_t, *args: seen.append(x_t) or look(x_t, *args))
    model.decode(torch.randn(150, 16), seed=3)
    assert len(seen) > 2
    cuts = windows(150, FLOW.tokenizer.window, FLOW.tokenizer.margin)
    for (look, _), noise in zip(cuts, seen, strict=True):
        torch.testing.assert_close(noise, seeded_noise(150, 3)[:, look], atol=0, rtol=0)
    torch.testing.assert_close(seeded_noise(30, 3), seeded_noise(150, 3)[:, :30], atol=0, rtol=0)


def test_changes_are_of_landmarks_seen_in_both_frames():
    """Seen in every other frame, nothing changes that could be learnt from."""
    model, batch = seeded_model(FLOW.tokenizer), make_batch(FLOW.tokenizer)
    gaps = batch.present & (torch.arange(batch.x.shape[1]) % 2 == 0)[:, None]
    first = torch.zeros_like(batch.x)
    some = type(batch)(**{**vars(batch), "x": batch.x * gaps[..., None], "present": gaps})
    _, logs = model.decoder.flow_loss(first.flatten(2)[..., :16], first, some)
    assert float(logs["changes"]) == 0
    assert float(logs["score"]) > 0


def test_validation_draws_as_decoding_with_seed_0_does():
    model, batch = seeded_model(FLOW.tokenizer).eval(), make_batch(FLOW.tokenizer)
    row = batch.rows(0, 1)
    z = model.bottleneck(model.encoder(row.x, row.present, row.mask), row.mask).z
    found = model.decode(z[0]).x
    wanted = model.decoder.drawn(z, model.decoder.first(z, row.mask)[0].float(), row.mask)[0]
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    assert (found - model.decode(z[0], steps=0).x).abs().max() > 1e-3
