"""Measure the loading of your own pictures: seconds for the first and the second time, and memory.

Each row is measured in two new processes. The peak is what the process takes at most above what it took before loading,
as a multiple of what it keeps: float32 images.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image


class Case(NamedTuple):
    """A folder of pictures, and how it is loaded.

    Parameters
    ----------
    count : int
        How many pictures are in it.
    side : int
        Each is made side × side pixels.
    file_side : int
        The pixels of a side in the files; 0: the same.
    suffix : str
        Of the files.
    """

    count: int
    side: int
    file_side: int = 0
    suffix: str = "jpg"

    def __str__(self) -> str:
        files = f" ({self.suffix.upper()}s of {self.file_side}×{self.file_side})" if self.file_side else ""
        return f"{self.side}×{self.side}{files}"


SMALL = [Case(10, 28), Case(10, 224), Case(200, 224), Case(300, 224, 64, "bmp"), Case(2_000, 28)]
ALL = [*SMALL, Case(2_000, 224), Case(20_000, 28), Case(20_000, 64)]


def make_pictures(folder: Path, case: Case) -> None:
    """Write the pictures of a case, in two classes."""
    random, side = np.random.default_rng(0), case.file_side or case.side
    base = random.integers(0, 256, (64, side, side, 3), dtype=np.uint8)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for place in range(case.count // 2):
            picture = Image.fromarray(np.roll(base[place % 64], place, axis=0))
            picture.save(folder / name / f"{place:05}.{case.suffix}")


def load(folder: str, side: int, grey: bool) -> dict[str, float]:
    """Load the pictures in this process, and return the seconds, the peak and the bytes that are kept."""
    from cnnlab import load_images

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before, start = resident(), time.perf_counter()
    data = load_images(folder, size=side, grey=grey)
    seconds = time.perf_counter() - start
    kept = sum(split.images.nbytes for split in (data.train, data.validation, data.open_test()))
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "peak": peak - before, "kept": kept}


def measure(folder: Path, side: int, grey: bool, cache: str) -> dict[str, float]:
    """Return what `load` returns in a new process."""
    command = [sys.executable, __file__, "--load", str(folder), str(side), str(int(grey))]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"CNNLAB_CACHE": cache}
    )
    return json.loads(answer.stdout.splitlines()[-1])


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="the small ones only")
    arguments.add_argument("--load", nargs=3, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.load:
        folder, side, grey = options.load
        print(json.dumps(load(folder, int(side), grey == "1")))
        return
    print(
        "| pictures | size | first loading (s) | second (s) | second: target | kept (MB) | peak (MB), first | second "
        "| peak / kept |"
    )
    print("| ---: | --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |")
    for case in SMALL if options.quick else ALL:
        with tempfile.TemporaryDirectory() as folder:
            make_pictures(Path(folder) / "pictures", case)
            for grey in (True, False):
                with tempfile.TemporaryDirectory() as cache:
                    first, second = (measure(Path(folder) / "pictures", case.side, grey, cache) for _ in range(2))
                kept, peaks = first["kept"] / 1e6, [each["peak"] / 1e6 for each in (first, second)]
                share = f"{max(peaks) / kept:.2f}" if kept > 100 else "–"  # below that the imports count more
                target = "under 1 s: reached" if second["seconds"] < 1 else "under 1 s: missed"
                target = target if case.count == 2_000 else "–"
                print(
                    f"| {case.count:,} | {'' if grey else '3×'}{case} | {first['seconds']:.2f} "
                    f"| {second['seconds']:.2f} | {target} | {kept:,.1f} "
                    f"| {peaks[0]:,.0f} | {peaks[1]:,.0f} | {share} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
