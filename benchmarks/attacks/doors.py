"""Knock at every public name of cnnlab with every nonsense value in every argument, and count what happens.

`tests/test_doors.py` takes a sample of the same calls.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "helpers"))


def main() -> None:
    """Knock, print each finding and the counts; the exit status is 1 if there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--door", action="append", help="only these doors; may be given several times")
    parser.add_argument("--sample", type=int, help="knock this often at each argument, not with every value")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--more", action="store_true", help="take the further values of tests/helpers/nonsense.py")
    parser.add_argument("--gigabytes", type=float, default=6, help="memory that the process may take")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CNNLAB_CACHE": f"{folder}/cache", "CNNLAB_COURSE": f"{folder}/my_course", "CNNLAB_WORKERS": "1"}
        os.chdir(folder)
        sys.exit(knock_at_all(chosen, Path(folder)))


def knock_at_all(chosen: argparse.Namespace, folder: Path) -> int:
    """Return 1 if there was a finding, else 0."""
    import door_list
    import door_samples
    import knocking

    door_samples.use_folder(folder)
    wanted = [door for door in door_list.find_doors() if not chosen.door or door.name in chosen.door]
    drawn = knocking.knocks(wanted, chosen.more)
    if chosen.sample:
        drawn = knocking.sample(wanted, chosen.sample, chosen.seed, chosen.more)
    counts: Counter[str] = Counter()
    begun = time.monotonic()
    for knock in drawn:
        with knocking.limited_memory(chosen.gigabytes):
            answer = knocking.answer(knock)
        counts[answer.verdict] += 1
        if answer.verdict in ("slow", *knocking.FINDINGS):
            print(f"{answer.verdict:9}{knock}: {answer.words}", flush=True)
    print(f"{len(wanted)} doors, {sum(counts.values()):,} calls in {time.monotonic() - begun:.0f} s: {dict(counts)}")
    return int(any(counts[verdict] for verdict in knocking.FINDINGS))


if __name__ == "__main__":
    main()
