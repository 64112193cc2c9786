"""Training batches are a pure function of the step, and batches are what the contract says."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from signtok.config import DataConfig, TokenizerConfig
from signtok.data.batch import LandmarkBatch
from signtok.data.handshapes import packaged_handshapes
from signtok.data.normalise import normalise
from signtok.data.stream import TrainingStream, collate, validation_batches
from signtok.data.takes import make_bank
from signtok.data.text import BLANK, decode_text
from tiny import LETTERS, bank, letters, phrases, right_hand

SETTINGS = TokenizerConfig()


def stream(data=None, generated=0.0, **changes):
    data = (data or DataConfig(min_frames=16, max_frames=40)).model_copy(update={"generated": generated})
    values = {
        "bank": bank(),
        "recordings": [right_hand(50, 7), right_hand(5, 8)],
        "handshapes": packaged_handshapes(),
        "batch_size": 4,
        "seed": 3,
        **changes,
    }
    return TrainingStream(data=data, tokenizer=SETTINGS, **values)


def same(one: LandmarkBatch, other: LandmarkBatch) -> bool:
    return all(torch.equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(LandmarkBatch))


def texts(batch: LandmarkBatch) -> list[str]:
    return [decode_text(row[:n].tolist()) for row, n in zip(batch.text, batch.text_len, strict=True)]


def test_a_batch_is_a_function_of_its_step():
    one, again = stream(), stream()
    first = one(5)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    one(6)
    assert same(one(5), first)
    assert same(again(5), first)
    assert not same(one(6), first)
    assert not same(stream(seed=4)(5), first)


def test_negative_and_huge_steps_are_steps():
    """Calibration draws its batches from beyond any training step."""
    assert not same(stream()(-1), stream()(2**62))


def test_collated_batch_keeps_the_contract():
    recordings = phrases([20, 9, 14])
    batch = collate(recordings, SETTINGS, labels=[2, 0, 1])
    assert batch.mask.sum(1).tolist() == [20, 9, 14]
    assert batch.x.shape == (3, 20, 42, 2)
    assert not batch.present[~batch.mask].any()
    assert (batch.x[~batch.present] == 0).all()
    assert batch.label.tolist() == [2, 0, 1]
    for row, recording in enumerate(recordings):
        x, present, _ = normalise(recording.landmarks)
        np.testing.assert_array_equal(batch.x[row, : len(x)], x)
        np.testing.assert_array_equal(batch.present[row, : len(x)], present)


def test_texts_come_back_and_unknown_is_empty():
    batch = collate(phrases([20, 9, 14], texts=["hello you", None, "~a"]), SETTINGS)
    assert texts(batch) == ["hello you", "", "~a"]
    assert batch.text_len.tolist() == [9, 0, 2]
    assert (batch.text[2, 2:] == BLANK).all()
    assert collate([right_hand(3)], SETTINGS).text.shape == (1, 1)


def test_unknown_character_is_one_line():
    with pytest.raises(ValueError, match=r"^unknown character 'ß'"):
        collate(phrases([9], texts=["aß"]), SETTINGS)


def test_lengths_lie_in_their_range():
    data = DataConfig(min_frames=16, max_frames=40)
    data = data.model_copy(update={"augment": data.augment.model_copy(update={"rise": 0.0})})
    lengths = [int(stream(data)(step).mask.sum(1).max()) for step in range(25)]
    assert max(lengths) <= 40
    assert min(lengths) >= 5
    assert len(set(lengths)) > 8


def test_sequences_of_one_batch_are_about_equally_long():
    some = stream(DataConfig(min_frames=100, max_frames=160), recordings=[], batch_size=8)
    assert np.mean([some(step).mask.float().mean() for step in range(6)]) > 0.75


def test_texts_are_what_the_bank_can_spell():
    found = [text for step in range(10) for text in texts(stream(recordings=[])(step))]
    assert all(found)
    assert set("".join(found)) == set(LETTERS)


def test_unlabelled_recordings_come_as_excerpts():
    batch = stream(DataConfig(min_frames=16, max_frames=40, unlabelled=1.0, short=0.0), batch_size=8)(0)
    assert (batch.text_len == 0).all()
    assert {int(n) for n in batch.mask.sum(1)} == {5, int(batch.mask.sum(1).max())}
    none = stream(DataConfig(min_frames=16, max_frames=40, unlabelled=0.0, short=0.0))
    assert all((none(step).text_len > 0).all() for step in range(5))


def test_flip_mirrors_all_or_none():
    def left_hands(flip):
        data = DataConfig(min_frames=16, max_frames=20, flip=flip, unlabelled=0)
        off = data.augment.model_copy(update={"other_hand": 0.0})
        config = SETTINGS.model_copy(update={"dominant": False})
        made = replace(stream(data.model_copy(update={"augment": off})), tokenizer=config)
        return made(0).present[:, :, :21].any((1, 2)).tolist()

    assert left_hands(0.0) == [False] * 4
    assert left_hands(1.0) == [True] * 4


def test_validation_is_the_same_in_every_run():
    def batches():
        return validation_batches(
            make_bank(letters()), [], packaged_handshapes(), DataConfig(), SETTINGS, phrases=10, batch_size=4
        )

    one = batches()
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    assert all(same(a, b) for a, b in zip(one, batches(), strict=True))
    assert [len(batch) for batch in one] == [4, 4, 2]
    lengths = [int(n) for batch in one for n in batch.mask.sum(1)]
    assert lengths == sorted(lengths)
    assert all(batch.text_len.min() > 0 for batch in one)


def test_short_pieces_have_a_hand_and_no_text_unless_they_are_whole():
    batch = stream(DataConfig(min_frames=24, max_frames=40, unlabelled=0.0, short=1.0), batch_size=32)(0)
    frames = batch.mask.sum(1)
    assert 1 <= int(frames.min()) <= 3
    assert int(frames.max()) <= 16
    assert (batch.text_len > 0).sum() <= 3
    assert batch.present.any((1, 2)).all()


def test_without_letters_all_is_real_and_phrases_stay_whole():
    real = [replace(right_hand(20 + i, i), text="abc"[: 1 + i % 3] + "d") for i in range(5)]
    batch = stream(DataConfig(min_frames=8, max_frames=10, short=0.0), bank=None, recordings=real, batch_size=16)(0)
    assert set(texts(batch)) <= {"ad", "abd", "abcd"}
    assert int(batch.mask.sum(1).min()) >= 20
    held_out = validation_batches(None, real, packaged_handshapes(), DataConfig(), SETTINGS, phrases=3, batch_size=2)
    assert [len(part) for part in held_out] == [2, 1]


def test_generated_phrases_have_their_share_and_are_a_function_of_the_step():
    """The bank knows few letters; generated signers know them all."""
    data = DataConfig(min_frames=60, max_frames=80, short=0.0, unlabelled=0.0)
    half = stream(data, generated=0.5, batch_size=32)
    foreign = [bool(set(text) - set(LETTERS)) for text in texts(half(0))]
    assert 4 < sum(foreign) < len(foreign)
    assert same(half(0), stream(data, generated=0.5, batch_size=32)(0))
    assert not same(half(0), half(1))


def test_without_anything_real_all_is_generated():
    nothing = stream(DataConfig(min_frames=40, max_frames=50), bank=None, recordings=[])
    batch = nothing(0)
    assert batch.present.any((1, 2)).all()
    assert (batch.text_len > 0).any()
    held_out = validation_batches(None, [], packaged_handshapes(), DataConfig(), SETTINGS, phrases=3, batch_size=2)
    assert [len(part) for part in held_out] == [2, 1]
    assert all(part.text_len.min() > 0 for part in held_out)
