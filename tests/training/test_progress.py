"""Progress in every runner: a line that is replaced in place and leaves nothing, then one line that stays."""

import contextlib
import math
import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from terminal import Terminal

import cnnlab.progress_line
import cnnlab.training.progress
from cnnlab import build_cnn, fit, load_data
from cnnlab.training.progress import TimeLeft

FIRST = {"first name": "from cnnlab import fit", "second name": "from cnnlab import predict"}
SET_UP = """
import threading
import torch
import cnnlab.progress_line
import cnnlab.training.progress
from cnnlab import Experiment, build_cnn, fit, grid, load_data, sweep

torch.set_num_threads(1)
cnnlab.progress_line.PAUSE = 1e-9  # draw after every batch
cnnlab.training.progress.SURE = cnnlab.training.progress.ENOUGH = 0  # and with the time left, whatever it is worth
data = load_data("patterns", train=64, validation=20)
small = {"channels": (2,), "hidden": 4, "seed": 0, "input_shape": data.input_shape, "classes": len(data.classes)}
tiny = Experiment(dataset="patterns", train_size=64, validation_size=20, channels=(2,), hidden=4, epochs=2)
"""


@pytest.fixture(scope="module")
def data():
    return load_data("patterns", train=200, validation=100)


def small(data):
    return build_cnn(channels=(2,), hidden=4, input_shape=data.input_shape, classes=len(data.classes))


def screen(written: str) -> list[str]:
    """Return the lines that a terminal shows at the end; what is empty was overwritten with blanks."""
    *lines, last = written.replace("\r\n", "\n").split("\n")
    assert last.strip() == ""
    return [line.rpartition("\r")[2] for line in lines]


def test_progress_may_be_a_function_that_is_told_the_share_done(data, capsys):
    shares = []
    batches = math.ceil(len(data.train) / 64)
    fit(small(data), data, epochs=2, progress=shares.append)
    assert shares == pytest.approx([batch / (2 * batches) for batch in range(1, 2 * batches + 1)])
    assert capsys.readouterr() == ("", "")


def test_the_time_left_of_a_training_is_counted_from_its_first_batch_and_said_once_it_can_be_trusted(monkeypatch):
    times = iter([17.0, 17.5, 18.5, 27.0, 37.0])  # the first batch waits for the data
    monkeypatch.setattr("cnnlab.training.progress.time.monotonic", lambda: next(times))
    left = TimeLeft()
    assert left.seconds(0.001) is None
    assert left.seconds(0.03) is None  # half a second after it
    assert left.seconds(0.02) is None  # less than two per cent after it
    assert left.seconds(0.201) == pytest.approx(10 / 0.2 * 0.799)
    assert left.seconds(0.401) == pytest.approx(20 / 0.4 * 0.599)


# --- A terminal, a pipe


@pytest.fixture
def terminal(monkeypatch):
    """A terminal in which the line is drawn after every batch, with the time left."""
    monkeypatch.setattr(cnnlab.progress_line, "PAUSE", 1e-9)
    for name in ("SURE", "ENOUGH"):
        monkeypatch.setattr(cnnlab.training.progress, name, 0)
    return Terminal()


def test_in_a_terminal_it_ends_as_one_line_that_is_the_same_on_every_run(data, terminal):
    with contextlib.redirect_stdout(terminal):
        for _ in range(2):
            fit(small(data), data, epochs=2)
    out = terminal.getvalue()
    assert screen(out) == ["trained 2 epochs", "trained 2 epochs"]
    assert "epoch 1 of 2: validation accuracy 0." in out
    assert " left" in out


def test_a_continued_run_goes_on_with_its_bar(data, tmp_path, terminal):
    fit(small(data), data, epochs=2, checkpoint=tmp_path / "run.safetensors")
    with contextlib.redirect_stdout(terminal):
        fit(small(data), data, epochs=4, checkpoint=tmp_path / "run.safetensors")
    out = terminal.getvalue()
    assert "epoch 3 of 4" in out
    assert "epoch 1 of 4" not in out
    first, *shown = [int(share) for share in re.findall(r"(\d+) %", out)]
    assert first == 0  # before the checkpoint is read
    assert max(shown) <= 100
    assert shown[0] >= 50
    assert shown[-1] >= 75
    assert out.endswith("trained 4 epochs\n")


