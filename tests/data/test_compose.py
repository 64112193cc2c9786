"""Phrases of letters: what is signed is what is spelled, the hand moves as hands do, and nobody takes it for real."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signtok.config import ComposeConfig
from signtok.data.compose import (
    compose,
    compose_phrases,
    join,
    minimum_jerk,
    pick_signer,
    place,
    random_text,
    resample,
    run_of,
    spell,
    words,
)
from signtok.data.recording import HAND_POINTS
from signtok.data.takes import Bank, Signer, Take
from tiny import LETTERS, bank

CONFIG = ComposeConfig()
texts_of = st.text("abcjz ", min_size=1, max_size=8)


def still_signer(alphabet=LETTERS):
    """Whose letters are one frame each, so that a held letter can be told."""
    rng = np.random.default_rng(0)
    shapes = {c: rng.normal(0, 1, (1, 21, 2)).astype(np.float32) for c in alphabet}
    return Signer("bob", "still", {c: [Take(c, shape)] for c, shape in shapes.items()})


def random_bank(rng, alphabet="abcjz "):
    """Noise of any length for takes."""
    lengths = rng.integers(1, 30, len(alphabet))
    hands = [rng.normal(0, 1, (n, 21, 2)).astype(np.float32) for n in lengths]
    takes = {c: [Take(c, hand)] for c, hand in zip(alphabet, hands, strict=True)}
    return Bank((Signer("x", "noise", takes),))


def centred(hand):
    return hand - hand.mean(1, keepdims=True)


def letters_held(hand, signer):
    """The letters whose shape is seen, one after the other."""
    found = ""
    for frame in centred(hand):
        for letter, (take,) in signer.letters.items():
            if np.abs(frame - centred(take.hand)[0]).max() < 1e-4 and not found.endswith(letter):
                found += letter
    return found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), max_frames=st.none() | st.integers(1, 120))
def test_text_and_hand_agree(seed, max_frames):
    rng, signer = np.random.default_rng(seed), still_signer()
    text = "".join(rng.permutation(list(LETTERS)))
    phrase = spell(text, signer, CONFIG, rng, max_frames)
    assert phrase.text == letters_held(phrase.hand, signer)
    assert text.startswith(phrase.text)
    assert max_frames is not None or phrase.text == text
    assert max_frames is None or len(phrase.hand) <= max_frames


def test_same_seed_same_phrases():
    one, same, other = (compose_phrases(bank(), 5, seed, CONFIG) for seed in (1, 1, 2))
    for a, b in zip(one, same, strict=True):
        assert a.text == b.text
        np.testing.assert_array_equal(a.landmarks, b.landmarks)
    assert [a.text for a in one] != [b.text for b in other]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), text=texts_of, max_frames=st.none() | st.integers(1, 100))
def test_any_takes_will_do(seed, text, max_frames):
    rng = np.random.default_rng(seed)
    (signer,) = random_bank(rng).signers
    phrase = spell(text, signer, CONFIG, rng, max_frames)
    recording = place(phrase)
    assert np.isfinite(phrase.hand).all()
    assert len(recording) == len(phrase.hand) > 0
    assert recording.present[:, HAND_POINTS:].all()
    assert not recording.present[:, :HAND_POINTS].any()


def test_everything_says_that_it_is_composed():
    for recording in compose_phrases(bank(), 5, 0, CONFIG):
        assert recording.source == "composed from invented"
        assert recording.name.startswith("composed-")
        assert recording.signer == "ann"
        assert recording.text


@pytest.mark.parametrize("bounces", [True, False])
def test_doubled_letters_are_seen(bounces):
    """By a slide or a bounce of a good part of the palm; between other letters a hand that stands still stays near."""
    signer, seen = still_signer("a"), []
    for seed in range(40):
        hand = spell("aa", signer, CONFIG, np.random.default_rng(seed)).hand
        way = hand.mean(1) - hand[0].mean(0)
        came_back = np.abs(way[-1]).max() < 0.1
        if came_back == bounces:
            seen.append(np.abs(way).max())
    assert len(seen) > 5
    assert min(seen) > 0.3


def test_unknown_letter_is_named():
    with pytest.raises(ValueError, match=r"^no take of 'xy' by invented ann; write with 'abcde'$"):
        spell("axby", bank().signers[0], CONFIG, np.random.default_rng(0))


def test_minimum_jerk_rests_at_both_ends_and_never_turns():
    for frames in (1, 2, 7, 50):
        s = minimum_jerk(frames)
        assert len(s) == frames
        assert (np.diff([0, *s, 1]) > 0).all()
        np.testing.assert_allclose(s + s[::-1], 1, atol=1e-6)
    t = np.concatenate([[0], minimum_jerk(999), [1]]).astype(float) * 1000  # unit speed is 1 a frame
    assert np.diff(t)[[0, -1]] == pytest.approx(0, abs=1e-3)
    assert np.diff(t, 2)[[0, -1]] == pytest.approx(0, abs=1e-3)
    assert np.diff(t).max() == pytest.approx(15 / 8, rel=1e-3)  # the known peak of a minimum jerk movement


def test_join_goes_from_one_shape_to_the_other():
    a, b = np.zeros((21, 2), np.float32), np.ones((21, 2), np.float32)
    path = np.concatenate([a[None], join(a, b, 6), b[None]])
    assert (np.diff(path, axis=0) > 0).all()
    lifted = join(a, a, 5, bounce=0.8)
    assert lifted[..., 1].min() == pytest.approx(-0.8)  # y points down
    np.testing.assert_array_equal(lifted[..., 0], 0)


def test_resample_keeps_the_ends():
    hand = np.random.default_rng(0).normal(size=(9, 21, 2)).astype(np.float32)
    np.testing.assert_array_equal(resample(hand, 9), hand)
    np.testing.assert_allclose(resample(hand, 17)[::2], hand, atol=1e-6)
    assert resample(hand[:1], 4).shape == (4, 21, 2)


@given(length=st.integers(1, 12), frames=st.integers(1, 40), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_run_has_no_jumps(length, frames, seed):
    """However short the take: it is played to and fro."""
    hand = np.broadcast_to(np.arange(length, dtype=np.float32)[:, None, None], (length, 21, 2))
    run = run_of(Take("a", hand), frames, np.random.default_rng(seed))
    assert len(run) == frames
    assert np.abs(np.diff(run[:, 0, 0])).max(initial=0) <= 1


def test_a_letter_that_moves_is_played_whole():
    hand = np.broadcast_to(np.arange(30, dtype=np.float32)[:, None, None], (30, 21, 2))
    run = run_of(Take("j", hand), 4, np.random.default_rng(0))
    assert (run[0, 0, 0], run[-1, 0, 0]) == (0, 29)


def test_hands_do_not_jump():
    """Between letters the movement is a join, not a cut."""
    steps = [
        np.abs(np.diff(place(compose(bank(), CONFIG, np.random.default_rng(s))).landmarks[:, 21:], axis=0)).max()
        for s in range(20)
    ]
    assert max(steps) < 0.25  # of the picture's side; letters that differ a lot may be joined within one frame


@pytest.mark.parametrize("left_handed", [False, True])
def test_place_puts_the_hand_on_its_side(left_handed):
    phrase = spell("ab", bank().signers[0], CONFIG, np.random.default_rng(0))
    recording = place(phrase, "n", left_handed=left_handed)
    seen = recording.present.reshape(-1, 2, 21).all((0, 2))
    assert seen.tolist() == [left_handed, not left_handed]
    assert 0 <= np.nanmin(recording.landmarks) < np.nanmax(recording.landmarks) <= 1


def test_random_texts_can_be_spelled_and_no_letter_is_rare():
    rng, signer = np.random.default_rng(0), bank("abcdehlo ").signers[0]
    texts = [random_text(signer, 10, CONFIG, rng) for _ in range(300)]
    assert set("".join(texts)) == set("abcdehlo ")
    random = "".join(random_text(signer, 10, ComposeConfig(words=0), rng) for _ in range(200)).replace(" ", "")
    counts = np.array([random.count(c) for c in "abcdehlo"])
    assert counts.min() > 0.7 * counts.mean()
    whole = [random_text(signer, 3, ComposeConfig(words=1), rng) for _ in range(20)]
    assert all(word in words() for text in whole for word in text.split())


def test_every_source_has_its_turn():
    banks = bank("ab", source="here").signers + bank("ab", source="there").signers
    rng = np.random.default_rng(0)
    drawn = [pick_signer(Bank(banks), rng).source for _ in range(200)]
    assert 60 < drawn.count("here") < 140
