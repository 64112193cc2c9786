"""CTC on the quantised sum: against hand-worked sums, and for known texts alone."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from signtok.config import SqueezeformerConfig, TokenizerConfig
from signtok.data.text import BLANK, VOCABULARY, encode_text
from signtok.recipes.pose import sign_rvq_ctc_paper
from signtok.tokenizer.heads import CTCHead
from tiny import make_batch


def identity_head():
    """Whose logits are z itself."""
    head = CTCHead(SqueezeformerConfig(dim=VOCABULARY, blocks=0))
    head.linear.weight.data.copy_(torch.eye(VOCABULARY))
    return head


def batch_of(texts, lengths):
    batch = make_batch(TokenizerConfig(), lengths, texts=texts)
    return batch, torch.randn(len(texts), int(batch.mask.shape[1]), VOCABULARY)


def test_sizes_are_the_papers():
    head = CTCHead(sign_rvq_ctc_paper().tokenizer.head)
    assert [tuple(p.shape) for p in head.parameters()] == [(63, 128)]
    assert_close(head(torch.randn(2, 3, 128)).exp().sum(-1), torch.ones(2, 3))


def test_two_frames_by_hand():
    """ "a" in two frames: a a, a blank or blank a."""
    torch.manual_seed(0)
    batch, z = batch_of(["a"], [2])
    p = z.softmax(-1)[0]
    (a,) = encode_text("a")
    total = p[0, a] * p[1, a] + p[0, a] * p[1, BLANK] + p[0, BLANK] * p[1, a]
    assert_close(identity_head().loss(z, batch), -total.log())


def test_a_doubled_letter_needs_a_blank_by_hand():
    """ "aa" in three frames has one alignment; its loss is counted by the letter."""
    torch.manual_seed(0)
    batch, z = batch_of(["aa"], [3])
    p = z.log_softmax(-1)[0]
    (a,) = encode_text("a")
    assert_close(identity_head().loss(z, batch), -(p[0, a] + p[1, BLANK] + p[2, a]) / 2)


def test_mean_of_the_texts_that_are_known():
    torch.manual_seed(0)
    head = identity_head()
    batch, z = batch_of(["hello", None, "ab"], [20, 9, 14])
    logs = z.log_softmax(-1)
    each = [
        F.ctc_loss(logs[row, :frames], torch.tensor(encode_text(text)), (frames,), (len(text),), BLANK)
        for row, frames, text in ((0, 20, "hello"), (2, 14, "ab"))
    ]  # reduction="mean" divides by the length of the text
    assert_close(head.loss(z, batch), sum(each) / 2)


def test_unlabelled_and_padding_have_no_gradient():
    torch.manual_seed(0)
    batch, z = batch_of(["hello", None, "ab"], [20, 9, 14])
    z.requires_grad_()
    identity_head().loss(z, batch).backward()
    assert (z.grad[1] == 0).all()
    assert (z.grad[~batch.mask] == 0).all()
    assert (z.grad[[0, 2]] != 0).any(-1).any(-1).all()


@pytest.mark.parametrize("blocks", [0, 2])
def test_padding_does_not_matter(blocks):
    torch.manual_seed(0)
    batch, z = batch_of(["hello", "", "ab"], [20, 9, 14])
    wide = replace(
        batch,
        mask=F.pad(batch.mask, (0, 5)),
        text=F.pad(batch.text, (0, 7), value=BLANK),
        x=F.pad(batch.x, (0, 0, 0, 0, 0, 5)),
        present=F.pad(batch.present, (0, 0, 0, 5)),
    )
    head = CTCHead(SqueezeformerConfig(dim=VOCABULARY, blocks=blocks, heads=3, kernel=5)).eval()
    assert_close(head.loss(F.pad(z, (0, 0, 0, 5), value=9.0), wide), head.loss(z, batch))


@pytest.mark.parametrize("texts", [[None, None], ["abcabc", None]], ids=["none known", "longer than the recording"])
def test_nothing_to_learn_is_zero_and_finite(texts):
    batch, z = batch_of(texts, [4, 9])
    z.requires_grad_()
    loss = identity_head().loss(z, batch)
    loss.backward()
    assert loss == 0
    assert (z.grad == 0).all()