def test_the_line_is_drawn_by_the_clock_and_not_after_every_batch(data, terminal, monkeypatch):
    monkeypatch.setattr(cnnlab.progress_line, "PAUSE", 3600)
    with contextlib.redirect_stdout(terminal):
        fit(small(data), data, epochs=4, batch_size=10)
    assert terminal.getvalue().count("%, training") == terminal.getvalue().count("%") == 1  # at once, and never again
    assert screen(terminal.getvalue()) == ["trained 4 epochs"]


SCRIPT = SET_UP + "fit(build_cnn(**small), data, epochs=3)\nsweep(grid(tiny, seed=range(2)), workers=1)\n"


def test_a_pipe_gets_nothing_but_the_last_lines():
    answer = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True)
    assert answer.stdout.decode().splitlines() == ["trained 3 epochs", "2 runs"]
    assert answer.stderr == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal in Python")
def test_a_real_terminal_shows_the_last_lines_and_saw_the_others():
    import termios

    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=theirs, stderr=subprocess.STDOUT) as process:
        os.close(theirs)
        written = b""
        while piece := _read(ours):
            written += piece
    os.close(ours)
    assert process.returncode == 0
    written = written.decode()
    assert re.search(r"\r\|\S.*\| +\d+ %, epoch 2 of 3: validation accuracy 0\.\d{3}, about [\dhmins ]+ left", written)
    assert re.search(r"\r\|.*\| +50 %, 1 of 2 runs done, 1 running, about [\dhmins ]+ left", written)
    assert screen(written) == ["trained 3 epochs", "2 runs"]


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other side has ended
        return b""


# --- A notebook without a browser

EMPTY = {"text/plain": "", "text/html": ""}
CELLS = {
    "thirty epochs": "history = fit(build_cnn(**small), data, epochs=30)",
    "three trainings": "histories = [fit(build_cnn(**small), data, epochs=2, seed=seed) for seed in range(3)]",
    "interrupted": """
def interrupt(state):
    if state.epoch == 2:
        raise KeyboardInterrupt

history = fit(build_cnn(**small), data, epochs=5, on_epoch=interrupt)""",
    "diverged": 'history = fit(build_cnn(**small), data, epochs=5, optimizer="sgd", learning_rate=1e30)',
    "failed": """
def fail(state):
    raise ZeroDivisionError

try:
    fit(build_cnn(**small), data, epochs=5, on_epoch=fail)
except ZeroDivisionError:
    print("failed")""",
    "in a thread": """
thread = threading.Thread(target=fit, args=(build_cnn(**small), data), kwargs={"epochs": 2})
thread.start()
thread.join()""",
    "captured": "%%capture captured\nfit(build_cnn(**small), data, epochs=2)",
    "quiet": "history = fit(build_cnn(**small), data, epochs=2, progress=False)",
    "a function": "history = fit(build_cnn(**small), data, epochs=2, progress=lambda share: None)",
    "sweep": 'runs = sweep(grid(tiny, seed=range(3)), store="runs", workers=1)',
    "the sweep again": 'runs = sweep(grid(tiny, seed=range(3)), store="runs", workers=1)',
    "two sweeps": "one, two = sweep([tiny], workers=1), sweep([tiny.replace(patience=1)], workers=1)",
}
LINES = {
    "thirty epochs": "trained 30 epochs\n",
    "three trainings": "trained 2 epochs\n" * 3,
    "interrupted": "stopped in epoch 2: kept the weights of epoch 2\n",
    "failed": "failed\n",
    "in a thread": "trained 2 epochs\n",
    "sweep": "3 runs\n",
    "the sweep again": "3 runs\n",
    "two sweeps": "1 run\n1 run\n",
}


