"""Picture tokenizers as they are used: any size in, the same latent whatever the list, the same picture for a seed."""

import numpy as np
import pytest
import torch

import signtok
from signtok.config import (
    ConvolutionNet,
    FlowDecoder,
    FSQConfig,
    GaussianConfig,
    GridNet,
    LatentDiffusionDecoder,
    LayerNormConfig,
    LinearNet,
    PictureConfig,
    PictureTokenizerConfig,
    PlainDecoder,
    ResidualVQConfig,
    UNetConfig,
)
from signtok.data.batch import unsigned
from signtok.hub import LandmarkTokenizer, PictureTokenizer, load, load_landmark_tokenizer
from signtok.hub.find import PRETRAINED
from signtok.tokenizer.picture_model import PictureModel

NET = ConvolutionNet(channels=(8, 16))
PLAIN = PictureTokenizerConfig(size=16, latent=6, encoder=NET, decoder=PlainDecoder(net=NET))
SAMPLING = PictureTokenizerConfig(
    size=16,
    latent=6,
    encoder=NET,
    bottleneck=GaussianConfig(),
    decoder=LatentDiffusionDecoder(net=NET, steps=5, width=16),
)


def make(config: PictureTokenizerConfig = PLAIN, seed: int = 0) -> PictureTokenizer:
    torch.manual_seed(seed)
    return PictureTokenizer(PictureModel(config), PictureConfig(name="tiny", tokenizer=config), "# A card\n")


GRID = PictureTokenizerConfig(
    size=16,
    latent=3,
    encoder=GridNet(channels=16, multipliers=(1, 2), blocks=1, patch=2),
    decoder=FlowDecoder(
        net=UNetConfig(channels=16, multipliers=(1, 2), blocks=1, attention=(1,), head=8), perceptual=None, critic=None
    ),
)


CODES = ResidualVQConfig(codebooks=2, codes=8, dim=3, bypass=0)
PLAIN_GRID = GRID.model_copy(update={"decoder": PlainDecoder(net=GRID.encoder)})
RVQ = GRID.model_copy(update={"bottleneck": CODES})
FSQ = GRID.model_copy(update={"bottleneck": FSQConfig(levels=(8, 6, 5), codebooks=1)})
KINDS = {"plain": PLAIN, "sampling": SAMPLING, "grid": GRID, "plain-grid": PLAIN_GRID, "rvq": RVQ, "fsq": FSQ}
GRIDS = ("grid", "plain-grid", "rvq", "fsq")


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def tok(request):
    return make(request.param)


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in ((16, 16), (40, 30), (7, 90), (1, 1))]


def test_any_size_in_the_same_size_out(tok, pictures):
    latents = tok.tokenize(pictures)
    assert [(z.shape, z.dtype) for z in latents] == [(tok.shape, tok.dtype)] * 4
    back = tok.detokenize(latents)
    assert [picture.shape for picture in back] == [picture.shape for picture in pictures]
    assert all(picture.dtype == np.uint8 for picture in back)
    assert tok.detokenize([np.asarray(latents[1])])[0].shape == (16, 16, 3)


def test_latents_do_not_depend_on_the_list(tok, pictures):
    together, threads = tok.tokenize(pictures), torch.get_num_threads()
    for threads_now in (1, 2):
        torch.set_num_threads(threads_now)
        for one, z in zip(pictures, together, strict=True):
            np.testing.assert_array_equal(tok.tokenize([one])[0], z)
            np.testing.assert_array_equal(tok.tokenize(one)[0], z)
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(tok.tokenize(pictures[::-1])[-1], together[0])


def test_a_seed_is_a_picture_whatever_the_list():
    tok = make(SAMPLING)
    z = tok.tokenize([np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 200, np.uint8)])
    np.testing.assert_array_equal(tok.detokenize(z, seed=3)[1], tok.detokenize(z[1:], seed=3)[0])
    assert any((tok.detokenize(z, seed=3)[0] != tok.detokenize(z, seed=4)[0]).ravel())
    with pytest.raises(ValueError, match="trained with 5; give 0 to that"):
        tok.detokenize(z, steps=6)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda latent: latent[..., :-1], r"tokens 0: expected float latents \(.*\), got float32 \(\d"),
        (lambda latent: latent.astype(int), "got int64"),
        (lambda latent: latent * np.nan, "infinite or missing"),
        (lambda latent: np.full(latent.shape, 1e300), "infinite or missing"),
    ],
)
@pytest.mark.parametrize("kind", ["plain", "sampling", "grid"])
def test_latents_that_are_none(kind, spoil, message):
    tok = make(KINDS[kind])
    with pytest.raises(ValueError, match=message):
        tok.detokenize([spoil(np.zeros(tok.shape, np.float32))])


