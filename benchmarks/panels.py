"""Measure how fast the live panels answer in a real JupyterLab in a real Chromium; print a table in Markdown.

What is measured, and how:

- **key press to new pixels**: inside the page, from a listener that hears `keydown` before anything else does, to the
  start of the first animation frame after the browser has put new pixels on the canvas (`putImageData` or `drawImage`):
  the frame that brings them to the screen. Up to 17 ms of it are the screen's; "pixels after" is the time without
  them. "The kernel works" is the processor time of the panel's `_draw`, which a busy machine hardly changes. Where
  several pictures must change, the last one counts. A press that changes no picture is in a note, and in no median.
- **a bare canvas**: one slider, one number sent, one canvas. What JupyterLab, the browser and this machine take in any
  case; what a panel takes beyond it is the panel's.
- **interact**: from `keydown` to the frame after the new `<img>` is decoded. The same keys, and plots by the same
  functions.
- **a fast drag**: real pointer moves, as fast as the page takes them, the button held down. From the last move to the
  last new picture, and how many pictures came after the move. Then the kernel draws again, and nothing may change.
- **steady**: 40 more presses, looked at in every animation frame: the heights that the output area had, and the frames
  in which a picture was of one colour or not there.
- **appears**: from running the cell to the last change of its output (drawn, laid out, nothing grows).
- **Stop**: from the click to the end of the training thread; the batch is the median of an undisturbed run.
- **while training**: another cell, and another panel, while TrainingPanel trains 2,000 digits.
- **left over**: counted in a kernel before and after panels were made and closed, and after restarts with a panel open.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import psutil
from jupyter_client.manager import run_kernel
from panels_page import Notebook, open_lab

from cnnlab import widgets

CANVAS, PLOT, MANY = (25, 80), (45, 80), (120, 200)  # milliseconds: median and p95
PLOT_CANVAS = "canvas.cnnlab-plot"
DRAG_STEPS = 50


@dataclasses.dataclass(frozen=True)
class Case:
    """A picture that must change when a key is pressed.

    `control` is the label of a slider, or "drawing" for the sheet to draw on.
    """

    name: str
    code: str
    control: str
    keys: Callable[[int], list[str]]
    pictures: str = ""  # a CSS selector; without one, the images that `interact` shows
    limits: tuple[int, int] | None = None
    before: tuple[tuple[str, str], ...] = ()  # sliders and keys, pressed beforehand
    rival: str = ""
    truth: tuple[str, str] | None = None  # Python and JavaScript that return the control's value
    presses_only: bool = False


def there_and_back(width: int) -> Callable[[int], list[str]]:
    """Return a function for `keys`: `width` steps to the right, as many back to the left, and so on."""
    return lambda count: [("ArrowRight", "ArrowLeft")[place // width % 2] for place in range(count)]


def lines(count: int) -> list[str]:
    """Return keys that draw line below line."""
    path = ["ArrowRight"] * 12 + ["ArrowDown"] * 3 + ["ArrowLeft"] * 12 + ["ArrowDown"] * 3 + ["ArrowRight"] * 10
    return (path * count)[:count]


def left(count: int) -> list[str]:
    return ["ArrowLeft"] * count


PANEL = "import cnnlab\npanel = cnnlab.{}()\npanel"
SLIDER_SAYS = "parseFloat(document.querySelector('.jp-CodeCell').querySelectorAll('.noUi-handle')[{}].ariaValueNow)"
SHEET_SAYS = """(() => {
  const sheet = document.querySelector('.cnnlab-sheet canvas');
  const { data } = sheet.getContext('2d').getImageData(0, 0, 112, 112);
  return data.filter((_, at) => at % 4 === 0).reduce((sum, value) => sum + value);
})()"""
RUN_PICTURES = f'{PLOT_CANVAS}, [aria-label^="maps of"] canvas, [aria-label^="Saliency"] canvas'
INTERACT_CONVOLUTION = """
import ipywidgets, matplotlib.pyplot as plt, torch
from cnnlab import apply_kernel, make_kernel, plot_images
from cnnlab.widgets.examples import mnist_digits
digits, kernel = mnist_digits(), make_kernel("vertical edges")
@ipywidgets.interact(image=(0, 9))
def show(image=0):
    output = apply_kernel(digits[image], kernel)
    both = torch.stack([digits[image], (output / output.abs().max() + 1) / 2])
    plot_images(both[:, None], titles=["input", "output"])
    plt.show()
