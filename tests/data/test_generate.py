"""Generated phrases: the same for a seed, moving where letters move and only there, with gaps as trackers have."""

import numpy as np
import pytest
import torch

from signtok.config import ComposeConfig
from signtok.data.compose import minimum_jerk, rest_to_rest
from signtok.data.fingerspelling import blend, moved, performed, poses_of, spell_out
from signtok.data.generate import check_text, found, generate, phrase_of, tracked, training_phrase
from signtok.data.gestures import alphabet_of
from signtok.data.hand_model import AVERAGE
from signtok.data.handshapes import packaged_handshapes
from signtok.data.kaggle import read_kaggle
from signtok.data.kaggle_writer import write_kaggle
from signtok.data.signers import draw_signer
from signtok.data.texts import letters_for, text_for
from tiny import right_hand

TABLE = packaged_handshapes()
ALPHABET = alphabet_of(TABLE.characters)


def signer(seed=0):
    return draw_signer(TABLE, np.random.default_rng(seed))


def test_the_same_seed_gives_the_same_bytes_and_each_recording_stands_alone():
    first = list(generate(TABLE, 6, seed=5))
    again = list(generate(TABLE, 9, seed=5))
    assert [r.landmarks.tobytes() for r in first] == [r.landmarks.tobytes() for r in again[:6]]
    assert [r.text for r in first] == [r.text for r in again[:6]]
    assert first[0].landmarks.tobytes() != next(generate(TABLE, 1, seed=6)).landmarks.tobytes()
    assert first[0].signer == first[3].signer != first[4].signer


def test_recordings_are_phrases_in_pictures():
    for recording in generate(TABLE, 12, seed=1):
        assert set(recording.text) <= set(ALPHABET)
        assert recording.source == "generated"
        left, right = recording.present[:, :21].any(), recording.present[:, 21:].any()
        assert left != right
        assert (recording.landmarks * 2**20 % 1 == 0)[recording.present].all()
        assert np.nanmax(np.abs(np.nanmean(recording.landmarks, (0, 1)) - 0.5)) < 0.5


def test_a_tracker_finds_the_hand_in_two_of_three_frames_in_runs():
    rng = np.random.default_rng(0)
    seen = [found(160, rng) for _ in range(600)]
    assert 0.62 < np.mean(seen) < 0.71
    changes = np.mean([np.abs(np.diff(one.astype(int))).mean() for one in seen])
    assert changes < 0.15  # each frame by itself would change in 2 * 2/3 * 1/3 = 0.44 of them
    assert all(found(1, rng).all() for _ in range(20))


def test_a_tracker_jitters_and_loses_whole_hands():
    still = right_hand(200)
    out = tracked(still, np.random.default_rng(2))
    assert (out.present == out.present[:, 41:]).sum(1)[out.present.any(1)].min() >= 21
    assert not out.present.all(1).any()
    whole = tracked(still, np.random.default_rng(2), gaps=False)
    assert np.array_equal(whole.present, still.present)
    assert 0 < np.nanstd(whole.landmarks - still.landmarks) < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_j_and_z_move_and_the_others_hold(seed):
    def travel(character):
        """How far index and little fingertip go, in palm lengths, beside the drift that all letters have."""
        person = signer(seed)
        rng = np.random.default_rng(seed)
        poses, _ = poses_of(character, person, rng)
        points = performed(moved(poses, rng), person, rng)[..., :2].numpy()
        path = moved(poses, np.random.default_rng(seed)).places
        tips = points[:, [8, 20]] + path[:, None] * [1, -1]
        return float(np.linalg.norm(tips.max(0) - tips.min(0), axis=-1).max())

    moving = min(travel("j"), travel("z"))
    assert moving > 0.5
    assert max(travel(c) for c in "abcdefghiklmnopqrstuvwxy0123456789 ") < 0.6 * moving


def test_doubled_letters_slide_or_bounce_and_keep_their_shape():
    person, rng = signer(1), np.random.default_rng(0)
    poses, last = poses_of("oo", person, rng)
    assert np.array_equal(poses.angles[0], poses.angles[1])
    slid = abs(poses.places[1, 0] - poses.places[0, 0]) > 0.4
    assert slid or poses.bounce[1] > 0.2
    assert last.tolist() == [0, 1]


def test_movement_passes_through_the_poses_and_is_smooth():
    person = signer(2)
    poses, _ = poses_of("aboz", person, np.random.default_rng(0))
    movement = moved(poses, np.random.default_rng(1))
    assert len(movement.angles) == np.ceil((poses.hold + poses.move).sum() - poses.move[0])
    for pose in poses.angles[[0, -1]]:
        assert np.abs(movement.angles - pose).max(1).min() < 0.2
    assert np.linalg.norm(movement.turns, axis=1) == pytest.approx(1)
    low, high = poses.angles.min(0), poses.angles.max(0)
    assert (movement.angles >= low - 1e-6).all()
    assert (movement.angles <= high + 1e-6).all()


