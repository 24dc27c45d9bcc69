"""Measure panels in a kernel without a page, for panels.py: press Stop many times, close panels many times."""

from __future__ import annotations

import gc
import io
import itertools
import random
import statistics
import threading
import time
from collections.abc import Callable

import comm
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import psutil
from PIL import Image

import cnnlab
from cnnlab import widgets
from cnnlab.widgets.web.live_plot import run_lengths


def stops(count: int) -> dict[str, object]:
    """Start a training and stop it after a random time, `count` times; return the seconds until its thread ended.

    The training is TrainingPanel's own: 2,000 digits. `batch` is the median batch of an undisturbed run of the same.
    """
    panel = cnnlab.TrainingPanel()
    panel.epochs.value = 350
    times: list[float] = []
    cnnlab.run(panel.experiment.replace(epochs=2), progress=lambda _share: times.append(time.perf_counter()))
    batch = statistics.median(late - early for early, late in itertools.pairwise(times))
    taken, chance = [], random.Random(0)
    for _ in range(count):
        panel.start.click()
        time.sleep(chance.uniform(0.05, 0.8))
        assert panel.start.disabled, panel.news.value  # it is training
        begun = time.perf_counter()
        panel.stop.click()
        panel.wait(timeout=30)
        taken.append(time.perf_counter() - begun)
    panel.close()
    return {"batch": batch, "taken": taken}


def pictures(count: int) -> dict[str, list[float]]:
    """Write a panel's plot `count` times as runs of colours and as Pillow's fastest PNG; return milliseconds and kB."""
    panel = cnnlab.OptimizerExplorer()
    pixels = np.asarray(panel.map.figure.canvas.buffer_rgba())

    def pillow(pixels: np.ndarray) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "png", compress_level=1)
        return file.getvalue()

    result = {}
    for write in (run_lengths, pillow):
        taken = []
        for _ in range(count):
            begun = time.perf_counter()
            file = write(pixels)
            taken.append(1000 * (time.perf_counter() - begun))
        result[write.__name__] = [statistics.median(taken), len(file) / 1000]
    panel.close()
    return result


def left_over() -> dict[str, int]:
    """Count everything that a closed panel could leave behind in this process."""
    gc.collect()
    alive = getattr(ipywidgets.widgets.widget, "_instances", None)  # ipywidgets 7 keeps them on the class
    return {
        # Not pyzmq's own, which it starts once a kernel, with the first message of over 64 kB.
        "threads": sum(not type(thread).__module__.startswith("zmq") for thread in threading.enumerate()),
        "processes": len(psutil.Process().children(recursive=True)),
        "comms": len(comm.get_comm_manager().comms),
        "widgets": len(ipywidgets.Widget.widgets if alive is None else alive),
        "figures": len(plt.get_fignums()),
        "objects": sum(
            issubclass(type(thing), ipywidgets.Widget) for thing in gc.get_objects()
        ),  # closed, but not freed
    }


def makers() -> dict[str, Callable[[], cnnlab.ConvolutionExplorer]]:
    """Return name -> the function that makes this panel, for all nine."""
    names = widgets.__all__
    comparison = cnnlab.compare(cnnlab.load_runs(cnnlab.bank("pooling")).filter(**POOLING), by="pooling")
    special = {"PredictThenRun": lambda: cnnlab.PredictThenRun("Which?", comparison)}
    return {name: getattr(cnnlab, name) for name in names} | special


POOLING = {"dataset": "mnist", "learning_rate": 0.001}


def closes(count: int) -> dict[str, dict[str, float]]:
    """Make each panel `count` times, train a little where it can, and close it; return what is left over.

    The first fifth of the panels fill the caches. "MB" is the memory that the others added, in MB of 10⁶ bytes.
    """
    result = {}
    for name, make in makers().items():
        _use_once(name, make)  # reads the files
        before = left_over()
        first = 0
        for place in range(count):
            if place == count // 5:
                gc.collect()
                first = psutil.Process().memory_info().rss
            _use_once(name, make)
        more = {what: number - before[what] for what, number in left_over().items()}
        grown = psutil.Process().memory_info().rss - first
        result[name] = more | {"MB": grown / 1e6, "counted": count - count // 5}
    return result


def _use_once(name: str, make: Callable[[], cnnlab.ConvolutionExplorer]) -> None:
    panel = make()
    if name == "TrainingPanel":
        panel.start.click()  # closing stops it
        time.sleep(0.02)
    panel.close()