class Recording(NotebookClient):
    """Keeps the text of every display and update, a list a cell."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.texts = {}

    def process_message(self, message, cell, index):
        if message["msg_type"] in ("display_data", "update_display_data"):
            self.texts.setdefault(cell.metadata["name"], []).append(message["content"]["data"])
        return super().process_message(message, cell, index)


def execute(folder):
    """Return the notebook of CELLS after a run in folder, and the texts that a student saw meanwhile."""
    cells = [
        nbformat.v4.new_code_cell(source.strip(), id=name.replace(" ", "-"), metadata={"name": name})
        for name, source in (FIRST | {"set up": SET_UP} | CELLS).items()
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    folder.mkdir()
    client = Recording(
        notebook, timeout=120, kernel_name="python3", coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )  # fmt: skip
    client.execute()
    return notebook, client.texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("progress") / "first"


@pytest.fixture(scope="module")
def executed(folder):
    return execute(folder)


def outputs(notebook, name):
    (cell,) = [cell for cell in notebook.cells if cell.metadata["name"] == name]
    return cell.outputs


def test_the_first_name_of_the_package_says_that_torch_is_loaded(executed):
    notebook, texts = executed
    shown = [text["text/plain"] for text in texts["first name"]]
    assert shown == ["", "loading PyTorch: some seconds, longer the first time", ""]
    assert "<progress></progress>" in texts["first name"][1]["text/html"]  # without a value the bar moves by itself
    (display,) = outputs(notebook, "first name")
    assert display.data == EMPTY
    assert "second name" not in texts


@pytest.mark.parametrize("name", LINES)
def test_a_cell_keeps_one_empty_display_and_its_lines(executed, name):
    notebook, texts = executed
    display, stream = outputs(notebook, name)
    assert display.data == EMPTY
    assert stream.text == LINES[name]
    assert texts[name][0] == texts[name][-1] == EMPTY  # nbval compares the first, a reader sees the last


def test_a_divergence_is_said_in_one_line(executed):
    display, stream = outputs(executed[0], "diverged")
    assert display.data == EMPTY
    assert stream.text.startswith("diverged in epoch 1, batch ")
    assert stream.text.count("\n") == 1


@pytest.mark.parametrize("name", ["captured", "quiet", "a function"])
def test_who_wants_to_see_nothing_sees_nothing(executed, name):
    notebook, texts = executed
    assert outputs(notebook, name) == []
    assert name not in texts


def test_the_display_says_epoch_accuracy_and_time_left(executed):
    texts = executed[1]["thirty epochs"]
    plain = [text["text/plain"] for text in texts if text != EMPTY]
    pattern = r"epoch (\d+) of 30: validation accuracy [01]\.\d{3}, about [\dhmins ]+ left in this training"
    epochs = [int(match[1]) for match in (re.fullmatch(pattern, text) for text in plain) if match]
    assert sorted(set(epochs)) == list(range(1, 31))
    assert epochs == sorted(epochs)
    shares = [
        int(re.search(r'<progress value="(\d+)" max="30"></progress>', text["text/html"])[1]) for text in texts[1:-1]
    ]
    assert sorted(set(shares)) == list(range(31))  # at once, then after each batch; 64 images: one an epoch
    assert shares == sorted(shares)


def test_the_second_training_of_a_cell_says_so(executed):
    plain = [text["text/plain"] for text in executed[1]["three trainings"]]
    said = list(dict.fromkeys(text.partition(": ")[0] for text in plain if "epoch 2 of 2" in text))
    assert said == ["epoch 2 of 2", "training 2 in this cell, epoch 2 of 2", "training 3 in this cell, epoch 2 of 2"]
    assert all(text.endswith(" left in this training") for text in plain if " left" in text)
    assert any(" left" in text for text in plain)


def test_the_display_of_a_sweep_counts_runs(executed):
    texts = executed[1]
    plain = [re.sub(r", about [\dhmins ]+ left$", "", text["text/plain"]) for text in texts["sweep"]]
    assert list(dict.fromkeys(plain)) == [
        "", "0 of 3 runs done, 1 running", "1 of 3 runs done, 1 running", "2 of 3 runs done, 1 running",
        "3 of 3 runs done, 0 running",
    ]  # fmt: skip
    assert all(text == EMPTY for text in texts["the sweep again"])


def test_two_executions_keep_the_same_and_the_page_has_one_line(executed, tmp_path):
    again, _ = execute(tmp_path / "again")
    assert [cell.outputs for cell in again.cells] == [cell.outputs for cell in executed[0].cells]
    page, _ = HTMLExporter().from_notebook_node(again)
    assert page.count("trained 30 epochs") == 1
    assert " left<" not in page
    assert " left in this training<" not in page
    assert "epoch 1 of 30" not in page


def test_strict_nbval_agrees_also_where_the_store_has_all_runs(executed, folder):
    nbformat.write(executed[0], folder / "progress.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env"]
    answer = subprocess.run([*command, "progress.ipynb"], cwd=folder, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
    assert f"{len(FIRST) + 1 + len(CELLS)} passed" in answer.stdout
