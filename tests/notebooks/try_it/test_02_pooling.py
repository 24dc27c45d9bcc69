"""Each *Try it* of 02_pooling, done as a student would."""

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


def test_after_both_blocks_a_shift_by_one_pixel_changes_about_as_much_as_after_one():
    cells = ["small", "small-guess", "train", "maps", "shift"]
    names = run_cells(NAME, only=cells).names
    model, change, layers = names["model"], names["change"], names["layers"]
    layers["after both blocks"] = lambda maps: model.pool2(model.relu2(model.conv2(model.pool1(maps))))
    changes = {name: [round(change(layer, pixels), 2) for pixels in range(5)] for name, layer in layers.items()}
    assert changes["after both blocks"][1] < changes["no pooling"][1]
