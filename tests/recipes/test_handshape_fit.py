"""Fitting handshapes: what generated signers hold is found again from what the camera sees of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from signtok.data.compose import place
from signtok.data.generate import phrase_of
from signtok.data.hand_model import AVERAGE, LIMITS, joints, project, rotation
from signtok.data.handshapes import packaged_handshapes
from signtok.data.signers import draw_signer
from signtok.recipes.handshapes import DISTANCE, OPEN, fit_hands, orientations, residuals, rolled, summarise
from signtok.recipes.views import collect, sort_into, unit

LETTERS = "bly"


@pytest.fixture(scope="module")
def views():
    rng = np.random.default_rng(0)
    made = []
    for number in range(2):
        signer = draw_signer(packaged_handshapes(), rng, f"s{number}")
        for letter in LETTERS:
            recording = place(phrase_of(letter, signer, rng))
            made.append(replace(recording, text=letter, source="invented", signer=signer.name))
    return collect(made)


def test_views_are_sorted_by_signer_and_letter(views):
    assert views.characters == sorted(LETTERS)
    assert views.signers == ["invented/s0", "invented/s1"]
    torch.testing.assert_close(views.hands.mean(1), torch.zeros(len(views.hands), 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(views.hands.square().sum(-1).mean(-1), torch.ones(len(views.hands)))
    assert int(views.variant.max()) + 1 == len(views.character)


def test_variants_are_clusters():
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(3, 21, 2, generator=generator)
    hands = unit((centres[:, None] + 0.02 * torch.randn(3, 10, 21, 2, generator=generator)).flatten(0, 1))
    groups = sort_into(hands, 3)
    assert all(len(groups[10 * i : 10 * i + 10].unique()) == 1 for i in range(3))
    assert len(groups.unique()) == 3


def test_residuals_are_free_of_shift_and_scale():
    generator = torch.Generator().manual_seed(0)
    hands = unit(torch.randn(5, 21, 2, generator=generator))
    torch.testing.assert_close(residuals(3 * hands + 2, hands), torch.zeros(5, 21), atol=1e-5, rtol=0)


def test_the_roll_is_found_in_closed_form():
    """An open hand seen from any side and rolled in the picture comes to lie on itself."""
    turns = orientations()
    assert turns.shape == (24, 4)
    distance = torch.full((24,), DISTANCE)
    points = joints(OPEN.repeat(24, 1), AVERAGE)
    seen = unit(project(points, rotation(turns), distance))
    angle = torch.linspace(-3, 3, 24)
    turned = torch.stack(
        [torch.stack([angle.cos(), -angle.sin()], -1), torch.stack([angle.sin(), angle.cos()], -1)], -2
    )
    target = seen @ turned.mT
    again = unit(project(points, rotation(rolled(turns, target)), distance))
    torch.testing.assert_close(again, target, atol=0.12, rtol=0)  # a roll turns the perspective a little as well


@pytest.mark.slow
def test_a_fit_explains_what_was_generated(views):
    fitted = fit_hands(views, steps=120, every=30)
    assert float(fitted.error.mean()) < 0.08
    table = summarise(views, fitted)
    assert table.characters == tuple(sorted(LETTERS))
    low, high = LIMITS.numpy().T
    assert ((table.angles >= low) & (table.angles <= high)).all()
    cells = table.letter * len(table.base) + table.signer
    np.testing.assert_allclose(np.bincount(cells, table.weight)[np.unique(cells)], 1, atol=1e-5)
    middle = {c: table.angles[table.letter == i].mean(0) for i, c in enumerate(table.characters)}
    index_pip, little_pip = 7, 19
    assert middle["b"][index_pip] < 0.6  # straight
    assert middle["y"][index_pip] > middle["y"][little_pip] + 0.5  # bent beside a straight little finger
    assert middle["l"][little_pip] > middle["l"][index_pip] + 0.5
