"""What every panel shares: a lock, a status line, one guarded way to draw again, and an end that leaves nothing."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator

import ipywidgets

from cnnlab.experiments.run import one_thread
from cnnlab.widgets.web.status_line import StatusLine, errors_shown_in

# What is loaded by now, torch most of all, stays. Python's collector would search all of it again and again, and for a
# quarter of a second no panel, no cell and no training could go on.
gc.collect()
gc.freeze()


TWO_COLUMNS = "repeat(auto-fit, minmax(max(min(300px, 100%), calc((100% - 28px) / 2)), 1fr))"  # one, on a narrow page


class Panel(ipywidgets.VBox):
    """A live panel: its subclass makes controls and pictures, watches the controls, and draws in `_draw`.

    Jupyter may call back in another thread while a cell runs, so that a lock stands round everything that is drawn.
    status: the line of words below the pictures; an error stands there in red until the next good words.
    """

    def __init__(self) -> None:
        super().__init__(_dom_classes=["cnnlab-panel"])
        self._lock = threading.RLock()
        self._updating = False
        self.status = StatusLine()

    def _draw(self) -> None:
        """Compute everything, then show it: an error leaves one whole picture, the last good one."""
        raise NotImplementedError

    def _watch(
        self, *controls: ipywidgets.Widget, trait: str = "value", then: Callable[[], None] | None = None
    ) -> None:
        """Draw again (or do something else) whenever one of the controls changes."""
        for control in controls:
            control.observe(lambda _change: self._guarded(then or self._draw), trait)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do the work under the lock, its errors in the status line; what it sets itself does not come back here."""
        with self._lock:
            if self._updating:
                return
            self._updating = True
            try:
                # One thread: for one image it is the fastest, and nothing waits for a core that a training has.
                with errors_shown_in(self.status), one_thread():
                    work()
            finally:
                self._updating = False

    def close(self) -> None:
        """Close the panel and every part of it: nothing stays in the kernel or in the page."""
        own = [value for value in vars(self).values() if isinstance(value, ipywidgets.Widget)]  # shown or not
        for part in [part for widget in (self, *own) for part in _parts(widget) if part is not self]:
            part.close()
        super().close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: a live panel; run this cell to use it>"


def picture_row(children: list[ipywidgets.Widget], columns: str) -> ipywidgets.GridBox:
    """Return the widgets side by side; columns as in CSS's grid-template-columns."""
    layout = ipywidgets.Layout(grid_template_columns=columns, grid_gap="8px 28px", padding="6px 2px 10px")
    layout.max_width = "820px"
    layout.overflow = "visible"  # a mark, and a number that is being typed, may reach a little beyond the row
    return ipywidgets.GridBox(children, layout=layout)


def control_row(*controls: ipywidgets.Widget, compact: bool = False) -> ipywidgets.GridBox:
    """Return the controls side by side, three in a row; where the page is narrow, they wrap.

    compact: for a form of many controls. A wide page holds more than three in a row, and the rows lie close together.

    >>> control_row(panel.kernel_size, panel.preset)
    """
    for control in controls:
        control.layout.width = "auto"
        control.style.description_width = "initial"  # a long name is never cut
    if compact:
        row = picture_row(list(controls), "repeat(auto-fit, minmax(240px, 1fr))")
        row.layout.align_items = "center"
        row.layout.grid_gap, row.layout.padding, row.layout.max_width = "0 20px", "0 2px", "1200px"
        return row
    return picture_row(list(controls), "repeat(auto-fit, minmax(max(210px, calc((100% - 56px) / 3)), 1fr))")


def in_columns(controls: list[ipywidgets.Widget], columns: str) -> ipywidgets.GridBox:
    """Return the controls in columns of one's own, as in CSS's grid-template-columns.

    >>> in_columns([panel.first, panel.second], TWO_COLUMNS)
    """
    row = control_row(*controls)
    row.layout.grid_template_columns = columns
    return row


def flowing_row(*children: ipywidgets.Widget) -> ipywidgets.HBox:
    """Return the widgets side by side, each as wide as it needs; where the page is narrow, they wrap."""
    layout = ipywidgets.Layout(flex_flow="row wrap", grid_gap="8px 28px", padding="6px 2px 10px", max_width="820px")
    for child in children:
        child.layout.width, child.layout.max_width = "auto", "98%"
    return ipywidgets.HBox(children, layout=layout)


def offer(control: ipywidgets.Widget, options: list, *, otherwise: object) -> None:
    """Give the control these options, values or (label, value); what was chosen stays so where it is one of them."""
    values = [one[1] if isinstance(one, tuple) else one for one in options]
    chosen = control.value if control.value in values and len(control.options) > 1 else otherwise
    with control.hold_sync():  # in two messages, the page would answer the first one
        control.options = options
        control.value = chosen


def _parts(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    for child in getattr(widget, "children", ()):
        yield from _parts(child)
    yield widget
    for name in ("layout", "style"):
        if isinstance(getattr(widget, name, None), ipywidgets.Widget):
            yield getattr(widget, name)