"""
INTERACT_STOPPING = """
import ipywidgets, matplotlib.pyplot as plt
from cnnlab import StoppingExplorer, plot_stopping
explorer = StoppingExplorer()
history = next(iter(explorer.recordings.values()))
explorer.close()
@ipywidgets.interact(epochs=(1, len(history)))
def show(epochs=len(history)):
    plot_stopping(history, epochs=epochs)
    plt.show()
"""
INTERACT_KERNEL = """
import ipywidgets, matplotlib.pyplot as plt
from cnnlab import bank, compare, kernel_experiments, load_runs, plot_comparison
from cnnlab.experiments.presets import KERNEL_DIGITS
stored = {run.experiment.key: run for run in load_runs(bank("kernel_size"))}
@ipywidgets.interact(seeds=(2, 10))
def show(seeds=5):
    experiments = kernel_experiments(KERNEL_DIGITS, seeds=range(seeds))
    plot_comparison(compare([stored[experiment.key] for experiment in experiments], by="kernel_size"))
    plt.show()
"""
BARE = (
    """
import anywidget, ipywidgets, traitlets
class Bare(anywidget.AnyWidget):
    number = traitlets.Int(0).tag(sync=True)
    _esm = """
    + repr("""
        export default { render({ model, el }) {
          const pixels = el.appendChild(document.createElement("canvas")).getContext("2d");
          const draw = () => pixels.putImageData(new ImageData(28, 28), model.get("number"), 0);
          model.on("change:number", draw);
          draw();
        } };""")
    + """
slider, picture = ipywidgets.IntSlider(0, 0, 9, description="image"), Bare()
slider.observe(lambda change: picture.set_trait("number", change.new), "value")
ipywidgets.VBox([slider, picture])
"""
)
CONVOLUTION = Case(
    "ConvolutionExplorer", PANEL.format("ConvolutionExplorer"), "image", there_and_back(9),
    '[aria-label^="output"] canvas', CANVAS, (("image", "Home"),),
    rival="`interact`, a convolution",
)  # fmt: skip
CASES = [
    Case(
        "`interact`, a convolution", INTERACT_CONVOLUTION, "image", there_and_back(9),
        before=(("image", "Home"),), presses_only=True,
    ),
    Case("`interact`, the stopping plot", INTERACT_STOPPING, "epochs", left, before=(("epochs", "End"),)),
    Case(
        "`interact`, the comparison", INTERACT_KERNEL, "seeds", there_and_back(8),
        before=(("seeds", "Home"),), presses_only=True,
    ),
    Case(
        "a slider and a bare canvas", BARE, "image", there_and_back(9), "canvas",
        before=(("image", "Home"),), presses_only=True,
    ),
    CONVOLUTION,
    Case(
        "PoolingExplorer", PANEL.format("PoolingExplorer"), "image", there_and_back(9),
        '[aria-label^="pooled map"] canvas', CANVAS, (("image", "Home"),),
        rival="`interact`, a convolution",
    ),
    Case(
        "DrawDigit, what the networks see", PANEL.format("DrawDigit"), "drawing", lines,
        '[aria-label^="what the networks see"] canvas', CANVAS,
        truth=("sum(bytes(panel.canvas.ink))", SHEET_SAYS),
    ),
    Case("DrawDigit, the bars", PANEL.format("DrawDigit"), "drawing", lines, PLOT_CANVAS, PLOT, presses_only=True),
    Case(
        "OptimizerExplorer, both plots", PANEL.format("OptimizerExplorer"), "start x", lambda n: ["ArrowRight"] * n,
        PLOT_CANVAS, PLOT, (("start x", "Home"),),
    ),
    Case(
        "StoppingExplorer", PANEL.format("StoppingExplorer"), "epochs", left, PLOT_CANVAS, PLOT,
        (("show up to epoch", "End"), ("patience", "Home"), ("epochs", "End")),
        rival="`interact`, the stopping plot", truth=("panel.epochs.index", SLIDER_SAYS.format(0)),
    ),
    Case(
        "KernelExperiment", PANEL.format("KernelExperiment"), "seeds", there_and_back(8), PLOT_CANVAS, PLOT,
        (("seeds", "Home"),), rival="`interact`, the comparison", truth=("panel.seeds.value", SLIDER_SAYS.format(0)),
    ),
    Case(
        "RunExplorer, all six pictures", PANEL.format("RunExplorer"), "after epoch", there_and_back(11), RUN_PICTURES,
        MANY, (("after epoch", "Home"),), truth=("panel.epoch.index", SLIDER_SAYS.format(0)),
    ),
    Case(
        "Clinic, the curves", PANEL.format("Clinic"), "after epoch", there_and_back(11), PLOT_CANVAS, MANY,
        (("after epoch", "Home"),), truth=("panel.epoch.value", SLIDER_SAYS.format(0)),
    ),
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table; `ok` is None where there is no target."""

    what: str
    figure: str
    target: str = "–"
    ok: bool | None = None

    def __str__(self) -> str:
        verdict = "–" if self.ok is None else "ok" if self.ok else "**missed**"
        return f"| {self.what} | {self.figure} | {self.target} | {verdict} |"