@pytest.mark.parametrize("kind", ["rvq", "fsq"])
def test_ids_that_are_none(kind):
    tok = make(KINDS[kind])
    with pytest.raises(ValueError, match=r"expected integer ids .*, got float32"):
        tok.detokenize([np.zeros(tok.shape, np.float32)])
    with pytest.raises(ValueError, match=f"expected 0 to {tok.codes - 1}"):
        tok.detokenize([np.full(tok.shape, tok.codes)])


def test_fewer_codebooks():
    """What the first of residual VQ stand for is decoded as it would be by the model; groups of finite scalars belong
    together."""
    tok, picture = make(RVQ), np.random.default_rng(2).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    z = tok.tokenize([picture])
    np.testing.assert_array_equal(tok.detokenize(z, 2)[0], tok.detokenize(z)[0])
    [one] = tok.detokenize(z, 1)
    latent = tok.model.from_ids(torch.from_numpy(np.asarray(z[0])[None, ..., :1]))
    found = tok.model.decode(latent, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(one, unsigned(found)[0].numpy())
    assert (one != tok.detokenize(z)[0]).any()
    for number in (0, 3):
        with pytest.raises(ValueError, match=f"codebooks {number}: this tokenizer has 2; give 1 to 2"):
            tok.detokenize(z, number)
    tok = make(GRID.model_copy(update={"latent": 6, "bottleneck": FSQConfig(levels=(8, 6, 5), codebooks=2)}))
    with pytest.raises(ValueError, match="ids of 1 groups, this tokenizer has 2: give all"):
        tok.detokenize(tok.tokenize([picture]), 1)


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("side", [(16, 16), (17, 3), (1, 1), (40, 23), (64, 9)])
def test_at_its_own_resolution_padded_and_cropped_exactly(kind, side):
    tok = make(KINDS[kind])
    picture = np.random.default_rng(1).integers(0, 256, (*side, 3), dtype=np.uint8)
    (z,) = tok.tokenize([picture], fit=False)
    assert z.shape == (-(-side[0] // 4), -(-side[1] // 4), tok.shape[2])
    (back,) = tok.detokenize([z])
    assert back.shape == picture.shape
    (whole,) = tok.detokenize([np.asarray(z)])
    np.testing.assert_array_equal(whole[: side[0], : side[1]], back)
    (more,) = tok.tokenize([np.pad(picture, ((0, -side[0] % 4), (0, -side[1] % 4), (0, 0)), mode="edge")], fit=False)
    np.testing.assert_array_equal(more, z)


def test_a_picture_of_the_right_size_is_the_same_either_way():
    tok, picture = make(GRID), np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    np.testing.assert_array_equal(tok.tokenize(picture, fit=False)[0], tok.tokenize(picture)[0])


def test_a_large_picture_is_coded_alike_wherever_a_tile_begins():
    """Moved by half a tile, an evenly coloured picture with one spot has the same latents moved by as much."""
    tok, picture = make(PLAIN_GRID), np.full((64, 64, 3), 90, np.uint8)
    picture[28:36, 28:36] = 200
    one = tok.tokenize(picture, fit=False)[0]
    other = tok.tokenize(np.roll(picture, 8, 1), fit=False)[0]
    np.testing.assert_allclose(np.roll(one, 2, 1)[:, 4:-4], other[:, 4:-4], atol=1e-4)


def test_a_grid_of_another_size_than_its_picture():
    tok = make(GRID)
    (z,) = tok.tokenize([np.zeros((20, 9, 3), np.uint8)], fit=False)
    with pytest.raises(ValueError, match=r"tokens 0: expected float latents \(5, 3, 3\), got float32 \(4, 3, 3\)"):
        tok.detokenize([z[:4]])
    with pytest.raises(ValueError, match="knows 16 x 16 pixels alone: pictures cannot keep"):
        make().tokenize([np.zeros((20, 9, 3), np.uint8)], fit=False)


def test_pictures_that_are_none(tok):
    with pytest.raises(ValueError, match="picture 1: expected a picture uint8"):
        tok.tokenize([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3))])


def test_saved_and_loaded_it_is_the_same(tok, pictures, tmp_path):
    tok.save_pretrained(tmp_path / "t")
    back = load(tmp_path / "t")
    assert isinstance(back, signtok.PictureTokenizer)
    assert (back.fingerprint, back.name, back.card) == (tok.fingerprint, "tiny", "# A card\n")
    np.testing.assert_array_equal(back.tokenize(pictures)[0], tok.tokenize(pictures)[0])
    assert PictureTokenizer.from_pretrained(tmp_path / "t").fingerprint == tok.fingerprint
    kind, bits = (f"ids of {tok.codes}", np.log2(tok.codes)) if tok.codes else ("numbers", 16)
    assert f"{tok.width} {kind} for 16 x 16 pixels, {bits * tok.width:g} bits a picture" in str(back.info())


def test_kinds_are_told_apart(tok, tmp_path):
    tok.save_pretrained(tmp_path / "t")
    with pytest.raises(ValueError, match="tiny is no tokenizer of landmarks"):
        LandmarkTokenizer.of_folder(tmp_path / "t")
    with pytest.raises(ValueError, match="tiny is a tokenizer of pictures; this takes one of landmarks"):
        load_landmark_tokenizer(tmp_path / "t")
    with pytest.raises(ValueError, match="fingerspelling is no tokenizer of pictures"):
        PictureTokenizer.of_folder(PRETRAINED / "fingerspelling")


def test_fingerprint_is_of_weights():
    assert make().fingerprint == make().fingerprint
    assert make(seed=1).fingerprint != make().fingerprint
    other = SAMPLING.model_copy(update={"decoder": SAMPLING.decoder.model_copy(update={"beta": (1e-4, 0.6)})})
    assert make(other).fingerprint != make(SAMPLING).fingerprint
    other = GRID.model_copy(update={"decoder": GRID.decoder.model_copy(update={"scale": 0.5})})
    assert make(other).fingerprint != make(GRID).fingerprint
    first = GRID.model_copy(update={"decoder": GRID.decoder.model_copy(update={"first": GRID.encoder})})
    other = GRID.model_copy(update={"decoder": first.decoder.model_copy(update={"shortcut": False})})
    assert make(other).fingerprint != make(first).fingerprint
    assert make(GRID.model_copy(update={"bottleneck": LayerNormConfig()})).fingerprint != make(GRID).fingerprint
    other = FSQ.model_copy(update={"bottleneck": FSQConfig(levels=(5, 6, 8), codebooks=1)})
    assert make(other).fingerprint != make(FSQ).fingerprint


def test_refined_latents_are_better_and_never_worse():
    model, x = make().model, torch.rand(8, 3, 16, 16) * 2 - 1
    z = model.encode(x)
    first, few, many = ((model.decode(model.refine(x, z, steps)) - x).square().mean((1, 2, 3)) for steps in (0, 4, 40))
    assert (few <= first).all()
    assert (many <= first).all()
    assert many.mean() < few.mean() < first.mean()


def test_refining_reaches_the_least_error_there_is():
    torch.manual_seed(0)
    net = LinearNet()
    model = PictureModel(PictureTokenizerConfig(size=16, latent=3, encoder=net, decoder=PlainDecoder(net=net))).eval()
    wanted = torch.tensor([[0.8, -1.1, 0.4]])
    x = model.decode(wanted)
    torch.testing.assert_close(model.refine(x, wanted + 0.3, 200), wanted, rtol=0, atol=0.01)


def test_refining_a_picture_does_not_depend_on_the_list(pictures):
    tok = make()
    together = tok.tokenize(pictures, refine=4)
    for one, z in zip(pictures, together, strict=True):
        np.testing.assert_array_equal(tok.tokenize([one], refine=4)[0], z)
    assert (np.asarray(tok.tokenize(pictures)) != np.asarray(together)).any()


def test_a_tokenizer_may_refine_by_itself(pictures):
    refining = make(PLAIN.model_copy(update={"refine": 4}))
    np.testing.assert_array_equal(refining.tokenize(pictures)[1], make().tokenize(pictures, refine=4)[1])
    np.testing.assert_array_equal(refining.tokenize(pictures, refine=0)[1], make().tokenize(pictures)[1])


def test_what_cannot_be_refined(pictures):
    with pytest.raises(ValueError, match="refine 0"):
        make(SAMPLING).tokenize(pictures, refine=1)
    with pytest.raises(ValueError, match="refine -1: give 0 or more steps"):
        make().tokenize(pictures, refine=-1)
    with pytest.raises(ValueError, match="has codes, which cannot be improved"):
        make(RVQ).tokenize(pictures, refine=1)


def test_numbers_of_numpy_are_numbers():
    tok = load("hands-conv")
    latents = tok.tokenize([np.zeros((8, 8, 3), np.uint8)], refine=0)
    tok.detokenize(latents, seed=np.int64(3))
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match=f"seed={seed}: give a whole number"):
            tok.detokenize(latents, seed=seed)
