"""Arabic and Hebrew in the order and the forms in which they are drawn, by hand and as matplotlib 3.11 does it."""

import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cnnlab.plots.right_to_left import drawn_order

ALEF, BET, GIMEL = "\u05d0", "\u05d1", "\u05d2"
LAM, MEEM, ARABIC_ALEF, DAL, FATHA = "\u0644", "\u0645", "\u0627", "\u062f", "\u064e"


CASES = [
    ("cat 12", "cat 12"), ("", ""), (ALEF + BET + GIMEL, GIMEL + BET + ALEF),
    # The first letter with a direction decides where the line begins; numbers stay as they are.
    (f"{ALEF}{BET} 12", f"12 {BET}{ALEF}"), (f"cat {ALEF}{BET}", f"cat {BET}{ALEF}"),
    (f"{ALEF}{BET} cat", f"cat {BET}{ALEF}"), (f"cat {ALEF}{BET} 12", f"cat 12 {BET}{ALEF}"),
    (f"3.5 % {ALEF}", f"{ALEF} % 3.5"), (f"{ALEF} 50% {BET}", f"{BET} 50% {ALEF}"),
    (f"{ALEF} ({BET})", f"({BET}) {ALEF}"), (f"{ALEF}-{BET} dog-cat", f"dog-cat {BET}-{ALEF}"),
    # A mark stays on its letter. Letters of a word are joined; dal to the one before it only.
    (f"{ALEF}\u05b8{BET}", f"{BET}{ALEF}\u05b8"), (MEEM * 3, "\ufee2\ufee4\ufee3"), (MEEM, "\ufee1"),
    (DAL + MEEM, "\ufee1\ufea9"), (MEEM + DAL, "\ufeaa\ufee3"), (f"{MEEM}{FATHA}{MEEM}", f"\ufee2\ufee3{FATHA}"),
    (LAM + ARABIC_ALEF, "\ufefb"), (MEEM + LAM + ARABIC_ALEF, "\ufefc\ufee3"), (f"{MEEM} 12", "12 \ufee1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "drawn"), CASES)
def test_letters_from_the_right(text, drawn):
    assert drawn_order(text) == drawn


def pixels_of(text):
    figure = Figure(figsize=(4, 0.6))
    figure.text(0.05, 0.3, text, fontsize=20)
    FigureCanvasAgg(figure).draw()
    return bytes(figure.canvas.buffer_rgba())


@pytest.mark.skipif(mpl.__version_info__ < (3, 11), reason="before 3.11 matplotlib has no order of its own")
@pytest.mark.parametrize(("text", "drawn"), CASES)
def test_matplotlib_3_11_draws_the_same_pixels(text, drawn):
    assert pixels_of(text) == pixels_of(f"\u202d{drawn}\u202c")  # "draw what is between these from left to right"


OLD = """
import matplotlib
matplotlib.__version_info__ = (3, 10, 0, "final", 0)
import matplotlib.pyplot as plt
from cnnlab.plots.names import write_plainly
text = plt.figure().text(0, 0, "ab \\u05d0\\u05d1\\ncd \\u05d0\\u05d2")
write_plainly(text)
print(ascii(text.get_text()), ascii(text._get_wrapped_text()))
"""


def test_an_old_matplotlib_lays_out_each_line_in_the_drawn_order():
    answer = subprocess.run([sys.executable, "-c", OLD], capture_output=True, text=True, check=True).stdout
    assert answer.split("' '") == ["'ab \\u05d0\\u05d1\\ncd \\u05d0\\u05d2", "ab \\u05d1\\u05d0\\ncd \\u05d2\\u05d0'\n"]
