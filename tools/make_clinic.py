"""Train the twelve networks of notebook 09 and write them into the results bank: `python tools/make_clinic.py`.

It takes half a minute. Run notebook 09 again afterwards, and read its prose with its outputs. `tools/make_bank.py`
calls it, too.
"""

from __future__ import annotations

from pathlib import Path

from cnnlab.course.clinic.patients import SETTINGS
from cnnlab.course.clinic.recording import FILE, write_recordings
from cnnlab.course.clinic.train import train_network
from cnnlab.files import data_folder


def main(folder: Path) -> None:
    """Train all networks, and write their recordings into the folder."""
    recordings = {key: train_network(setting) for key, setting in SETTINGS.items()}
    if any(recording.diverged for recording in recordings.values()):
        raise SystemExit("a network diverged: a patient must be sick, not without numbers; change her setting")
    write_recordings(recordings, folder / FILE)
    print(f"{FILE}: {len(recordings)} networks, {(folder / FILE).stat().st_size:,} bytes")


if __name__ == "__main__":
    main(data_folder() / "bank")
