"""Processors, memory and workers, for made-up control groups worked out by hand and, if possible, a real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab import machine
from cnnlab.errors import ConfigError

GB = 1_000_000_000
NO_LIMIT = 2**63 - 4096  # what version 1 says where there is none


@pytest.fixture
def computer(tmp_path, monkeypatch):
    """A Linux computer of 64 processors and 100 GB of free memory: a function that adds files to it, by path."""

    def add(files: dict[str, str]) -> None:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    monkeypatch.setattr(machine, "PROC", tmp_path / "proc")
    monkeypatch.setattr(machine, "CONTROL_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(machine, "visible_processors", lambda: 64)
    monkeypatch.delenv("CNNLAB_WORKERS", raising=False)
    add({"proc/meminfo": "MemTotal:       200000000 kB\nMemAvailable:   97656250 kB\nSwapTotal: 0 kB\n"})
    return add


def test_without_a_container_all_processors_and_all_free_memory_count(computer):
    assert machine.processors() == 64
    assert machine.free_memory() == 100 * GB  # 97,656,250 times 1024
    computer({"proc/self/cgroup": "0::/user.slice\n", "groups/user.slice/cpu.max": "max 100000\n"})
    computer({"groups/user.slice/memory.max": "max\n", "groups/user.slice/memory.current": "5\n"})
    assert (machine.processors(), machine.free_memory()) == (64, 100 * GB)


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        ("100000 100000", 1), ("350000 100000", 3), ("50000 100000", 1), ("1000 1000000", 1), ("25000 5000", 5),
        ("12800000 100000", 64), ("max 100000", 64), ("", 64), ("3", 64), ("3 0", 64), ("a b", 64), ("-5 100", 64),
    ],
)  # fmt: skip
def test_version_2_gives_a_share_of_each_period(computer, limit, count):
    computer({"proc/self/cgroup": "0::/\n", "groups/cpu.max": f"{limit}\n"})
    assert machine.processors() == count


@pytest.mark.parametrize(("quota", "count"), [("250000", 2), ("20000", 1), ("-1", 64), ("no number", 64)])
def test_version_1_gives_a_quota_and_a_period(computer, quota, count):
    computer({"proc/self/cgroup": "5:cpuset:/else\n4:cpu,cpuacct:/docker/5f\n1:name=systemd:/\n0::/\n"})
    group = "groups/cpu/docker/5f"
    computer({f"{group}/cpu.cfs_quota_us": quota, f"{group}/cpu.cfs_period_us": "100000\n"})
    computer({"groups/cpuset/else/cpu.cfs_quota_us": "100000", "groups/cpuset/else/cpu.cfs_period_us": "100000"})
    assert machine.processors() == count


def test_the_smallest_limit_of_a_group_and_its_parents_counts(computer):
    computer({"proc/self/cgroup": "0::/kubepods/pod7/me\n"})
    computer({"groups/kubepods/cpu.max": "800000 100000", "groups/kubepods/pod7/cpu.max": "200000 100000"})
    computer({"groups/kubepods/pod7/me/cpu.max": "400000 100000", "groups/kubepods/pod8/cpu.max": "100000 100000"})
    assert machine.processors() == 2
    for group, most, used in (("kubepods", 64, 60), ("kubepods/pod7", 8, 5), ("kubepods/pod7/me", 4, 0.5)):
        computer({f"groups/{group}/memory.max": f"{most * GB}", f"groups/{group}/memory.current": f"{int(used * GB)}"})
    assert machine.free_memory() == 3 * GB  # of pod7; the group itself has 3.5 left, kubepods 4


def test_a_path_that_only_the_host_knows_leaves_the_limits_at_the_root(computer):
    computer({"proc/self/cgroup": "9:memory:/docker/5f\n4:cpu,cpuacct:/docker/5f\n"})
    computer({"groups/cpu/cpu.cfs_quota_us": "300000\n", "groups/cpu/cpu.cfs_period_us": "100000\n"})
    computer({"groups/memory/memory.limit_in_bytes": f"{2 * GB}\n", "groups/memory/memory.usage_in_bytes": f"{GB}\n"})
    assert (machine.processors(), machine.free_memory()) == (3, GB)


def test_files_that_can_be_dropped_are_free_memory(computer):
    computer({"proc/self/cgroup": "0::/\n", "groups/memory.max": f"{4 * GB}", "groups/memory.current": f"{3 * GB}"})
    computer({"groups/memory.stat": "anon 1\nfile 2\ninactive_file 500000000\nactive_file 7\n"})
    assert machine.free_memory() == 1.5 * GB


def test_files_that_can_be_dropped_in_version_1(computer):
    # inactive_file is the group's own there; total_inactive_file counts its children, as usage and limit do
    computer({"proc/self/cgroup": "9:memory:/\n", "groups/memory/memory.limit_in_bytes": f"{4 * GB}"})
    computer({"groups/memory/memory.usage_in_bytes": f"{3 * GB}"})
    computer({"groups/memory/memory.stat": "inactive_file 100\ntotal_inactive_file 250000000\n"})
    assert machine.free_memory() == 1.25 * GB
    computer({"groups/memory/memory.limit_in_bytes": f"{NO_LIMIT}"})
    assert machine.free_memory() == 100 * GB


def test_more_used_than_allowed_leaves_nothing(computer):
    computer({"proc/self/cgroup": "0::/\n", "groups/memory.max": f"{GB}", "groups/memory.current": f"{2 * GB}"})
    assert machine.free_memory() == 0
    assert machine.worker_count() == (1, "because 0.0 GB of memory are free")


def test_garbage_and_missing_files_limit_nothing(computer, tmp_path):
    computer({"proc/self/cgroup": "\n::\nnothing\n0::/\n9:memory\n", "groups/memory.max": "9" * 40 + "x"})
    (tmp_path / "groups" / "cpu.max").write_bytes(b"\xff\xfe 100000")
    computer({"groups/memory.current": "1", "groups/memory.stat": "inactive_file\n"})
    assert (machine.processors(), machine.free_memory()) == (64, 100 * GB)
    (tmp_path / "proc" / "meminfo").unlink()
    assert machine.free_memory() is None  # as on macOS and Windows, where processors alone count


# --- The number of workers


@pytest.mark.parametrize(
    ("processors", "quota", "free", "expected"),
    [
        (1, 1, 100, (1, "one for each processor")),
        (2, 2, 100, (2, "one for each processor")),
        (64, 1, 100, (1, "because this container allows 1 processor of the machine's 64")),
        (64, 2, 100, (2, "because this container allows 2 processors of the machine's 64")),
        (8, 8, 100, (2, "because more could need over 1.8 GB of memory; CNNLAB_WORKERS=8 uses all 8 processors")),
        (64, 8, 100, (2, "because more could need over 1.8 GB of memory; CNNLAB_WORKERS=8 uses all 8 processors")),
        (8, 8, 1.2, (1, "because 1.2 GB of memory are free")),  # 0.3 GB for the notebook, 0.5 GB for each worker
        (2, 2, 1.3, (2, "one for each processor")),
        (1, 1, 0.1, (1, "one for each processor")),
        (2, 2, None, (2, "one for each processor")),
    ],
)
def test_the_number_of_workers_and_why(computer, monkeypatch, processors, quota, free, expected):
    monkeypatch.setattr(machine, "visible_processors", lambda: processors)
    monkeypatch.setattr(machine, "free_memory", lambda: None if free is None else int(free * GB))
    computer({"proc/self/cgroup": "0::/\n", "groups/cpu.max": f"{quota * 100_000} 100000"})
    assert machine.worker_count() == expected


def test_an_explicit_wish_is_obeyed_whatever_there_is(monkeypatch):
    monkeypatch.setattr(machine, "processors", lambda: 1)
    monkeypatch.setattr(machine, "free_memory", lambda: 0)
    monkeypatch.setenv("CNNLAB_WORKERS", "8")
    assert machine.worker_count() == (8, "because CNNLAB_WORKERS=8 is set")
    for wrong in ("0", "many", "-1", "1.5"):
        monkeypatch.setenv("CNNLAB_WORKERS", wrong)
        with pytest.raises(ConfigError, match=f"CNNLAB_WORKERS must be a whole number of 1 or more, got '?{wrong}"):
            machine.worker_count()


@pytest.mark.parametrize(("processors", "most"), [(1, 16), (2, 16), (4, 16), (5, 20), (64, 256)])
def test_a_wish_far_above_the_processors_is_refused_in_words(monkeypatch, processors, most):
    monkeypatch.setattr(machine, "visible_processors", lambda: processors)
    assert machine.check_workers("workers", most) == most
    here = "1 processor" if processors == 1 else f"{processors} processors"
    for wrong in (str(most + 1), "10000", "9" * 5000):
        monkeypatch.setenv("CNNLAB_WORKERS", wrong)
        with pytest.raises(ConfigError) as caught:
            machine.worker_count()
        assert str(caught.value) == (
            f"CNNLAB_WORKERS={wrong[:20]}: this computer has {here}, and more workers only take memory; "
            f"try {processors}, {most} at most"
        )
    for wrong in (0, -1, True, 2.0, "2", 10**5000):
        with pytest.raises(ConfigError, match=r"^workers"):
            machine.check_workers("workers", wrong)


def test_a_process_is_counted_on_the_processors_that_it_is_bound_to(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 6}, raising=False)
    assert machine.visible_processors() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert machine.visible_processors() == 7


# --- A real control group


@pytest.fixture
def real_group():
    """A control group under this process's own that allows two and a half processors; skips where none can be made."""
    groups = list(machine._groups("cpu"))
    own = groups[0] if groups else Path("/nowhere")
    group = own / f"cnnlab-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        if (group / "cpu.max").exists():
            (group / "cpu.max").write_text("250000 100000")
        elif (group / "cpu.cfs_quota_us").exists():
            (group / "cpu.cfs_period_us").write_text("100000")
            (group / "cpu.cfs_quota_us").write_text("250000")
        else:
            pytest.skip("control groups have no limit on processors here")
        yield group
    finally:
        group.rmdir()


def test_a_process_in_a_real_control_group_sees_its_limit(real_group):
    code = """
import json, os, sys
open(sys.argv[1], "w").write(str(os.getpid()))
from cnnlab import machine
machine.visible_processors = lambda: 64
print(json.dumps(machine.processors()))
"""
    command = [sys.executable, "-c", code, str(real_group / "cgroup.procs")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == 2
