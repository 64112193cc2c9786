"""Several recordings at once."""

import threading

import pytest
import torch

from signtok.threads import each


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_are_in_order_and_each_has_one_thread(two_threads):
    meet = threading.Barrier(2, timeout=30)  # two at once, or the test fails

    def work(item):
        meet.wait()
        return item, torch.get_num_threads(), threading.get_ident()

    results = each(work, range(6))
    assert [item for item, _, _ in results] == list(range(6))
    assert {threads for _, threads, _ in results} == {1}
    assert len({ident for _, _, ident in results}) == 2
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("cpu", [True, False])
def test_an_error_comes_through_and_leaves_the_threads_alone(two_threads, cpu):
    with pytest.raises(ValueError, match="item 3"):
        each(lambda item: fail(item) if item == 3 else item, range(6), cpu)
    assert torch.get_num_threads() == 2


def fail(item):
    raise ValueError(f"item {item}")


def test_nothing_to_do():
    assert each(fail, []) == []
