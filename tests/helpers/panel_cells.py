"""Cells that show each panel, also the clinic's."""

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
PANELS = [*widgets.__all__, "Clinic"]
SPECIAL = {"PredictThenRun": QUESTION, "TrainingPanel": TRAINED}
CELLS = {name: SPECIAL.get(name, MAKE.format(name)) for name in PANELS}


def make_panel(name, more=""):
    """Return a new panel of this name, after these further lines of Python on `panel`."""
    names = {}
    if name == "TrainingPanel":  # its cell wants the runs of another
        exec(QUESTION, names)
    code = CELLS[name].replace("\ncnnlab.", "\npanel = cnnlab.")
    exec(f"import cnnlab\n{code}\n{more}", names)
    return names["panel"]
