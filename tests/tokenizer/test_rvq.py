"""Residual VQ: exact and batch-free ids, the closed-form gradient, and how the codebooks learn."""

import copy

import pytest
import torch
import torch.multiprocessing
from torch import Tensor
from vector_quantize_pytorch import ResidualVQ as Peer

from signtok.config import ResidualVQConfig
from signtok.tokenizer.bottleneck import Identity
from signtok.tokenizer.codebook import Codebooks, kmeans
from signtok.tokenizer.rvq import ResidualVQ

SMALL = ResidualVQConfig(codebooks=3, codes=16, dim=6, dead_below=2, dropout=0, bypass=0)
WIDE = ResidualVQConfig(codebooks=4, codes=1024, dim=128, dead_below=2, bypass=0)


def fresh(config: ResidualVQConfig, seed: int = 0, **changes: object) -> ResidualVQ:
    torch.manual_seed(seed)
    return ResidualVQ(config.model_copy(update=changes))


def everywhere(h: Tensor) -> Tensor:
    return torch.ones(h.shape[:-1], dtype=torch.bool)


def brute_force(h: Tensor, codebooks: Tensor) -> Tensor:
    """Ids by float64 distances to all codes; the residual is float32, as it is in the algorithm."""
    ids, residual = [], h
    for codes in codebooks:
        distance = (residual.double()[:, None] - codes.double()).square().sum(-1)
        ids.append(distance.argmin(1))
        residual = residual - codes[ids[-1]]
    return torch.stack(ids, 1)


def between_codes(codes: Tensor, n: int) -> Tensor:
    """Vectors half way between two codes each, but for some last bits of their numbers."""
    a, b = codes[torch.randint(len(codes), (2, n))]
    return ((a + b) / 2 * (1 + 1e-7 * torch.randint(-3, 4, a.shape))).float()


def tie_codes() -> Tensor:
    """64 directions 16 times over, each copy some last bits away: each vector has many codes about as close."""
    return torch.randn(64, 128).repeat(16, 1) * (1 + 1e-7 * torch.randint(-2, 3, (1024, 128)))


# --- nearest codes


def test_ids_are_the_exact_nearest():
    rvq = fresh(WIDE).eval()
    h = torch.randn(1, 300, 128)
    assert torch.equal(rvq.encode(h, everywhere(h))[0], brute_force(h[0], rvq.codebooks))


@pytest.mark.parametrize("codes", [1, 2, 63, 65])
def test_any_number_of_codes(codes):
    rvq = fresh(SMALL, codes=codes).eval()
    h = torch.randn(40, 6)
    assert torch.equal(rvq.encode(h, everywhere(h)), brute_force(h, rvq.codebooks))


def test_near_ties_fall_as_in_float64():
    rvq = fresh(WIDE, codebooks=1).eval()
    rvq.codebooks[0] = tie_codes()
    h = torch.cat([between_codes(rvq.codebooks[0], 150), torch.randn(150, 128)])
    chosen = rvq.codebooks[0][rvq.encode(h, everywhere(h))[:, 0]]
    distance = (h.double()[:, None] - rvq.codebooks[0].double()).square().sum(-1)
    torch.testing.assert_close((h.double() - chosen.double()).square().sum(-1), distance.amin(1), rtol=1e-14, atol=0)


def test_the_first_of_equal_codes_wins():
    rvq = fresh(SMALL).eval()
    rvq.codebooks.fill_(0.5)
    h = torch.randn(600, 6)
    assert not rvq.encode(h, everywhere(h)).any()


def test_ids_do_not_depend_on_neighbours_place_or_threads():
    rvq = fresh(WIDE, codebooks=2).eval()
    rvq.codebooks[0] = tie_codes()
    h = torch.cat([between_codes(rvq.codebooks[0], 700), torch.randn(337, 128)])[torch.randperm(1037)]
    ids = rvq.encode(h, everywhere(h))
    for n in (1, 2, 3, 7, 12, 63, 64, 65, 100, 257):  # each row alone, in pieces, and in padded tails
        rows = h[:120] if n == 1 else h
        pieces = torch.cat([rvq.encode(piece, everywhere(piece)) for piece in rows.split(n)])
        assert torch.equal(pieces, ids[: len(rows)]), n
    order = torch.randperm(1037)
    assert torch.equal(rvq.encode(h[order], everywhere(h)), ids[order])
    torch.set_num_threads(2)
    try:
        assert torch.equal(rvq.encode(h, everywhere(h)), ids)
    finally:
        torch.set_num_threads(1)


