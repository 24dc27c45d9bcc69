"""Cells that show each panel."""

from cnnlab import widgets

MAKE = "import cnnlab\ncnnlab.{}()"
QUESTION = """
import os, tempfile
os.environ["CNNLAB_COURSE"] = tempfile.mkdtemp()  # nobody has answered
import cnnlab
runs = cnnlab.load_runs(cnnlab.bank("pooling")).filter(dataset="mnist", learning_rate=0.001)
cnnlab.PredictThenRun("Which?", cnnlab.compare(runs, by="pooling"))
"""
TRAINED = """
panel = cnnlab.TrainingPanel()  # with a table of runs
for kind in ("max", "avg"):
    panel._take(runs.filter(pooling=kind, seed=0)[0])
panel
"""
SPECIAL = {"PredictThenRun": QUESTION, "TrainingPanel": TRAINED}
CELLS = [SPECIAL.get(name, MAKE.format(name)) for name in widgets.__all__]