# --- Panels in the page


def measure_case(notebook: Notebook, case: Case, presses: int, medians: dict[str, float]) -> Iterator[Row]:
    """Show the panel, press keys, press more while every frame is checked, and drag."""
    notebook.do("if 'panel' in globals(): panel.close()")
    notebook.show(case.code)
    pictures = notebook.cell().locator(case.pictures).all() if case.pictures else [notebook.output()]
    notebook.watch(pictures)
    make_ready(notebook, case)
    if case.limits:
        notebook.do(CLOCK)
    count = presses if case.limits else -(-presses // 2)
    yield press_row(notebook, case, notebook.press(case.keys(count)), medians)
    if case.presses_only:
        return

    make_ready(notebook, case)
    first, *others = case.keys(presses + 1)
    notebook.press([first])
    seen = notebook.sample(others)
    heights = " and ".join(str(height) for height in seen["heights"])
    steady = len(seen["heights"]) == 1 and not seen["blank"]
    yield Row(
        f"steady: {case.name}",
        f"{heights} px high, {seen['blank']} of {seen['frames']} frames blank",
        "one height, 0 blank" if case.limits else "–",
        steady if case.limits else None,
    )
    if case.truth or not case.limits:
        make_ready(notebook, case)
        yield drag_row(notebook, case, pictures)


def make_ready(notebook: Notebook, case: Case) -> None:
    """Bring the control to where the keys start, with the focus on it."""
    keyboard = notebook.page.keyboard
    for name, key in case.before:
        notebook.slider(name).focus()
        keyboard.press(key)
    if case.control == "drawing":
        sheet = notebook.cell().locator(".cnnlab-sheet")
        sheet.evaluate("sheet => sheet.blur()")  # the pen is up
        sheet.focus()
        for key in ["Delete", *["ArrowUp", "ArrowLeft"] * 30, *["ArrowDown", "ArrowRight"] * 7, "Space"]:
            keyboard.press(key)
    else:
        notebook.slider(case.control).focus()
    notebook.page.wait_for_timeout(600)


CLOCK = """
import time
spent, plain_draw = [], panel._draw
def clocked():
    begun = time.thread_time()
    plain_draw()
    spent.append(1000 * (time.thread_time() - begun))
panel._draw = clocked
"""


def press_row(notebook: Notebook, case: Case, answers: list, medians: dict[str, float]) -> Row:
    """Return the row of a case's key presses.

    Parameters
    ----------
    answers : list
        For each press (milliseconds until the pixels, milliseconds until the frame), or None where nothing changed.
    medians : dict
        The median of each case so far, in milliseconds; that of this case is added.
    """
    what = f"key press: {case.name}"
    changed = [answer for answer in answers if answer is not None]
    if not changed:
        return Row(what, f"no new picture in {len(answers)} presses", ok=False if case.limits else None)
    put, shown = zip(*changed, strict=True)
    median, late = statistics.median(shown), float(np.percentile(shown, 95))
    medians[case.name] = median
    figure = f"{median:.0f} / {late:.0f} ms; pixels after {statistics.median(put):.0f}"
    if case.limits:
        figure += f", the kernel works {statistics.median(notebook.ask('spent')):.0f}"
    if case.rival in medians:
        figure += f"; `interact` {medians[case.rival] / median:.1f} times as long"
    if len(changed) < len(answers):
        figure += f"; {len(answers) - len(changed)} of {len(answers)} presses changed nothing"
    if case.limits is None:
        return Row(what, figure)
    return Row(what, figure, "{} / {} ms".format(*case.limits), median <= case.limits[0] and late <= case.limits[1])


def drag_row(notebook: Notebook, case: Case, pictures: list) -> Row:
    if case.control == "drawing":
        box = notebook.cell().locator(".cnnlab-sheet").bounding_box()
        shares = (0.3, 0.2), (0.7, 0.9)
        start, end = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in shares]
    else:
        handle = notebook.slider(case.control)
        box, track = handle.bounding_box(), handle.locator("xpath=ancestor::*[contains(@class,'noUi-target')]")
        middle = box["x"] + box["width"] / 2
        track = track.bounding_box()
        height = box["y"] + box["height"] / 2
        far = track["x"] + track["width"] * (0.05 if middle > track["x"] + track["width"] / 2 else 0.95)
        start, end = (middle, height), (far, height)
    after = notebook.drag(start, end, DRAG_STEPS)
    figure = (
        f"{after['milliseconds']:.0f} ms after the last of {DRAG_STEPS} moves, {after['after']} pictures in it, "
        f"{after['pictures']} in all"
    )
    ok = after["milliseconds"] <= 150 and after["after"] <= 2
    if case.truth:
        expression, said = case.truth
        read = "canvas => canvas.toDataURL()"
        before = [picture.evaluate(read) for picture in pictures]
        notebook.do("panel._guarded(panel._draw)")
        notebook.page.wait_for_timeout(200)
        true = notebook.ask(expression) == notebook.page.evaluate(said)
        true = true and before == [picture.evaluate(read) for picture in pictures]
        figure += "" if true else "; NOT the final value"
        ok = ok and true
    return Row(f"drag: {case.name}", figure, "150 ms, 2 pictures" if case.limits else "–", ok if case.limits else None)


