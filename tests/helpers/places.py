"""Where the repository and its folders lie, and how long a test waits."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = REPOSITORY / "notebooks"
PATIENCE = 60  # seconds; whatever a test waits for comes much sooner, unless the computer does other work
