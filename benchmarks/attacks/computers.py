"""Pretend other computers, and count trainings that differ where their records say that they should not.

`python benchmarks/attacks/computers.py`, on Linux. Each computer is a process with its own variables or its own number
of processors. It trains the same networks with the same seeds twice. Where `environment()` is the same, the weights
must have the same bits. With `--tests tests/training`, these tests run on each computer, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
COMPUTERS: dict[str, dict[str, str]] = {
    "this one": {},
    "AVX2 in oneDNN": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "AVX2 in torch": {"ATEN_CPU_CAPABILITY": "avx2"},
    "SSE4.1 in oneDNN, no vectors in torch": {"DNNL_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"},
    "SSE4.2 in MKL": {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    "reproducible MKL": {"MKL_CBWR": "COMPATIBLE"},
    "bfloat16 in oneDNN": {"ONEDNN_DEFAULT_FPMATH_MODE": "BF16"},
    "TF32 in oneDNN, by its older name": {"DNNL_DEFAULT_FPMATH_MODE": "TF32"},
    "any precision in oneDNN": {"ONEDNN_DEFAULT_FPMATH_MODE": "ANY"},
    "three threads": {"OMP_NUM_THREADS": "3"},
    "threads that change": {"OMP_NUM_THREADS": "2", "OMP_DYNAMIC": "true", "MKL_DYNAMIC": "true"},
    "one processor": {"PROCESSORS": "1"},
    "the last processor": {"PROCESSORS": "-1"},
    "another order of sets": {"PYTHONHASHSEED": "12345"},
    "no cache of oneDNN": {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "0"},
    "no weights kept by oneDNN": {"LRU_CACHE_CAPACITY": "0", "TORCH_MKLDNN_MATMUL_MIN_DIM": "1"},
}
TRAIN = """
import hashlib, json, os, sys
if "PROCESSORS" in os.environ:
    count = int(os.environ["PROCESSORS"])
    able = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, able[:1] if count > 0 else able[-1:])
sys.path.insert(0, "tests/helpers")
import strangers, torch
from cnnlab import build_cnn, fit, load_data, saliency
from cnnlab.training.environment import environment
data, colours = load_data("mnist", train=200, validation=50), strangers.colours()
networks = [(build_cnn(5, dropout=0.3), data), (build_cnn(3, "avg", channels=(8, 16, 32)), data)]
networks += [(strangers.make(name), colours) for name in ("with a skip", "vit_b_16")]
digest = hashlib.sha256()
for network, images in networks:
    for optimizer in ("adam", "sgd"):
        fit(network, images, epochs=2, optimizer=optimizer, batch_size=4 if images is colours else 32, progress=False)
    maps = saliency(network, images.validation.images[:4])
    for values in (*network.state_dict().values(), maps):
        digest.update(values.numpy().tobytes())
print(json.dumps([digest.hexdigest(), environment()]))
"""


def main() -> int:
    """Train on every computer; return 1 if equal records have other bits, or a test fails."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tests", nargs="*", default=[], help="files or folders of tests")
    options = arguments.parse_args()
    bits: dict[str, set[str]] = {}
    wrong = 0
    print("| computer | the same bits twice | bits as on this one | record as on this one | failing tests |")
    print("| --- | --- | --- | --- | ---: |")
    for name, variables in COMPUTERS.items():
        (first, record), (second, _) = _train(variables), _train(variables)
        bits.setdefault(record, set()).update((first, second))
        if not variables:
            own = first, record
        failing = _failing(options.tests, variables) if options.tests else 0
        same = ["yes" if answer else "no" for answer in (first == second, first == own[0], record == own[1])]
        print(f"| {name} | {' | '.join(same)} | {failing if options.tests else '–'} |", flush=True)
        wrong += failing
    broken = sum(len(values) > 1 for values in bits.values())
    print(f"{len(COMPUTERS)} computers, {len(bits)} records, {broken} of them with trainings that differ")
    return 1 if broken or wrong else 0


def _train(variables: dict[str, str]) -> tuple[str, str]:
    """Return the digest of all that was trained, and the record of the environment, as JSON."""
    environment = {"OMP_NUM_THREADS": "2"} | os.environ | {"CUDA_VISIBLE_DEVICES": ""} | variables
    answer = subprocess.run(
        [sys.executable, "-c", TRAIN], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    digest, record = json.loads(answer.stdout.splitlines()[-1])
    return digest, json.dumps(record, sort_keys=True)


def _failing(tests: list[str], variables: dict[str, str]) -> int:
    """Return how many of these tests fail."""
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=REPOSITORY, env=os.environ | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(answer.stdout.splitlines()[-1], file=sys.stderr)
    return sum(line.startswith(("FAILED", "ERROR")) for line in answer.stdout.splitlines())


if __name__ == "__main__":
    sys.exit(main())
