"""A notebook in a student's hands: another folder, no network, and every cell run twice (faults row 33)."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.ipynb"))])
def test_every_cell_can_be_run_twice_elsewhere_and_offline(name, tmp_path, monkeypatch):
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # whoever asks the network is refused
    monkeypatch.setenv("MPLBACKEND", "agg")
    folder = tmp_path / "my copy é"
    folder.mkdir()
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    twice = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            again = nbformat.from_dict(dict(cell, id=f"{cell.id}-2"))
            twice += [cell, again]
    notebook.cells = twice
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    assert all(cell.execution_count for cell in notebook.cells)
    assert list(folder.iterdir()) == []  # nothing was left lying about