def appearing(notebook: Notebook) -> Iterator[Row]:
    """Show each panel for the first time in this kernel, and once more."""
    taken = notebook.show(PANEL.format("ConvolutionExplorer"))
    yield Row("appears: ConvolutionExplorer, first cell of a fresh kernel, with `import cnnlab`", f"{taken:.0f} ms")
    for name in widgets.__all__:
        times = []
        for _ in range(2):
            notebook.do("panel.close()")
            notebook.show("1")
            times.append(notebook.show(QUESTION if name == "PredictThenRun" else PANEL.format(name)))
        figure = f"{times[0]:.0f} ms, once more {times[1]:.0f} ms"
        yield Row(f"appears: {name}", figure, "500 ms", times[0] <= 500)


QUESTION = """
import os, tempfile
os.environ["CNNLAB_COURSE"] = tempfile.mkdtemp()  # nobody has answered
import cnnlab
runs = cnnlab.load_runs(cnnlab.bank("pooling")).filter(dataset="mnist", learning_rate=0.001)
panel = cnnlab.PredictThenRun("Which?", cnnlab.compare(runs, by="pooling"))
panel
"""
TRAINING = """
import cnnlab
panel = cnnlab.TrainingPanel(cnnlab.Experiment(train_size=2000, validation_size=1000, epochs=350))
panel
"""
OTHER = "other = cnnlab.ConvolutionExplorer()\nother"