def test_coarser_products_change_no_id():
    rvq = fresh(WIDE, codebooks=2).eval()
    h = torch.randn(300, 128)
    ids = rvq.encode(h, everywhere(h))
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    try:
        assert torch.equal(rvq.encode(h, everywhere(h)), ids)
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = "none"


def test_peer_gives_the_same_ids_and_sums():
    rvq = fresh(WIDE, codes=256).eval()
    peer = Peer(dim=128, num_quantizers=4, codebook_size=256).eval()
    for layer, codes in zip(peer.layers, rvq.codebooks, strict=True):
        layer._codebook.embed.copy_(codes[None])
    h = torch.randn(3, 50, 128)
    latent = rvq(h, everywhere(h))
    z, ids, _ = peer(h)
    assert torch.equal(latent.ids, ids)
    torch.testing.assert_close(latent.z, z)


# --- forward


def test_padding_changes_nothing():
    h, mask = torch.randn(4, 60, 6), torch.arange(60) < torch.tensor([60, 1, 33, 0])[:, None]
    other = torch.where(mask[..., None], h, torch.full_like(h, torch.nan))
    states, latents = [], []
    for x in (h, other):
        rvq = fresh(SMALL)
        latents += [rvq(x, mask), rvq(x, mask), rvq.eval()(x, mask)]
        states.append(rvq.state_dict())
    for name in states[0]:
        assert torch.equal(states[0][name], states[1][name]), name
    for a, b in zip(latents[:3], latents[3:], strict=True):
        assert torch.equal(a.z, b.z)
        assert torch.equal(a.loss, b.loss)
        assert not a.z[~mask].any()
        assert not a.ids[~mask].any()


