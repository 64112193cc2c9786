"""From recordings to a bank of letters, whoever signed them before whatever camera."""

from dataclasses import replace

import numpy as np
import pytest

from signtok.data.normalise import mirror
from signtok.data.takes import PALM, make_bank, palm_size, to_takes
from tiny import letters, right_hand


def only_take(recording):
    (take,) = to_takes(recording)
    return take.hand


def test_a_take_is_a_right_hand_of_palm_size_one_about_its_palm():
    hand = only_take(right_hand(20, text="a"))
    assert hand.shape == (20, 21, 2)
    assert hand.dtype == np.float32
    assert palm_size(hand) == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(hand[:, PALM].mean((0, 1)), 0, atol=1e-5)


def test_camera_and_hand_do_not_matter():
    recording = right_hand(20, text="a")
    near = replace(recording, landmarks=recording.landmarks * 1.5 - 0.2)
    left = replace(recording, landmarks=mirror(recording.landmarks))
    np.testing.assert_allclose(only_take(near), only_take(recording), atol=1e-4)
    np.testing.assert_allclose(only_take(left), only_take(recording), atol=1e-4)


def test_a_cut_makes_two_takes():
    recording = right_hand(20, text="a")
    numbers = recording.frame_numbers + 1000 * (recording.frame_numbers >= 8)
    assert [len(take.hand) for take in to_takes(replace(recording, frame_numbers=numbers))] == [8, 12]
    assert [len(piece) for piece in replace(recording, frame_numbers=numbers).runs()] == [8, 12]


@pytest.mark.parametrize(("unseen", "lengths"), [(slice(5, 7), [18]), (slice(5, 15), [5, 5])])
def test_a_hand_unseen_for_long_is_a_cut(unseen, lengths):
    recording = right_hand(20, text="a")
    recording.landmarks[unseen, 40] = np.nan  # a finger is enough: what is composed has all landmarks
    assert [len(take.hand) for take in to_takes(recording)] == lengths


@pytest.mark.parametrize("text", [None, "", "ab"])
def test_what_spells_no_single_letter_is_no_take(text):
    assert to_takes(right_hand(20, text=text)) == []


def test_a_hand_without_size_is_no_take():
    recording = right_hand(5, text="a")
    recording.landmarks[:, 21:] = 0.5
    assert to_takes(recording) == []


def test_a_hand_that_is_being_raised_is_left_out():
    still = right_hand(24, text="a")
    still.landmarks[:, 21:] = still.landmarks[:1, 21:]
    raised = replace(still, landmarks=still.landmarks.copy())
    raised.landmarks[:4, 21:, 1] += np.array([0.4, 0.3, 0.2, 0.1], np.float32)[:, None]
    assert len(only_take(still)) == 24
    assert len(only_take(raised)) == 20
    np.testing.assert_allclose(only_take(raised), only_take(still)[4:], atol=1e-4)


def test_bank_keeps_signers_and_sources_apart():
    one = letters("ab", signer="ann", source="here")
    two = letters("bc", takes=3, signer="ann", source="there")
    three = letters("a", signer="bob", source="here")
    bank = make_bank([*one, right_hand(9), *two, *three])
    found = {(s.source, s.name): {letter: len(takes) for letter, takes in s.letters.items()} for s in bank.signers}
    assert found == {("here", "ann"): {"a": 2, "b": 2}, ("there", "ann"): {"b": 3, "c": 3}, ("here", "bob"): {"a": 2}}
    assert bank.sources == ("here", "there")
    assert len(bank) == 12


def test_no_letters_is_one_line():
    with pytest.raises(ValueError, match=r"^no takes of single letters .*; label them") as error:
        make_bank([right_hand(9), right_hand(9, text="hello")])
    assert "\n" not in str(error.value)
