"""Change bytes of records, zips, checkpoints and weights, hundreds of times, and count what was read wrong.

`python benchmarks/attacks/mutations.py --count 400`. A changed file must be refused in words, or be read exactly as it
was; a store must give all other runs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from tiny import TINY

from cnnlab import build_cnn, fit, grid, load_data, load_runs, load_weights, save_weights, sweep
from cnnlab.errors import ConfigError, DataError


def main() -> int:
    """Try every kind of file; return 1 where anything was read wrong."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=400)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| file | changed | refused or left out | read as it was | read wrong | raw errors |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    bad = 0
    for name, attack in (("record", records), ("zip", zips), ("checkpoint", checkpoints), ("weights", weights)):
        random.seed(0)
        with tempfile.TemporaryDirectory() as folder:
            counts = attack(Path(folder), options.count)
        print(f"| {name} | {options.count} | {counts['refused']} | {counts['same']} | {counts['wrong']} | "
              f"{counts['raw']} |", flush=True)  # fmt: skip
        bad += counts["wrong"] + counts["raw"]
    return 1 if bad else 0


def mutated(content: bytes) -> bytes:
    """Return the content with one of seven kinds of damage."""
    data = bytearray(content)
    place = random.randrange(len(data))
    kind = random.randrange(7)
    if kind == 0:
        data[place] ^= 1 << random.randrange(8)
    elif kind == 1:  # another digit or letter, most often in the text at the beginning
        place = random.choice([at for at in range(min(len(data), 6000)) if chr(data[at]).isalnum()] or [place])
        data[place] = ord(random.choice("0123456789abcdef"))
    elif kind == 2:
        del data[place:]
    elif kind == 3:
        data[place:place] = random.randbytes(random.randrange(1, 9))
    elif kind == 4:
        del data[place : place + random.randrange(1, 9)]
    elif kind == 5:
        data[place : place + 16] = random.randbytes(16)
    else:
        other = random.randrange(len(data))
        data[place : place + 8], data[other : other + 8] = data[other : other + 8], data[place : place + 8]
    return bytes(data)


def tried(read: Callable[[], object], expected: object) -> str:
    """Return what became of reading a changed file."""
    try:
        return "same" if read() == expected else "wrong"
    except (ConfigError, DataError):
        return "refused"
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return "raw"


def numbers(runs) -> list:
    """Return what was read of runs."""
    return [(run.experiment, run.history.rows) for run in runs]


def records(folder: Path, count: int) -> Counter:
    """Change one of three records: the other two must be loaded, and the third not, or as it was."""
    sweep(grid(TINY, seed=range(3)), folder / "sound", workers=1, progress=False)
    name = f"{TINY.replace(seed=1).trajectory}.json"
    content, sound = (folder / "sound" / name).read_bytes(), numbers(load_runs(folder / "sound"))
    others = [entry for entry in sound if entry[0].seed != 1]
    counts: Counter = Counter()
    for _ in range(count):
        shutil.rmtree(folder / "runs", ignore_errors=True)
        shutil.copytree(folder / "sound", folder / "runs")
        changed = mutated(content)
        (folder / "runs" / name).write_bytes(changed)
        result = tried(lambda: numbers(load_runs(folder / "runs")), others)
        counts["refused" if result == "same" else "same" if changed == content else result] += 1
    return counts


def zips(folder: Path, count: int) -> Counter:
    """Change a zip of three records: what is loaded must be as it was."""
    sweep(grid(TINY, seed=range(3)), folder / "sound", workers=1, progress=False)
    with zipfile.ZipFile(folder / "runs.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in (folder / "sound").glob("*.json"):
            packed.write(path, path.name)
    content, sound = (folder / "runs.zip").read_bytes(), numbers(load_runs(folder / "runs.zip"))
    counts: Counter = Counter()
    for _ in range(count):
        (folder / "runs.zip").write_bytes(mutated(content))
        result = tried(lambda: all(entry in sound for entry in numbers(load_runs(folder / "runs.zip"))), True)
        all_there = result == "same" and len(load_runs(folder / "runs.zip")) == 3
        counts["refused" if result == "same" and not all_there else result] += 1
    return counts


def checkpoints(folder: Path, count: int) -> Counter:
    """Change a checkpoint: fit must refuse it and leave the network untouched, or continue it bit for bit."""
    data = load_data("patterns", train=64, validation=32, size=12, classes=2)
    path = folder / "run"

    def network(seed: int = 0):
        return build_cnn(channels=(2,), hidden=8, dropout=0.3, input_shape=data.input_shape, classes=2, seed=seed)

    def continued(epochs: int) -> list:
        model = network(seed=5)
        before = [value.clone() for value in model.state_dict().values()]
        try:
            history = fit(model, data, epochs=epochs, checkpoint=path, patience=5, progress=False)
        except (ConfigError, DataError) as error:
            if not all(map(torch.equal, before, model.state_dict().values())):
                raise RuntimeError("the network was changed") from error
            raise
        weights = [value.tolist() for value in model.state_dict().values()]
        return [{**row, "seconds": 0} for row in history.rows] + weights

    fit(network(), data, epochs=2, checkpoint=path, patience=5, progress=False)
    content = path.read_bytes()
    sound = continued(3)
    counts: Counter = Counter()
    for _ in range(count):
        path.write_bytes(mutated(content))
        counts[tried(lambda: continued(3), sound)] += 1
    return counts


def weights(folder: Path, count: int) -> Counter:
    """Change a file of weights: load_weights must refuse it, or load what was saved."""
    path = folder / "weights"
    save_weights(build_cnn(channels=(2,), hidden=8, seed=1), path)
    content = path.read_bytes()

    def loaded() -> list:
        model = build_cnn(channels=(2,), hidden=8)
        return [value.tolist() for value in load_weights(model, path).state_dict().values()]

    sound = loaded()
    counts: Counter = Counter()
    for _ in range(count):
        path.write_bytes(mutated(content))
        counts[tried(loaded, sound)] += 1
    return counts


if __name__ == "__main__":
    sys.exit(main())
