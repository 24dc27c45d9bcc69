"""Interrupt trainings and sweeps at any moment, once or twice within milliseconds, and count what was left wrong.

`python benchmarks/attacks/interrupts.py --single 300 --double 100 --sweeps 20`
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
from tiny import TINY
from torch import nn

from cnnlab import build_cnn, evaluate, fit, grid, load_data, load_runs, sweep


def main() -> int:
    """Interrupt; return 1 where anything was left wrong."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--single", type=int, default=300)
    arguments.add_argument("--double", type=int, default=100)
    arguments.add_argument("--sweeps", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=0, help="which moments")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background ignores interrupts
    random.seed(options.seed)
    print("| what | interrupts | tried | returned | raised | in its midst | left wrong |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    wrong = 0
    for what, attack, count, times in (
        ("fit", _fits(), options.single, 1), ("fit", _fits(), options.double, 2),
        ("sweep, two workers", _sweeps(), options.sweeps, 2),
    ):  # fmt: skip
        counts: Counter = Counter()
        for _ in range(count):
            counts.update(attack(times))
        print(
            f"| {what} | {times} | {count} | {counts['returned']} | {counts['raised']} "
            f"| {counts['midst']} | {counts['wrong']} |",
            flush=True,
        )
        wrong += counts["wrong"]
    return 1 if wrong else 0


class FirstRecord:
    """Like an event that is set by the first record in a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def wait(self, timeout: float) -> None:
        """Return when there is a record, or after these seconds."""
        end = time.monotonic() + timeout
        while time.monotonic() < end and not any(self.folder.glob("*.json")):
            time.sleep(0.002)


def interrupted(work: Callable[[], object], begin: threading.Event | FirstRecord, after: float, times: int) -> str:
    """Do the work, interrupt it these seconds after `begin` is set, and say whether it returned."""

    def send() -> None:
        begin.wait(300)
        time.sleep(after)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(random.random() / 200)

    sender = threading.Thread(target=send)
    try:
        sender.start()
        work()
        result = "returned"
    except KeyboardInterrupt:
        result = "raised"
    while sender.is_alive():
        with contextlib.suppress(KeyboardInterrupt):
            sender.join()
    with contextlib.suppress(KeyboardInterrupt):
        time.sleep(0.01)
    return result


def _is_as_found() -> bool:
    handler = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return handler and torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")


def _fits() -> Callable[[int], list[str]]:
    """Return a function that interrupts one training, and looks at the network afterwards."""
    data = load_data("patterns", train=64, validation=32, size=12, classes=2)
    epochs: list[list[torch.Tensor]] = []

    def network() -> nn.Sequential:
        return build_cnn(channels=(4,), hidden=8, dropout=0.3, input_shape=data.input_shape, classes=2)

    def copy(model: nn.Module) -> list[torch.Tensor]:
        return [value.clone() for value in model.state_dict().values()]

    epochs.append(copy(network()))
    fit(network(), data, epochs=5, progress=False, on_epoch=lambda state: epochs.append(copy(state.model)))

    def attack(times: int) -> list[str]:
        model, begin, share = network(), threading.Event(), random.random() * 1.1 - 0.1

        def progress(done: float) -> None:
            if done >= share:
                begin.set()

        if share <= 0:
            begin.set()
        result = interrupted(lambda: fit(model, data, epochs=5, progress=progress), begin, random.random() / 200, times)
        weights = list(model.state_dict().values())
        faults = {
            "settings": not _is_as_found(),
            "weights": not any(all(map(torch.equal, weights, epoch)) for epoch in epochs),
            "mode": model.training and result == "returned",
            "hooks": any(module._forward_hooks for module in model.modules()),
        }
        if any(faults.values()):
            print(f"{result}, wrong: {[name for name, is_so in faults.items() if is_so]}", file=sys.stderr)
        evaluate(model, data.validation)
        in_midst = not any(all(map(torch.equal, weights, epochs[place])) for place in (0, -1))
        return [result, *["midst"] * in_midst, *["wrong"] * any(faults.values())]

    return attack


def _sweeps() -> Callable[[int], list[str]]:
    """Return a function that interrupts a sweep whose workers have trained, and looks at what is left afterwards."""
    experiments = grid(TINY, seed=range(60))

    def attack(times: int) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            work = lambda: sweep(experiments, folder, workers=2, progress=False)  # noqa: E731
            result = interrupted(work, FirstRecord(folder), random.random(), times)
            left = [child for child in psutil.Process().children(recursive=True) if child.is_running()]
            done = len(load_runs(folder))
            is_right = _is_as_found() and not left and 0 < done <= len(experiments)
            return [result, *["midst"] * (done < len(experiments)), *["wrong"] * (not is_right)]

    return attack


if __name__ == "__main__":
    sys.exit(main())
