"""One thread for torch: within the block, for runs side by side, and put back whichever block ends first."""

import threading

import pytest
import torch
from places import PATIENCE
from tiny_sweeps import TINY, numbers

from cnnlab.experiments.one_thread import one_thread
from cnnlab.experiments.run import run
from cnnlab.training.history import METRICS

pytestmark = pytest.mark.usefixtures("four_threads")


def train(experiment, **settings):
    return run(experiment, progress=False, **settings)


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_the_thread_setting_is_restored():
    seen = []
    assert train(TINY, on_epoch=lambda _: seen.append(torch.get_num_threads())).history.environment["threads"] == 1
    assert (seen, torch.get_num_threads()) == ([1, 1], 4)
    with pytest.raises(ZeroDivisionError):
        train(TINY, on_epoch=lambda _: 1 / 0)
    assert torch.get_num_threads() == 4
    with one_thread():
        train(TINY)  # a run inside
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize("first_to_end", ["here", "there"])
def test_the_thread_setting_is_restored_where_two_runs_overlap(first_to_end):
    # torch keeps the number for each thread: each that has trained must have its own back, whichever ends first
    began, end, numbers_there, numbers_later = threading.Event(), threading.Event(), [], []

    def there():
        with one_thread():
            began.set()
            end.wait(PATIENCE)
            numbers_there.append(torch.get_num_threads())
        numbers_there.append(torch.get_num_threads())

    thread = threading.Thread(target=there)
    with one_thread():
        thread.start()
        assert began.wait(PATIENCE)
        if first_to_end == "there":
            end.set()
            thread.join()
            assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 4
    end.set()
    thread.join()
    thread = threading.Thread(target=lambda: numbers_later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert (numbers_there, numbers_later, torch.get_num_threads()) == ([1, 4], [4], 4)


def test_runs_side_by_side_give_the_bits_of_runs_alone():
    experiment = TINY.replace(dropout=0.2)
    alone, side_by_side = numbers(train(experiment).history), []
    threads = [
        threading.Thread(target=lambda: side_by_side.append(numbers(train(experiment).history))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert side_by_side == [alone] * 3
    assert set(alone["columns"]) == {"epoch", *METRICS[:4]}