def test_padding_learns_as_no_padding():
    h, mask = torch.randn(2, 60, 6), torch.rand(2, 60) < 0.7
    padded, bare = fresh(SMALL), fresh(SMALL)
    for _ in range(2):
        torch.manual_seed(1)
        padded(h, mask)
        torch.manual_seed(1)
        bare(h[mask], everywhere(h[mask]))
    torch.testing.assert_close(padded.state_dict(), bare.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("frozen", [True, False])
def test_without_training_nothing_changes(frozen):
    rvq = fresh(SMALL, dropout=1)
    h = torch.randn(2, 60, 6)
    for initialised in (False, True):
        rvq.frozen = frozen
        before, draws = copy.deepcopy(rvq.state_dict()), torch.get_rng_state()
        latent = rvq.train(frozen)(h, everywhere(h))
        rvq.encode(h, everywhere(h))
        assert latent.ids.shape == (2, 60, 3)
        assert bool(before["initialised"]) == initialised
        assert torch.equal(torch.get_rng_state(), draws)
        torch.testing.assert_close(rvq.state_dict(), before, rtol=0, atol=0)
        rvq.frozen = False
        rvq.train()(h, everywhere(h))


@pytest.mark.parametrize("shape", [(5, 6), (2, 7, 6), (2, 3, 4, 6), (0, 6)])
def test_ids_give_back_z(shape):
    rvq = fresh(SMALL)
    rvq(torch.randn(100, 6), torch.ones(100, dtype=torch.bool))
    h = torch.randn(shape)
    latent = rvq.eval()(h, everywhere(h))
    assert torch.equal(rvq.encode(h, everywhere(h)), latent.ids)
    assert torch.equal(rvq.from_ids(latent.ids), latent.z)
    first_two = rvq.codebooks[0][latent.ids[..., 0]] + rvq.codebooks[1][latent.ids[..., 1]]
    assert torch.equal(rvq.from_ids(latent.ids[..., :2]), first_two)


@pytest.mark.parametrize(("ids", "message"), [([[16]], "0 to 15"), ([[-1]], "0 to 15"), ([[0] * 4], "take ids")])
def test_foreign_ids_are_refused(ids, message):
    with pytest.raises(ValueError, match=message):
        fresh(SMALL).from_ids(torch.tensor(ids))


def test_bfloat16_features_are_quantised_in_float32():
    rvq = fresh(SMALL).eval()
    h = torch.randn(2, 60, 6).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        latent = rvq(h, everywhere(h))
    assert latent.z.dtype == torch.float32
    assert torch.equal(latent.ids, rvq.encode(h.float(), everywhere(h)))
    (latent.z.sum() + latent.loss).backward()
    assert h.grad.dtype == torch.bfloat16


def test_codebooks_changed_behind_its_back_are_noticed():
    rvq = fresh(SMALL)
    h = torch.randn(2, 60, 6)
    rvq(h, everywhere(h))
    with torch.inference_mode():
        rvq.eval().encode(h, everywhere(h))
    rvq.train()(2 * h, everywhere(h))
    twin = copy.deepcopy(rvq).eval()  # a copy's tensors count their changes from zero
    assert torch.equal(twin.encode(h, everywhere(h))[0], brute_force(h[0], rvq.codebooks))
    twin.load_state_dict(fresh(SMALL, seed=5).state_dict())
    assert torch.equal(twin.encode(h, everywhere(h))[0], brute_force(h[0], twin.codebooks))


def test_logs_tell_how_codes_are_used():
    rvq = fresh(SMALL, codebooks=1, codes=4).eval()
    rvq.codebooks[0] = torch.eye(4, 6)
    latent = rvq(torch.eye(4, 6)[[0, 0, 1, 1]], torch.tensor([True, True, True, True]))
    assert latent.logs["perplexity_1"] == pytest.approx(2)
    assert latent.logs["used_1"] == pytest.approx(0.5)
    assert latent.loss == 0


def test_identity():
    h = torch.randn(2, 5, 6)
    latent = Identity()(h, everywhere(h))
    assert latent.z is h
    assert latent.ids is None
    assert latent.loss == 0


# --- gradient


def naive(h: Tensor, mask: Tensor, ids: Tensor, codebooks: Tensor) -> tuple[Tensor, Tensor]:
    """Paper 002's loss, written with autograd: residual by residual, one straight-through over the sum."""
    residual, total, losses = h, torch.zeros_like(h), []
    for level in range(ids.shape[-1]):
        code = codebooks[level][ids[..., level]].detach()
        losses.append(((residual - code).square() * mask[..., None]).sum() / mask.sum())
        residual, total = residual - code, total + code
    return (h + (total - h).detach()) * mask[..., None], torch.stack(losses).mean()


@pytest.mark.parametrize("train", [True, False])
def test_gradient_is_that_of_plain_autograd(train):
    rvq = fresh(SMALL, dropout=1).train(train)
    h, mask = torch.randn(3, 40, 6), torch.rand(3, 40) < 0.8
    weight = torch.randn(3, 40, 6)
    before = rvq.codebooks.clone()
    if train:
        rvq(h, mask)  # k-means
        before = rvq.codebooks.clone()
    a, b = h.clone().requires_grad_(), h.clone().requires_grad_()
    latent = rvq(a, mask)
    z, loss = naive(b, mask, latent.ids, before)
    torch.testing.assert_close(latent.z, z)
    torch.testing.assert_close(latent.loss, loss)
    ((latent.z * weight).sum() + 0.3 * latent.loss).backward()
    ((z * weight).sum() + 0.3 * loss).backward()
    torch.testing.assert_close(a.grad, b.grad)


def test_loss_falls_along_its_gradient():
    """A finite difference of the loss itself, where no id changes: the closed form is not just autograd's twin."""
    rvq = fresh(SMALL).eval()
    h = torch.randn(50, 6).requires_grad_()
    latent = rvq(h, everywhere(h))
    latent.loss.backward()
    step = 1e-3 * h.grad
    moved = rvq((h + step).detach(), everywhere(h))
    back = rvq((h - step).detach(), everywhere(h))
    assert torch.equal(moved.ids, back.ids)
    assert (moved.loss - back.loss) / 2 == pytest.approx(float((h.grad * step).sum()), rel=0.02)


# --- learning


def test_moving_averages_by_hand():
    rvq = fresh(SMALL, codebooks=1, codes=2, dim=1, decay=0.5, laplace=0.5, dead_below=0.0)
    rvq.codebooks.copy_(torch.tensor([[[0.0], [10.0]]]))
    rvq.cluster_size.copy_(torch.tensor([[4.0, 6.0]]))
    rvq.embed_sum.copy_(torch.tensor([[[0.0], [60.0]]]))
    rvq.initialised.fill_(True)
    latent = rvq(torch.tensor([[[1.0], [2.0], [9.0], [100.0]]]), torch.tensor([[True, True, True, False]]))
    assert latent.z[0, :, 0].tolist() == [0, 0, 10, 0]  # as the codebook was, not as it is now
    assert latent.loss == pytest.approx((1 + 4 + 1) / 3)
    assert rvq.cluster_size[0].tolist() == [(4 + 2) / 2, (6 + 1) / 2]
    assert rvq.embed_sum[0, :, 0].tolist() == [(0 + 3) / 2, (60 + 9) / 2]
    smoothed = [(3 + 0.5) / (6.5 + 2 * 0.5) * 6.5, (3.5 + 0.5) / (6.5 + 2 * 0.5) * 6.5]
    assert rvq.codebooks[0, :, 0].tolist() == pytest.approx([1.5 / smoothed[0], 34.5 / smoothed[1]])


def test_codes_without_uses_stay_finite():
    rvq = fresh(SMALL, dead_below=0.0, kmeans_iterations=1)
    h = torch.randn(1, 5, 6)
    rvq(h, everywhere(h))
    rvq.cluster_size[:, 3:] = 0
    rvq.embed_sum[:, 3:] = 0
    for _ in range(3):
        assert rvq(h, everywhere(h)).loss.isfinite()
    assert rvq.codebooks.isfinite().all()


def test_a_batch_without_frames_changes_nothing():
    rvq = fresh(SMALL)
    h = torch.randn(2, 60, 6)
    for _ in range(2):
        before = copy.deepcopy(rvq.state_dict())
        assert rvq(h, torch.zeros(2, 60, dtype=torch.bool)).loss == 0
        torch.testing.assert_close(rvq.state_dict(), before, rtol=0, atol=0)
        rvq(h, everywhere(h))


def test_dropout_uses_the_first_codebooks_and_moves_no_other():
    rvq = fresh(SMALL, dropout=1)
    h = torch.randn(4, 50, 6)
    rvq(h, everywhere(h))
    seen = set()
    for _ in range(25):
        h = torch.randn(4, 50, 6)
        before = copy.deepcopy(rvq)
        latent = rvq(h, everywhere(h))
        levels = latent.ids.shape[-1]
        seen.add(levels)
        assert torch.equal(latent.ids, before.encode(h, everywhere(h))[..., :levels])
        assert torch.equal(latent.z, before.from_ids(latent.ids))
        assert not torch.equal(rvq.codebooks[levels - 1], before.codebooks[levels - 1])
        for buffer, old in zip(rvq.buffers(), before.buffers(), strict=True):
            assert torch.equal(buffer[levels:], old[levels:]) if buffer.ndim else buffer
    assert seen == {1, 2, 3}


def test_dead_codes_come_back_on_vectors_of_their_level():
    rvq = fresh(SMALL, codebooks=2, revive="sample")
    h = torch.randn(4, 50, 6)
    rvq(h, everywhere(h))
    rvq.codebooks[:, 4:8] = 1000.0
    rvq.embed_sum[:, 4:8] = 0.0
    rvq.cluster_size[:, 4:8] = 0.0
    rvq.cluster_size[:, :4] = rvq.cluster_size[:, 8:] = 50.0
    rvq.embed_sum[:] = rvq.codebooks * rvq.cluster_size[..., None]
    before = rvq.codebooks.clone()
    latent = rvq(h, everywhere(h))
    residual = h - before[0][latent.ids[..., 0]]
    for level, vectors in enumerate((h, residual)):
        distance = (rvq.codebooks[level, 4:8, None] - vectors.reshape(-1, 6)).abs().amax(2)
        assert (distance.amin(1) < 1e-5).all()
        assert len(rvq.codebooks[level, 4:8].unique(dim=0)) == 4
    kept = rvq.codebooks[:, 4:8].clone()
    rvq(torch.full((1, 1, 6), 50.0), torch.ones(1, 1, dtype=torch.bool))
    torch.testing.assert_close(rvq.codebooks[:, 4:8], kept, rtol=1e-3, atol=1e-3)  # no use yet, but not dead again


def test_dead_codes_become_halves_of_crowded_ones():
    """Nothing else moves, what a cluster stands for is kept, and each half is used at once."""
    rvq = fresh(SMALL, codebooks=2, dead_below=0.5)
    h = torch.randn(4, 50, 6)
    rvq(h, everywhere(h))
    counts, sums, codes = rvq.cluster_size, rvq.embed_sum, rvq.codebooks
    crowded = counts.topk(4).indices
    dead = counts.topk(4, largest=False).indices.sort().values
    rows = torch.arange(2)[:, None]
    counts[rows, dead] = 0.01
    sums[rows, dead] = 0.01 * codes[rows, dead]
    before = [x.clone() for x in (counts, sums, codes)]
    Codebooks(codes, counts, sums).split(0.5)
    torch.testing.assert_close(counts[rows, dead], before[0][rows, crowded] / 2)
    torch.testing.assert_close(counts[rows, dead] + counts[rows, crowded], before[0][rows, crowded])
    torch.testing.assert_close(sums[rows, dead] + sums[rows, crowded], before[1][rows, crowded], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(sums, codes * counts[..., None])
    changed = (codes != before[2]).any(-1).nonzero()
    assert len(changed) == 16
    ids = rvq.eval()(h, everywhere(h)).ids
    assert set(dead[0].tolist()) <= set(ids[..., 0].flatten().tolist())


def test_halves_that_would_die_at_once_are_not_made():
    rvq = fresh(SMALL, codebooks=1)
    books = Codebooks(rvq.codebooks, rvq.cluster_size, rvq.embed_sum)
    rvq.cluster_size[0] = torch.tensor([9.0, 7.9, *[0.1] * 14])
    before = rvq.codebooks.clone()
    books.split(2.0)
    assert ((rvq.codebooks != before).any(-1)).sum() == 2  # one dead code and the one that it splits


def test_kmeans_beats_a_random_start_and_repeats():
    h = torch.randn(8, 100, 6, generator=torch.Generator().manual_seed(3))
    random = fresh(SMALL).eval()(h, everywhere(h)).loss
    rvq = fresh(SMALL)
    start = rvq(h, everywhere(h))
    again = fresh(SMALL)(h, everywhere(h))
    drawn = kmeans(h.view(-1, 6), 16, 0).means
    error = [torch.cdist(h.view(-1, 6), codes).amin(1).square().mean() for codes in (drawn, rvq.codebooks[0])]
    assert start.loss < 0.7 * random
    assert error[1] < 0.9 * error[0]
    assert torch.equal(start.ids, again.ids)


def with_seed(seed, model, *inputs):
    torch.manual_seed(seed)
    return model(*inputs)


def test_bypassed_sequences_go_on_as_they_are():
    """Whole sequences, in training only; gradients, ids and codebooks are those of all."""
    rvq, plain = fresh(SMALL, bypass=0.5), fresh(SMALL)
    h, mask = torch.randn(40, 9, 6, requires_grad=True), torch.rand(40, 9) < 0.8
    latent, other = (with_seed(0, model, h, mask) for model in (rvq, plain))
    kept = torch.tensor([torch.equal(z, x * m[:, None]) for z, x, m in zip(latent.z, h, mask, strict=True)])
    assert 8 < int(kept.sum()) < 32
    torch.testing.assert_close(latent.z[~kept], other.z[~kept])
    assert torch.equal(latent.ids, other.ids)
    torch.testing.assert_close(rvq.codebooks, plain.codebooks)
    (grad,) = torch.autograd.grad(latent.z.sum(), h)
    assert torch.equal(grad, mask[..., None].expand_as(h).float())
    assert torch.equal(rvq.eval()(h, mask).z, plain.eval()(h, mask).z)


def test_fewer_vectors_than_codes():
    rvq = fresh(SMALL, codebooks=1)
    h = torch.randn(1, 5, 6)
    for _ in range(3):
        latent = rvq(h, everywhere(h))
    torch.testing.assert_close(latent.z, h, rtol=1e-4, atol=1e-4)


def test_codebooks_follow_the_data():
    """After some training three levels leave little of data with twelve places, and each level less than the last."""
    rvq = fresh(SMALL, decay=0.9)
    places = 3 * torch.randn(12, 6)
    for _ in range(60):
        h = (places + 0.5)[torch.randint(12, (4, 40))] + 0.05 * torch.randn(4, 40, 6)
        rvq(h, everywhere(h))
    ids = rvq.encode(h, everywhere(h))
    left = [float((h - rvq.from_ids(ids[..., :q])).square().mean()) for q in (1, 2, 3)]
    assert left[1] < 0.01
    assert left[2] < left[1] < left[0]


# --- several processes


def batches() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(7)
    return [
        (torch.randn(4, 30, 6, generator=generator), torch.rand(4, 30, generator=generator) < 0.8) for _ in range(4)
    ]


def train_share(rank: int, folder: str) -> None:
    """What one of two processes does; it sees three sequences of each batch, the other sees one."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    rvq = fresh(SMALL, dropout=1)
    torch.manual_seed(100 * rank)
    share = slice(0, 3) if rank == 0 else slice(3, 4)
    for h, mask in batches():
        rvq(h[share], mask[share])
    torch.save(rvq.state_dict(), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_learn_what_one_would(tmp_path):
    torch.multiprocessing.spawn(train_share, (str(tmp_path),), nprocs=2)
    rvq = fresh(SMALL, dropout=1)
    torch.manual_seed(0)
    for h, mask in batches():
        rvq(h, mask)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(first, rvq.state_dict(), rtol=1e-5, atol=1e-6)
