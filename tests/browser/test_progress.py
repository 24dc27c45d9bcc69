"""Test the progress of a training in JupyterLab: a line whose text changes in place, and at the end one sentence."""

import re

from playwright.sync_api import expect

SET_UP = """
import time
from pathlib import Path
import cnnlab.progress_line
import cnnlab.training.progress
from cnnlab import build_cnn, fit, load_data

cnnlab.progress_line.PAUSE = 1e-9  # draw after every batch
cnnlab.training.progress.SURE = cnnlab.training.progress.ENOUGH = 0  # with the time left
data = load_data("mnist", train=64, validation=64)

def wait(state):
    "Go on after this epoch when the test says so."
    while not Path({folder!r}, f"go{{state.epoch}}").exists():
        time.sleep(0.01)
"""
TRAIN = """
print("before")
histories = [fit(build_cnn(channels=(2,)), data, epochs=epochs, batch_size=32, on_epoch=wait) for epochs in (2, 3)]
"""
RUN_THE_LAST = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = notebook.widgets.length - 1;
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""


def test_the_text_changes_in_place_and_one_line_stays(shared_lab, tmp_path):
    gates = [tmp_path / f"go{epoch}" for epoch in (1, 2, 3)]
    for gate in gates:  # the first time, it runs through
        gate.touch()
    with shared_lab.running([SET_UP.format(folder=str(tmp_path)), TRAIN]) as page:
        for gate in gates:
            gate.unlink()
        page.evaluate(RUN_THE_LAST)
        outputs = page.locator(".jp-Cell").last.locator(".jp-OutputArea-child")
        line = page.locator(".jp-OutputArea label")
        words = r"epoch 1 of 2: validation accuracy [01]\.\d{3}, about [\dhmins ]+ left in this training"
        expect(line).to_have_text(re.compile(words))
        bar = line.get_by_role("progressbar")
        assert bar.evaluate("bar => [bar.value, bar.max, bar.labels.length]") == [2, 4, 1]
        assert outputs.count() == 2
        gates[0].touch()
        expect(line).to_have_text(re.compile("epoch 2 of 2: "))
        assert outputs.count() == 2
        gates[1].touch()
        expect(line).to_have_text(re.compile("epoch 3 of 3: "))
        gates[2].touch()
        expect(line).to_have_count(0)
        expect(outputs).to_have_text(["before", "", "trained 2 epochs\ntrained 3 epochs"])
        assert outputs.nth(1).bounding_box()["height"] == 0
        assert page.faults == []
