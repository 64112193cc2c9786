"""Distances bear the names that they are entitled to, and features are taken chunk by chunk."""

import pytest
import torch

from signtok.evaluation.distribution import cmmd, frechet_distance, kernel_distance, mmd
from signtok.evaluation.feature_networks import FeatureNetwork, distances, distribution_scores, features
from signtok.nn.clip_vision import ClipShape, ClipVision
from signtok.nn.efficientnet import EfficientNetLite0
from signtok.nn.inception import Inception


class Colours:
    """Mean colour of each half of a picture."""

    name = "Colours"

    def __init__(self):
        self.seen = []

    def __call__(self, pictures):
        self.seen.append(len(pictures))
        return torch.cat([half.mean((2, 3)) for half in pictures.chunk(2, 3)], 1)


def tiny_clip():
    return ClipVision(ClipShape(size=8, patch=4, width=64, layers=1, hidden=8, embedding=6))


def pictures(count, seed, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(count, 3, 1, 1, generator=generator) * 0.5 + shift).expand(count, 3, 8, 8).contiguous()


def test_features_are_taken_in_chunks_as_float64():
    network, all_pictures = Colours(), pictures(21, 0)
    found = features(network, all_pictures)
    assert found.dtype == torch.float64
    assert len(network.seen) > 1
    assert max(network.seen) <= 8
    torch.testing.assert_close(found.float(), Colours()(all_pictures))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (Colours, ["FD-Colours", "MMD-Colours"]),
        (EfficientNetLite0, ["FD-EffNet", "MMD-EffNet"]),
        (Inception, ["FID", "KID"]),
        (tiny_clip, ["CMMD"]),
    ],
)
def test_names(make, names):
    with torch.device("meta"):
        network = make()
    assert isinstance(network, FeatureNetwork)
    assert [one.name for one in distances(network, torch.randn(9, 6))] == names


def test_what_the_names_mean():
    before, after = (torch.randn(30, 6, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    with torch.device("meta"):
        inception = Inception()
    frechet, kernel = (one.measure(before, after) for one in distances(inception, before))
    assert (frechet, kernel) == (frechet_distance(before, after), kernel_distance(before, after))
    (clip,) = distances(tiny_clip(), before)
    assert clip.measure(before, after) == cmmd(before, after)
    frechet, other = (one.measure(before, after) for one in distances(Colours(), before))
    assert frechet == frechet_distance(before, after)
    assert other == mmd(before, after, sigma=torch.pdist(before.double()).median().item())


def test_scores():
    before, near, far = (features(Colours(), pictures(60, 0, shift)) for shift in (0.0, 0.05, 0.2))
    close = distribution_scores(Colours(), before, near, signature="set|test", fingerprint="ff")
    distant = distribution_scores(Colours(), before, far, signature="set|test")
    for one, other in zip(close, distant, strict=True):
        assert one.low <= one.value <= one.high < other.low
        assert (one.n, one.direction, one.fingerprint) == (60, "lower", "ff")
        assert one.signature.startswith(f"set|test|{one.name}|")
        assert one.signature == other.signature, "one sigma for all that is compared"
    smaller = distribution_scores(Colours(), before[:40], near, signature="set|test")
    assert smaller[0].signature != close[0].signature, "the number of pictures moves these distances"
