"""Pretend other computers, and count trainings that differ where their records say that they should not.

`python benchmarks/attacks/computers.py`, on Linux. Each computer is a process with its own variables or its own
processor. All train the same networks with the same seeds. Where `environment()` is the same, the weights and the
saliency maps must have the same bits.
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
    "AVX2 in oneDNN": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "AVX2 in torch": {"ATEN_CPU_CAPABILITY": "avx2"},
    "SSE4.1 in oneDNN, no vectors in torch": {"DNNL_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"},
    "SSE4.2 in MKL": {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    "reproducible MKL": {"MKL_CBWR": "COMPATIBLE"},
    "bfloat16 in oneDNN": {"ONEDNN_DEFAULT_FPMATH_MODE": "BF16"},
    "TF32 in oneDNN, by its older name": {"DNNL_DEFAULT_FPMATH_MODE": "TF32"},
    "any precision in oneDNN": {"ONEDNN_DEFAULT_FPMATH_MODE": "ANY"},
    "three threads": {"OMP_NUM_THREADS": "3"},
    "the first processor": {"PROCESSORS": "the first"},
    "the last processor": {"PROCESSORS": "the last"},
    "another order of sets": {"PYTHONHASHSEED": "12345"},
    "no cache of oneDNN": {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "0"},
}
TRAIN = """
import hashlib, json, os, sys
if "PROCESSORS" in os.environ:
    able = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, able[:1] if os.environ["PROCESSORS"] == "the first" else able[-1:])
sys.path.insert(0, "tests/helpers")
import strangers
from cnnlab import build_cnn, fit, load_data, saliency
from cnnlab.training.environment import environment
data, colours = load_data("mnist", train=96, validation=32), strangers.colours()
networks = [(build_cnn(5, dropout=0.3), data), (build_cnn(3, "avg", channels=(8, 16)), data)]
networks += [(strangers.make(name), colours) for name in ("with a skip", "vit_b_16")]
digest = hashlib.sha256()
for network, images in networks:
    fit(network, images, epochs=2, batch_size=4 if images is colours else 32, progress=False)
    maps = saliency(network, images.validation.images[:4])
    for values in (*network.state_dict().values(), maps):
        digest.update(values.numpy().tobytes())
print(json.dumps([digest.hexdigest(), environment()]))
"""


def main() -> int:
    """Train on every computer, on this one three times; return 1 if equal records have other bits."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    bits: dict[str, set[str]] = {}
    own = _train({})
    print("| computer | bits as on this one | record as on this one |\n| --- | --- | --- |")
    for name, variables in {"this one, again": {}, "and again": {}, **COMPUTERS}.items():
        digest, record = _train(variables)
        bits.setdefault(record, {own[0]} if record == own[1] else set()).add(digest)
        same = ["yes" if answer else "no" for answer in (digest == own[0], record == own[1])]
        print(f"| {name} | {' | '.join(same)} |", flush=True)
    broken = sum(len(values) > 1 for values in bits.values())
    print(f"{len(COMPUTERS)} other computers, {len(bits)} records, {broken} of them with trainings that differ")
    return 1 if broken else 0


def _train(variables: dict[str, str]) -> tuple[str, str]:
    """Return the digest of all that was trained, and the record of the environment, as JSON."""
    environment = {"OMP_NUM_THREADS": "1"} | os.environ | {"CUDA_VISIBLE_DEVICES": ""} | variables
    answer = subprocess.run(
        [sys.executable, "-c", TRAIN], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    digest, record = json.loads(answer.stdout.splitlines()[-1])
    return digest, json.dumps(record, sort_keys=True)


if __name__ == "__main__":
    sys.exit(main())
