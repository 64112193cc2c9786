"""The tokenizer as people use it: arrays in and out, folders, and one clear line for what cannot be."""

import copy
import json
import pickle

import numpy as np
import pytest
import torch

import signtok
from signtok.data.normalise import mirror, normalise
from signtok.hub import LandmarkTokenizer, Tokens, load
from signtok.recipes.pose import sign_continuous, sign_rvq, sign_rvq_ctc
from tiny import phrases, right_hand, seeded_tokenizer, shrink

CONFIG = shrink(sign_rvq_ctc())


@pytest.fixture(scope="module")
def tok():
    return seeded_tokenizer(CONFIG, card="# A card\n")


@pytest.fixture(scope="module")
def hand():
    return right_hand(12).landmarks


def one_line(error):
    assert "\n" not in str(error.value)
    return True


# ---- arrays in ----


def test_tokens_are_ids(tok, hand):
    (ids,) = tok.tokenize([hand])
    assert ids.shape == (12, 4)
    assert ids.dtype == np.int64
    assert 0 <= ids.min() <= ids.max() < 32


def test_a_right_hand_alone_and_a_third_coordinate(tok, hand):
    (ids,) = tok.tokenize([hand])
    depth = np.concatenate([hand, np.ones((12, 42, 1), np.float32)], -1)
    for same in (hand[:, 21:], depth, depth[:, 21:], hand.astype(np.float64)):
        np.testing.assert_array_equal(tok.tokenize([same])[0], ids)


def test_an_array_is_a_list_of_one(tok, hand):
    (ids,) = tok.tokenize([hand])
    np.testing.assert_array_equal(tok.tokenize(hand)[0], ids)
    np.testing.assert_array_equal(tok.detokenize(ids)[0], tok.detokenize([ids])[0])
    assert tok.read(hand) == tok.read([hand]) == tok.read(ids)
    assert tok.tokenize([]) == []


def test_the_callers_arrays_stay_as_they_are(tok, hand):
    before = hand.copy()
    (ids,) = tok.tokenize([hand])
    kept = np.array(ids)
    tok.detokenize([ids])
    np.testing.assert_array_equal(hand, before)
    np.testing.assert_array_equal(ids, kept)


def test_threads_change_nothing(tok):
    """Not even how the last bit is rounded: each recording has one thread."""
    recordings = [phrase.landmarks for phrase in phrases([40, 1, 700, 90, 33])]
    before, results = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        ids = tok.tokenize(recordings)
        results.append((ids, tok.detokenize(ids), tok.read(ids)))
    torch.set_num_threads(before)
    for ids, back, texts in results[1:]:
        assert all(map(np.array_equal, ids, results[0][0]))
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(back, results[0][1], strict=True))
        assert texts == results[0][2]


def test_one_frame_and_ten_thousand(tok, hand):
    """Both are recordings; the long one is cut into windows."""
    assert tok.tokenize([hand[:1]])[0].shape == (1, 4)
    long = np.tile(hand, (834, 1, 1))[:10_000]
    assert tok.tokenize([long])[0].shape == (10_000, 4)


