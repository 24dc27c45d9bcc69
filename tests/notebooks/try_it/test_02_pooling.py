"""Each *Try it* of 02_pooling, done as a student would."""

import matplotlib.pyplot as plt
import pytest
from notebook_code import run_cells

from cnnlab import build_cnn, compare, grid, layer_table, sweep

NAME = "02_pooling"
CELLS = ["small", "small-guess", "compare-guess", "compare"]


def test_without_pooling_the_network_is_larger_and_two_differences_have_wider_intervals():
    names = run_cells(NAME, {"compare": [("epochs=5", "epochs=1")]}, only=CELLS).names
    without = sweep(grid(names["base"], pooling=["none"], seed=range(5)))
    two, three = (compare(runs, by="pooling", reference="max") for runs in (names["digits"], names["digits"] + without))
    widths = [level.high - level.low for table in (two, three) for level in table.levels if level.level == "avg"]
    assert widths[1] > 1.2 * widths[0]
    rows = [
        {row.name: row for row in layer_table(build_cnn(pooling=kind, **names["small"]))} for kind in ("max", "none")
    ]
    assert [row["fc1"].parameters for row in rows] == [25_120, 401_440]
    work = [sum(row.multiply_adds for row in table.values()) for table in rows]
    assert 3 < work[1] / work[0] < 6


def test_after_both_blocks_a_shift_by_two_pixels_changes_about_as_much_as_one_pixel_after_one_pooling():
    cells = ["small", "small-guess", "train", "maps", "shift"]
    names = run_cells(NAME, only=cells).names
    model, change, layers = names["model"], names["change"], names["layers"]
    layers["after both blocks"] = lambda maps: model.pool2(model.relu2(model.conv2(model.pool1(maps))))
    changes = {name: [round(change(layer, pixels), 2) for pixels in range(5)] for name, layer in layers.items()}
    both = changes["after both blocks"]
    assert both[1] == pytest.approx(0.16, abs=0.05)
    assert both[2] == pytest.approx(changes["max"][1], abs=0.08)


def test_larger_marks_survive_average_pooling():
    cells = ["small", "small-guess", "compare-guess", "compare", "patterns-look"]
    marks = run_cells(NAME, {"compare": [("digits = sweep(", "digits = (")]}, only=cells, names={"plt": plt}).names[
        "marks"
    ]
    gaps = {}
    for scale in (2, 4):  # 3 is between them
        larger = sweep(grid(marks.replace(scale=scale), pooling=["max", "avg"], seed=range(2)))
        comparison = compare(larger, by="pooling")
        gaps[scale] = -comparison.levels[1].difference
    assert 0.01 < gaps[2] < 0.08
    assert gaps[4] < 0.005
    assert comparison.levels[0].mean > 0.99
