"""Finite scalar quantisation: every id there and back, the library as oracle, and a gradient."""

import pytest
import torch

from signtok.config import FSQConfig
from signtok.tokenizer.fsq import FiniteScalars

LEVELS = [(8, 6, 5), (3, 4), (4,), (7, 5, 5, 5)]
several = pytest.mark.parametrize("levels", LEVELS, ids=str)


def here(h: torch.Tensor) -> torch.Tensor:
    return torch.ones(h.shape[:-1], dtype=torch.bool)


@several
def test_every_id_has_a_vector_of_its_own_that_is_coded_as_that_id(levels):
    fsq = FiniteScalars(FSQConfig(levels=levels, codebooks=1)).eval()
    ids = torch.arange(fsq.config.codes)[:, None]
    z = fsq.from_ids(ids)
    assert len(z.unique(dim=0)) == len(ids)
    assert z.abs().max() <= 1
    reach = (fsq.levels - 1) * 1.001 / 2
    offset = torch.where(fsq.levels % 2 == 0, 0.5, 0.0)
    h = ((z * (fsq.levels // 2) + offset) / reach).atanh() - (offset / reach).atanh()
    assert torch.equal(fsq.encode(h, here(h)), ids)


@several
@pytest.mark.parametrize("codebooks", [1, 3])
def test_what_is_decoded_is_what_ids_stand_for(levels, codebooks):
    fsq = FiniteScalars(FSQConfig(levels=levels, codebooks=codebooks)).eval()
    h = torch.randn(2, 4, 5, fsq.config.dim, generator=torch.Generator().manual_seed(0)) * 2
    latent = fsq(h, here(h))
    assert latent.ids.shape == (2, 4, 5, codebooks)
    torch.testing.assert_close(fsq.from_ids(latent.ids), latent.z, rtol=0, atol=1e-6)
    assert torch.equal(fsq.encode(h, here(h)), latent.ids)


@several
def test_as_the_library(levels):
    library = pytest.importorskip("vector_quantize_pytorch").FSQ(list(levels))
    fsq = FiniteScalars(FSQConfig(levels=levels, codebooks=1)).eval()
    h = torch.randn(64, 9, len(levels), generator=torch.Generator().manual_seed(1)) * 2
    z, ids = library(h)
    ours = fsq(h, here(h))
    torch.testing.assert_close(ours.z, z)
    assert torch.equal(ours.ids[..., 0], ids.long())


def test_the_gradient_is_that_of_the_bound():
    fsq = FiniteScalars(FSQConfig(levels=(5, 4), codebooks=1)).eval()
    h = torch.randn(3, 2, requires_grad=True)
    fsq(h, here(h)).z.sum().backward()
    one = h.grad.clone()
    (soft,) = torch.autograd.grad((fsq._bounded(h) / (fsq.levels // 2)).sum(), h)
    torch.testing.assert_close(one, soft)
    assert one.all()


def test_what_is_masked_is_nothing():
    fsq = FiniteScalars(FSQConfig()).eval()
    h, mask = torch.randn(2, 3, fsq.config.dim), torch.tensor([[True, True, False], [True, False, False]])
    latent = fsq(h, mask)
    assert not latent.z[~mask].any()
    assert not latent.ids[~mask].any()
    assert set(latent.logs) == {f"{name}_{q}" for name in ("used", "perplexity") for q in (1, 2, 3, 4)}


@pytest.mark.parametrize(("ids", "message"), [([[240]], "0 to 239"), ([[-1]], "-1 to -1"), ([[1, 2]], "give all")])
def test_ids_that_there_are_not(ids, message):
    with pytest.raises(ValueError, match=message):
        FiniteScalars(FSQConfig(codebooks=1)).from_ids(torch.tensor(ids))


def test_no_more_ids_than_a_token_file_holds():
    assert FSQConfig(levels=(32, 32, 32)).codes == 2**15
    with pytest.raises(ValueError, match="64000 ids, more than 32768"):
        FSQConfig(levels=(8, 8, 8, 5, 5, 5))


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_the_first_batch_says_how_large_numbers_are(scale):
    """However small or large, all levels are used, what comes out is near what came in, and later batches change
    nothing."""
    fsq = FiniteScalars(FSQConfig(levels=(8, 6, 5), codebooks=2))
    generator = torch.Generator().manual_seed(2)
    h = torch.randn(64, 50, 6, generator=generator) * torch.tensor([1.0, 0.3, 0.1, 1.0, 0.3, 0.1]) * scale
    mask = torch.rand(64, 50, generator=generator) > 0.2
    latent = fsq.train()(h.masked_fill(~mask[..., None], 1e6), mask)
    assert float((latent.z - h)[mask].square().mean() / h[mask].square().mean()) < 0.1
    assert min(float(value) for name, value in latent.logs.items() if name.startswith("used")) > 0.9
    before = {name: tensor.clone() for name, tensor in fsq.state_dict().items()}
    fsq(h * 100, mask)
    assert all(torch.equal(tensor, before[name]) for name, tensor in fsq.state_dict().items())
    assert torch.equal(fsq.eval().encode(h, mask)[mask], latent.ids[mask])


def test_an_empty_batch_and_a_number_that_is_nothing_start_nothing_wild():
    fsq = FiniteScalars(FSQConfig(levels=(5, 4), codebooks=1)).train()
    h = torch.randn(3, 2)
    fsq(h, torch.zeros(3).bool())
    assert not fsq.initialised
    h[:, 1] = 0
    latent = fsq(h, here(h))
    assert fsq.initialised
    assert latent.z.isfinite().all()
    assert not latent.z[:, 1].any()
    assert fsq.gain[1] == fsq.size[1] == 1