def training(notebook: Notebook, presses: int) -> Iterator[Row]:
    """Use another cell and another panel while a panel trains; then stop it, and start and stop it twice more."""
    notebook.do("if 'panel' in globals(): panel.close()")
    notebook.page.set_viewport_size({"width": 1280, "height": 2900})
    notebook.show(TRAINING)
    notebook.show(OTHER, 1)
    news = notebook.cell().locator(".cnnlab-status").nth(1)
    notebook.click("Start", news, "Training run 1 of 1")
    notebook.page.wait_for_timeout(500)
    cells = [notebook.answer(f"1 + 1, {place}", rf"\(2, {place}\)", 2) for place in range(max(3, presses // 4))]
    notebook.watch([notebook.cell(1).locator(CONVOLUTION.pictures)])
    notebook.slider("image", 1).focus()
    keys = [answer[1] for answer in notebook.press(CONVOLUTION.keys(presses)) if answer is not None]
    still = notebook.ask("panel.start.disabled")
    cells = [np.inf if milliseconds is None else milliseconds for milliseconds in cells]
    figure = f"{statistics.median(cells):.0f} ms, at most {max(cells):.0f} ms"
    yield Row("while training: the cell `1 + 1`", figure, "300 ms", max(cells) <= 300 and still)
    figure = f"{statistics.median(keys):.0f} ms, at most {max(keys):.0f} ms"
    if len(keys) < presses:
        figure += f"; {presses - len(keys)} of {presses} presses changed nothing"
    ok = max(keys) <= 300 and len(keys) == presses and still
    yield Row("while training: a key press in ConvolutionExplorer", figure, "300 ms", ok)
    stopped = [notebook.click("Stop", news, "stopped in epoch")]
    for _ in range(2):
        notebook.click("Start", news, "Training run 1 of 1")
        notebook.page.wait_for_timeout(700)
        stopped.append(notebook.click("Stop", news, "stopped in epoch"))
    figure = ", ".join("never" if milliseconds is None else f"{milliseconds:.0f}" for milliseconds in stopped)
    yield Row("Stop: by the button in the page", f"{figure} ms until the page says so")
    notebook.do("other.close()")
    notebook.page.set_viewport_size({"width": 1280, "height": 900})


def restarts(notebook: Notebook, count: int) -> Iterator[Row]:
    """Restart the kernel while a panel is open, a training one among them, and count the processes that stay."""
    faults = []
    for place in range(count):
        name = OPEN_AT_RESTART[place % len(OPEN_AT_RESTART)]
        taken = notebook.show(PANEL.format(name))
        if place < len(OPEN_AT_RESTART):
            yield Row(f"appears: {name}, first cell of a fresh kernel, with `import cnnlab`", f"{taken:.0f} ms")
        if name == "TrainingPanel":
            notebook.do("panel.start.click()")
        old = notebook.ask("__import__('os').getpid()")
        notebook.restart()
        new = notebook.ask("__import__('os').getpid()")
        kernels = [child.pid for child in psutil.Process().children(recursive=True) if is_kernel(child)]
        if kernels != [new] or psutil.pid_exists(old) or psutil.Process(new).children():
            faults.append(name)
    figure = f"{count - len(faults)} of {count} left nothing" + (f"; not {', '.join(faults)}" if faults else "")
    yield Row("left over: processes after a restart", figure, f"{count} of {count}", not faults)


OPEN_AT_RESTART = ("TrainingPanel", "KernelExperiment", "RunExplorer", "DrawDigit")


def is_kernel(process: psutil.Process) -> bool:
    try:
        return any("ipykernel" in word for word in process.cmdline())
    except psutil.Error:  # it has just ended
        return False


# --- Panels in a kernel without a page


def in_kernel(call: str) -> object:
    """Run a function of panels_kernel.py in a fresh kernel, and return what it returns."""
    printed = []
    with run_kernel(stderr=subprocess.DEVNULL, cwd=os.path.dirname(os.path.abspath(__file__))) as client:
        client.execute_interactive(
            f"import panels_kernel\nprint(panels_kernel.{call})",
            timeout=7200,
            output_hook=lambda message: printed.append(message["content"]),
        )
    errors = [content for content in printed if "evalue" in content]
    if errors:
        raise RuntimeError(f"{errors[0]['ename']}: {errors[0]['evalue']}")
    return ast.literal_eval("".join(content["text"] for content in printed if content.get("name") == "stdout"))


def stops(count: int) -> Iterator[Row]:
    result = in_kernel(f"stops({count})")
    taken, limit = result["taken"], result["batch"] + 0.2
    good = sum(seconds <= limit for seconds in taken)
    figure = (
        f"{good} of {count}; {1000 * statistics.median(taken):.0f} ms, at most {1000 * max(taken):.0f} ms; "
        f"a batch {1000 * result['batch']:.0f} ms"
    )
    yield Row("Stop: within a batch + 200 ms", figure, f"{count} of {count}", good == count)


def closes(count: int) -> Iterator[Row]:
    for name, more in in_kernel(f"closes({count})").items():
        grown, counted = more.pop("MB"), more.pop("counted")
        more = {what: number for what, number in more.items() if number > 0}  # a thread of an earlier panel may end now
        left = ", ".join(f"{number:+} {what}" for what, number in more.items()) or "nothing"
        figure = f"{left}; memory {grown:+.1f} MB over {counted}"
        yield Row(f"left over: {name}, closed {count} times", figure, "nothing", not more)


def pictures() -> Iterator[Row]:
    (ours, kilobytes), (pillow, more) = in_kernel("pictures(50)").values()
    figure = f"{ours:.1f} ms, {kilobytes:.0f} kB; as Pillow's PNG {pillow / ours:.0f} times as long, {more:.0f} kB"
    yield Row("a plot of 400×360 pixels as runs of colours", figure)


# --- The command


def rows(chosen: argparse.Namespace) -> Iterator[Row]:
    presses = 5 if chosen.quick else 40
    stop_count = chosen.stops or (3 if chosen.quick else 50)
    restart_count = chosen.restarts or (1 if chosen.quick else len(OPEN_AT_RESTART))
    close_count = chosen.restarts or (3 if chosen.quick else 10)

    def wanted(name: str) -> bool:
        return not chosen.only or chosen.only.lower() in name.lower()

    cases = [case for case in CASES if wanted(case.name)]
    rivals = {case.rival for case in cases}
    cases = [case for case in CASES if case in cases or case.name in rivals]
    medians: dict[str, float] = {}
    if cases or wanted("appears") or wanted("training") or wanted("restarts"):
        with open_lab() as notebook:
            if wanted("appears"):
                yield from appearing(notebook)
            for case in cases:
                yield from measure_case(notebook, case, presses, medians)
            if wanted("training"):
                yield from training(notebook, max(5, presses // 2))
            if wanted("restarts"):
                notebook.restart()
                yield from restarts(notebook, restart_count)
    if wanted("pictures"):
        yield from pictures()
    if wanted("stops"):
        yield from stops(stop_count)
    if wanted("closes"):
        yield from closes(close_count)


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the live panels answer, in a real browser.")
    parser.add_argument("--quick", action="store_true", help="5 presses each: does it all work?")
    parser.add_argument(
        "--only", metavar="NAME", help="one panel, or appears, training, restarts, pictures, stops, closes"
    )
    parser.add_argument("--stops", type=int, metavar="N", help="how often a training is stopped (50)")
    parser.add_argument(
        "--restarts", type=int, metavar="N", help="restarts of the kernel (4), closings of each panel (10)"
    )
    chosen = parser.parse_args()
    begun, load = time.monotonic(), os.getloadavg()[0]
    finished = []
    for row in rows(chosen):
        finished.append(row)
        print(row, file=sys.stderr, flush=True)
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors; median / p95; load average {load:.1f} "
        f"at the start, {os.getloadavg()[0]:.1f} at the end (the browser and JupyterLab are in it); "
        f"{time.monotonic() - begun:.0f} s\n"
    )
    print("| what | measured | target | |\n| --- | --- | --- | --- |")
    print(*finished, sep="\n")


if __name__ == "__main__":
    main()
