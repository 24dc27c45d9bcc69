"""Do each *Try it* of notebook 06 as a student would; all of it is read from the bank."""

import contextlib
import io
import re
import textwrap

import nbformat
import pytest
from notebook_code import run_cells
from places import NOTEBOOKS

NOTEBOOK = "06_mnist_experiment"


@pytest.fixture(scope="module")
def names():
    """The variables that the items need."""
    return run_cells(
        NOTEBOOK,
        only=["experiment", "fields", "train", "curves", "in-numbers", "stop-guess", "guess", "kernel", "stop"],
    ).names


def printed(code, names):
    """Return what the code prints, run after the notebook's cells."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(code, names)
    return output.getvalue()


def blocks():
    """Return the code that the items give to be run."""
    (cell,) = [cell for cell in nbformat.read(NOTEBOOKS / f"{NOTEBOOK}.ipynb", as_version=4).cells if cell.id == "try"]
    inline = re.findall(r"`((?:plot_curves|in_numbers)\(.+?\))`", cell.source)
    fenced = re.findall(r"```python\n(.*?)^ *```", cell.source, re.DOTALL | re.MULTILINE)
    return [*inline, *map(textwrap.dedent, fenced)]


def test_average_pooling_learns_its_training_images_more_slowly(names):
    picture, verdict, *_ = blocks()
    ax = eval(picture, names)
    first, second = ax.get_legend_handles_labels()[1]
    assert (first, second) == ("pooling max", "pooling avg")
    maximum, average = (line.get_ydata() for line in ax.lines)
    assert maximum[4] < average[4]
    assert max(maximum[49], average[49], maximum[99], average[99]) < 0.001  # almost zero
    difference = re.fullmatch(r"train_loss, pooling avg: (\S+) \(.+\), worse\n", printed(verdict, names))[1]
    assert float(difference) == pytest.approx(0.038, abs=0.0005)


def test_more_patience_costs_less_and_never_nothing(names):
    lines = re.findall(r"patience (\d+): (\S+) \(.+\), (.+)", printed(blocks()[2], names))
    assert [verdict for *_, verdict in lines] == ["worse"] * 4
    costs = {int(patience): -float(difference) for patience, difference, _ in lines}
    assert costs == {0: pytest.approx(0.0137, abs=5e-5), 2: pytest.approx(0.0073, abs=5e-5),
                     10: pytest.approx(0.0058, abs=5e-5), 30: pytest.approx(0.0052, abs=5e-5)}  # fmt: skip


def test_the_width_of_an_interval_of_three_seeds_is_a_matter_of_luck(names):
    lines = printed(blocks()[3], names).splitlines()
    assert len(lines) == 10
    assert all(line.endswith("cannot tell") for line in lines)
    widths = {line[:9]: re.search(r"(\S+) wide", line)[1] for line in lines}
    assert (widths["(0, 1, 2)"], widths["(1, 3, 4)"], widths["(1, 2, 3)"]) == ("0.0085", "0.0232", "0.0055")
    assert (max(widths.values()), min(widths.values())) == ("0.0232", "0.0055")
    level = names["by_kernel"].levels[1]
    assert f"{level.high - level.low:.4f}" == "0.0084"  # with five seeds