def test_minimum_jerk_is_that_of_composed_phrases_and_rests_at_its_ends():
    t = np.linspace(0, 1, 1001)
    s = rest_to_rest(t)
    assert s[0] == 0
    assert s[-1] == pytest.approx(1)
    assert abs(s[1] - s[0]) < 1e-7
    np.testing.assert_allclose(minimum_jerk(9), rest_to_rest(np.arange(1, 10) / 10), rtol=1e-5)


def test_blended_rotations_take_the_shorter_way():
    start, end = np.array([[1.0, 0, 0, 0]]), np.array([[-0.8, 0.6, 0, 0]])
    np.testing.assert_allclose(blend(start, end, np.array([[1.0]])), -end)
    assert blend(start, end, np.array([[0.5]]))[0, 0] > 0.9


def test_bones_do_not_change_while_spelling():
    person, rng = signer(3), np.random.default_rng(0)
    points = performed(moved(poses_of("hello", person, rng)[0], rng), person, rng)
    bones = points[:, 1:].unflatten(1, (5, 4)).diff(dim=2).norm(dim=-1)
    torch.testing.assert_close(bones, person.bones.lengths.expand_as(bones), rtol=1e-4, atol=1e-4)
    assert AVERAGE.lengths.shape == person.bones.lengths.shape


def test_letters_beyond_the_last_frame_are_left_out_of_the_text():
    text, hand = spell_out("abcdefghij", signer(), np.random.default_rng(0), max_frames=40)
    assert "abcdefghij".startswith(text)
    assert 1 <= len(text) < 10
    assert len(hand) <= 40
    whole, long = spell_out("abcdefghij", signer(), np.random.default_rng(0))
    assert whole == "abcdefghij"
    assert len(long) > 40


def test_phrases_are_in_palm_sizes():
    phrase = phrase_of("abc", signer(), np.random.default_rng(0))
    palm = phrase.hand[:, [0, 5, 9, 13, 17]]
    spread = np.sqrt(((palm - palm.mean(1, keepdims=True)) ** 2).sum(-1).mean(-1))
    assert np.median(spread) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(palm.mean((0, 1)), 0, atol=1e-4)


def test_training_phrases_fit_and_know_all_characters():
    rng = np.random.default_rng(0)
    phrases = [training_phrase(TABLE, 60, ComposeConfig(words=0.5), rng) for _ in range(200)]
    assert all(1 <= len(phrase.hand) <= 60 and phrase.text for phrase in phrases)
    assert set("".join(phrase.text for phrase in phrases)) >= set("abcdefghijklmnopqrstuvwxyz0123456789")


def test_texts_are_of_the_papers_length_and_alphabet():
    rng = np.random.default_rng(0)
    texts = [text_for(ALPHABET, rng) for _ in range(1000)]
    assert np.mean([len(text) for text in texts]) == pytest.approx(18, abs=0.7)
    assert any("-" in text and text[0].isdigit() for text in texts)
    assert any("/" in text for text in texts)
    assert all(text == " ".join(text.split()) for text in texts)
    assert set(text_for("ab ", rng)) <= set("ab ")
    assert "  " not in letters_for("ab ", 300, ComposeConfig(), rng)


def test_lengths_are_those_of_the_kaggle_set():
    """Paper 002: 97 % of the sequences are shorter than 262 frames."""
    frames = np.array([len(recording) for recording in generate(TABLE, 300, seed=3)])
    assert 0.95 < (frames < 262).mean() < 0.995
    assert 100 < frames.mean() < 190


def test_texts_that_cannot_be_spelled_are_refused():
    check_text(TABLE, "hello.world-1/2_3@")
    check_text(TABLE, None)
    for text in ("Hello", "naïve", "", "a#b"):
        with pytest.raises(ValueError, match="cannot spell"):
            check_text(TABLE, text)
    with pytest.raises(ValueError, match="at least one"):
        spell_out("", signer(), np.random.default_rng(0))


def test_the_kaggle_layout_keeps_them(tmp_path):
    made = list(generate(TABLE, 3, seed=2))
    write_kaggle(tmp_path, made)
    back = list(read_kaggle(tmp_path))
    assert [r.text for r in back] == [r.text for r in made]
    for one, other in zip(made, back, strict=True):
        seen = one.present.any(1)
        np.testing.assert_array_equal(other.landmarks, one.landmarks[seen])
