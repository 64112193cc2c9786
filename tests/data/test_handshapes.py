"""The table of handshapes, and the signers who are drawn from it."""

import numpy as np
import pytest

from signtok.data.gestures import alphabet_of, gesture
from signtok.data.hand_model import LIMITS
from signtok.data.handshapes import DELETE, packaged_handshapes, read_handshapes, write_handshapes
from signtok.data.signers import draw_signer
from signtok.data.sources import PERMISSIVE

TABLE = packaged_handshapes()


def test_every_sign_is_there_and_may_be_given_away():
    assert set(TABLE.characters) == set("abcdefghijklmnopqrstuvwxyz0123456789 ") | {DELETE}
    assert set(TABLE.sources) == set(PERMISSIVE)
    assert alphabet_of(TABLE.characters) == "abcdefghijklmnopqrstuvwxyz0123456789 .-/_@"


def test_means_are_hands():
    low, high = LIMITS.double().unbind(1)
    assert (TABLE.angles > low.numpy() - 1e-6).all()
    assert (TABLE.angles < high.numpy() + 1e-6).all()
    np.testing.assert_allclose(np.linalg.norm(TABLE.turns, axis=1), 1, atol=1e-5)
    assert (np.linalg.eigvalsh(TABLE.covariance.astype(float)) > 1e-4).all()
    assert (np.diff(TABLE.letter) >= 0).all()
    assert (np.abs(TABLE.lengths[:, 1:].sum(-1) - 0.9) < 0.3).all()  # straight fingers are about a palm long


def test_a_signers_variants_of_a_letter_share_one_vote():
    cells = TABLE.letter * len(TABLE.base) + TABLE.signer
    np.testing.assert_allclose(np.bincount(cells, TABLE.weight)[np.unique(cells)], 1, atol=1e-5)


def test_it_is_read_as_it_was_written(tmp_path):
    write_handshapes(tmp_path / "table.npz", TABLE)
    again = read_handshapes(tmp_path / "table.npz")
    assert again.characters == TABLE.characters
    assert all(
        np.array_equal(getattr(again, name), getattr(TABLE, name)) for name in ("letter", "angles", "covariance")
    )


@pytest.mark.parametrize("content", [b"", b"PK no table", None])
def test_a_file_that_is_no_table_is_refused(tmp_path, content):
    path = tmp_path / "table.npz"
    if content is None:
        np.savez(path, angles=np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="handshapes"):
        read_handshapes(path)


def test_choices_follow_the_weights():
    rng = np.random.default_rng(0)
    drawn = np.stack([TABLE.choose(0, 0.7, rng) for _ in range(4000)])
    assert (TABLE.letter[drawn] == np.arange(len(TABLE.characters))).all()
    own = (TABLE.signer[drawn] == 0).mean(0)
    has = np.array([((TABLE.signer == 0) & (TABLE.letter == c)).any() for c in range(len(TABLE.characters))])
    shared = np.array([((TABLE.signer != 0) & (TABLE.letter == c)).any() for c in range(len(TABLE.characters))])
    assert (own[~has] == 0).all()
    assert (own[has & ~shared] == 1).all()
    np.testing.assert_allclose(own[has & shared], 0.7, atol=0.05)
    letter = TABLE.characters.index("a")
    rows = np.flatnonzero((TABLE.letter == letter) & (TABLE.signer == 0))
    counts = np.array([(drawn[:, letter] == row).sum() for row in rows])
    np.testing.assert_allclose(counts / counts.sum(), TABLE.weight[rows], atol=0.05)


def test_signers_have_the_statistics_of_the_table():
    """Mean and spread of each letter's angles over many signers, against those of the mixture that the table is."""
    rng = np.random.default_rng(1)
    signers = [draw_signer(TABLE, rng) for _ in range(600)]
    angles = np.stack([signer.angles for signer in signers])  # (n, c, 21)
    for letter in range(len(TABLE.characters)):
        rows = np.flatnonzero(TABLE.letter == letter)
        weight = TABLE.weight[rows] / TABLE.weight[rows].sum()
        mean = weight @ TABLE.angles[rows]
        spread = np.sqrt(weight @ (TABLE.angles[rows] - mean) ** 2 + np.diag(TABLE.covariance[letter])[:21] + 0.05**2)
        np.testing.assert_allclose(angles[:, letter].mean(0), mean, atol=0.25)
        assert (angles[:, letter].std(0) < 1.35 * spread + 0.05).all()
    assert 0.06 < np.mean([signer.left_handed for signer in signers]) < 0.15
    low, high = LIMITS.unbind(1)
    assert (angles >= low.numpy()).all()
    assert (angles <= high.numpy()).all()


def test_the_same_seed_is_the_same_signer():
    one, again, other = (draw_signer(TABLE, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(one.turns, again.turns)
    assert one.frames_a_letter == again.frames_a_letter
    assert not np.array_equal(one.turns, other.turns)


def test_only_strokes_move():
    moving = {c for c in "abcdefghijklmnopqrstuvwxyz0123456789 .-/_@" if len(gesture(c).path) > 1}
    assert moving == set("jz.-/_@")