BAD = {
    "all NaN": (np.full((5, 42, 2), np.nan), r"no hand in any frame .*; drop this recording"),
    "infinite": (np.full((5, 42, 2), np.inf), r"infinite coordinates; mark .* with NaN"),
    "one infinite": (np.where(np.arange(420).reshape(5, 42, 2) == 77, -np.inf, 0.5), "infinite coordinates"),
    "points": (np.zeros((5, 40, 2)), r"expected shape \(T, 42, 2\), .*; got \(5, 40, 2\)"),
    "coordinates": (np.zeros((5, 42, 4)), r"expected shape"),
    "a frame": (np.zeros((42, 2)), r"expected shape .*; got \(42, 2\)"),
    "a number": (np.array(1.0), r"expected shape"),
    "no frames": (np.zeros((0, 42, 2)), r"no frames; give at least one"),
    "words": (np.full((5, 42, 2), "a"), r"expected numbers, got dtype <U1"),
    "pixels": (np.full((5, 42, 2), 640), r"coordinates up to 640; divide pixels by the picture's size"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_recordings_are_one_line(tok, hand, name):
    array, message = BAD[name]
    with pytest.raises(ValueError, match=rf"^recording 1: .*{message}") as error:
        tok.tokenize([hand, array])
    assert one_line(error)


def test_whole_numbers_are_coordinates_too(tok):
    corners = np.random.default_rng(0).integers(0, 2, (6, 42, 2))
    np.testing.assert_array_equal(tok.tokenize([corners])[0], tok.tokenize([corners.astype(np.float32)])[0])


# ---- arrays out ----


def test_there_and_back_keeps_shape_and_says_what_is_not_there(tok):
    for recording in phrases([20, 1, 14]):
        (back,) = tok.detokenize(tok.tokenize([recording.landmarks]))
        assert back.shape == recording.landmarks.shape
        assert back.dtype == np.float32
        assert (np.isnan(back[..., 0]) == np.isnan(back[..., 1])).all()
        assert not np.isinf(back).any()


def test_presence_comes_out_as_the_decoder_says(tok, hand):
    """NaN exactly where the presence head says no."""
    (ids,) = tok.tokenize([hand])
    out = tok.model.decode(tok.model.from_ids(torch.from_numpy(np.array(ids))))
    (back,) = tok.detokenize([ids])
    np.testing.assert_array_equal(np.isfinite(back).all(-1), out.present.numpy())


def test_decoded_hands_stand_where_they_stood(tok, hand):
    """Moved by any distance, the same tokens, decoded there; a plain array is decoded into the middle."""
    there = hand + np.array([0.25, -0.125], np.float32)
    one, two = tok.tokenize([hand, there])
    np.testing.assert_array_equal(one, two)
    a, b, middle, again = tok.detokenize([one, two, np.array(one), np.array(two)])
    np.testing.assert_allclose(b - a, np.broadcast_to([0.25, -0.125], a.shape) + 0 * a, atol=1e-5)
    np.testing.assert_array_equal(middle, again)
    x = tok.model.decode(tok.model.from_ids(torch.from_numpy(np.array(one)))).x.numpy()
    np.testing.assert_allclose(middle, np.where(np.isnan(middle), np.nan, 0.5 + 0.1 * x), atol=1e-5)


def test_left_handed_signers_get_the_same_tokens_and_their_own_hand_back(tok, hand):
    right, left = tok.tokenize([hand, mirror(hand)])
    assert (right == left).mean() > 0.9  # 1 - (1 - x) is rounded, and a code in a thousand may be as near
    assert left.placement.mirrored
    assert not right.placement.mirrored
    left = Tokens(np.array(right), left.placement)
    a, b = tok.detokenize([right, left])
    np.testing.assert_allclose(mirror(b), a, atol=1e-5)


def test_slices_remember_their_place(tok, hand):
    (ids,) = tok.tokenize([hand])
    assert ids.placement == normalise(hand)[2]
    pickled = pickle.loads(pickle.dumps(ids))
    np.testing.assert_array_equal(pickled, ids)
    for some in (ids[3:7], ids[:, :2], ids.copy(), ids[::-1], copy.deepcopy(ids), pickled):
        assert isinstance(some, Tokens)
        assert some.placement == ids.placement
    assert np.asarray(ids).__class__ is np.ndarray
    assert Tokens(np.zeros((2, 4), int)).placement is None


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_fewer_codebooks(tok, hand, number):
    (ids,) = tok.tokenize([hand])
    some, cut = tok.detokenize([ids], number)[0], tok.detokenize([ids[:, :number]])[0]
    np.testing.assert_array_equal(some, cut)
    assert isinstance(tok.read([ids], num_codebooks=number)[0], str)


@pytest.mark.parametrize("number", [0, 5, -1])
def test_codebooks_that_are_not_there(tok, hand, number):
    with pytest.raises(ValueError, match=rf"^codebooks {number}: this tokenizer has 4; give 1 to 4$"):
        tok.detokenize(tok.tokenize([hand]), number)


BAD_TOKENS = {
    "too large": (np.full((3, 4), 32), "ids from 32 to 32, expected 0 to 31"),
    "negative": (np.full((3, 4), -1), "ids from -1 to -1, expected 0 to 31"),
    "too many": (np.zeros((3, 5), int), "ids of 5 codebooks, this tokenizer has 4"),
    "none": (np.zeros((0, 4), int), r"expected tokens of shape \(T, 4\) with T >= 1, got \(0, 4\)"),
    "no codebook": (np.zeros((3, 0), int), r"expected tokens of shape \(T, 4\) with T >= 1, got \(3, 0\)"),
    "a row": (np.zeros(4, int), r"expected tokens of shape"),
    "floats": (np.zeros((3, 4)), r"expected integer ids \(T, 4\), got float64"),
    "a batch": (np.zeros((1, 3, 4), int), r"expected tokens of shape"),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_bad_tokens_are_one_line(tok, name):
    array, message = BAD_TOKENS[name]
    with pytest.raises(ValueError, match=message) as error:
        tok.detokenize([array])
    assert one_line(error)


# ---- reading ----


def test_reading_gives_texts(tok, hand):
    (ids,) = tok.tokenize([hand])
    for beam in (1, 8):
        (text,), (same,) = tok.read([hand], beam=beam), tok.read([ids], beam=beam)
        assert isinstance(text, str)
        assert text == same
    assert len(tok.read([hand, ids, hand])) == 3


def test_a_tokenizer_without_ctc_cannot_read(hand):
    silent = seeded_tokenizer(shrink(sign_rvq()))
    with pytest.raises(ValueError, match=r"without CTC and cannot read; use a -ctc recipe") as error:
        silent.read([hand])
    assert one_line(error)
    assert not silent.info().reads


# ---- continuous ----


def test_continuous_latents_go_there_and_back(hand):
    tok = seeded_tokenizer(shrink(sign_continuous()))
    (z,) = tok.tokenize([hand])
    assert z.shape == (12, 16)
    assert z.dtype == np.float32
    assert tok.detokenize([z])[0].shape == hand.shape
    assert isinstance(tok.read([z])[0], str)
    info = tok.info()
    assert (tok.codebooks, tok.codes, info.bits) == (0, 0, 256)
    assert "16 numbers, 256 bits a frame" in str(info)
    with pytest.raises(ValueError, match=r"expected float latents \(T, 16\), got int64 \(3, 16\)"):
        tok.detokenize([np.zeros((3, 16), int)])
    with pytest.raises(ValueError, match=r"expected float latents \(T, 16\), got float64 \(3, 4\)"):
        tok.detokenize([np.zeros((3, 4))])


# ---- what it is ----


def test_info(tok):
    info = tok.info()
    assert (info.name, tok.codebooks, tok.codes, info.bits) == ("sign-rvq-ctc", 4, 32, 20.0)
    assert info.parameters == sum(p.numel() for p in tok.model.parameters())
    assert info.reads
    assert "4 x 32, 20 bits a frame" in str(info)
    assert str(info).endswith("# A card\n")


def test_fingerprint_is_of_weights_and_configuration(tok):
    assert tok.fingerprint == seeded_tokenizer(CONFIG, card="another card").fingerprint
    assert tok.fingerprint != seeded_tokenizer(CONFIG, seed=1).fingerprint
    wider = CONFIG.model_copy(update={"tokenizer": CONFIG.tokenizer.model_copy(update={"window": 65})})
    assert tok.fingerprint != seeded_tokenizer(wider).fingerprint
    one_number = seeded_tokenizer(CONFIG)
    one_number.model.bottleneck.codebooks[3, 31, 15] += 1e-3
    assert tok.fingerprint != one_number.fingerprint
    assert len(tok.fingerprint) == 12
    int(tok.fingerprint, 16)


# ---- files ----


@pytest.fixture(scope="module")
def folder(tok, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "tokenizer"
    tok.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("open_it", [load, LandmarkTokenizer.from_pretrained, lambda f: load(str(f)), signtok.load])
def test_folders_give_the_same_tokenizer(tok, hand, folder, open_it):
    again = open_it(folder)
    assert isinstance(again, LandmarkTokenizer)
    assert again.fingerprint == tok.fingerprint
    assert again.settings == tok.settings
    assert again.card == tok.card
    assert not again.model.training
    np.testing.assert_array_equal(again.tokenize([hand])[0], tok.tokenize([hand])[0])


def test_a_folder_holds_three_files_and_nothing_pickled(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert json.loads((folder / "config.json").read_text())["name"] == "sign-rvq-ctc"


def test_a_pickle_in_the_folder_is_not_even_looked_at(folder, tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "sprung").touch, ()

    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    torch.save({"weights": Trap()}, tmp_path / "pytorch_model.bin")
    torch.save({"weights": Trap()}, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"model\.safetensors: no such file$"):
        load(tmp_path)
    (tmp_path / "model.pt").replace(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors is cut short or not a signtok-model file"):
        load(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_unknown_names_are_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"^no tokenizer 'nobody': give a folder with .*, or one of: ") as error:
        load("nobody")
    assert one_line(error)
    with pytest.raises(ValueError, match=r"config\.json: no such file, so .* is not a signtok run or model$"):
        load(tmp_path)


@pytest.mark.parametrize("length", [0, 100, -1])
def test_a_checkpoint_cut_short_is_one_line(folder, tmp_path, length):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"is cut short or not a signtok-model file: .*copy it anew$") as error:
        load(tmp_path)
    assert one_line(error)


def test_saving_again_over_itself(tok, folder):
    load(folder).save_pretrained(folder)
    assert load(folder).fingerprint == tok.fingerprint


def test_the_public_face_is_lazy_and_complete():
    assert signtok.LandmarkTokenizer is LandmarkTokenizer
    assert issubclass(signtok.PictureTokenizer, signtok.Tokenizer)
    assert signtok.Tokens is Tokens
    assert signtok.Batch.__name__ == "Batch"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        signtok.nothing  # noqa: B018


def test_an_alphabet_bars_all_other_characters(hand):
    tok = seeded_tokenizer(CONFIG)
    with torch.no_grad():
        tok.model.head.linear.weight.normal_(generator=torch.Generator().manual_seed(0)).mul_(3)
    for beam in (1, 4):
        (free,) = tok.read([hand], beam=beam)
        (digits,) = tok.read([hand], beam=beam, alphabet="0123456789")
        assert free
        assert not free.isdigit()
        assert digits.isdigit()
    with pytest.raises(ValueError, match="unknown character"):
        tok.read([hand], alphabet="\u00e4")
