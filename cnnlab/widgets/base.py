"""Base class of the live panels, and the rows in which panels arrange their controls and pictures."""

from __future__ import annotations

import base64
import gc
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ipywidgets
from IPython.display import display, update_display
from ipywidgets.widgets.widget_description import DescriptionWidget
from matplotlib.figure import Figure

from cnnlab.experiments.one_thread import one_thread
from cnnlab.torch_state import usual_torch_state
from cnnlab.widgets.panel_picture import alt_text_of, draw_panel, plain_words, png_of
from cnnlab.widgets.web.status_line import StatusLine
from cnnlab.widgets.web.words import Words

VIEW = "application/vnd.jupyter.widget-view+json"
REST = 1.0  # seconds without a change until the picture in the notebook is renewed
# Values of CSS's grid-template-columns.
TWO_COLUMNS = "repeat(auto-fit, minmax(max(min(300px, 100%), calc((100% - 28px) / 2)), 1fr))"  # one on a narrow page


def freeze_loaded_objects() -> None:
    """Exclude all objects that this process has made so far from garbage collection, for as long as it runs.

    `cnnlab.widgets` calls this once, at the end of its import. The objects of torch and other modules are never
    garbage, but Python's collector would search all of them again and again; for a quarter of a second each time, no
    panel, no cell and no training could go on. Memory is still freed by reference counting; only a cycle of objects
    that already exists at this moment is never freed.
    """
    gc.collect()
    gc.freeze()


class Panel(ipywidgets.VBox):
    """Base class of the live panels.

    A subclass makes its controls and pictures, watches the controls with `_watch`, and draws in `_draw`. Jupyter may
    call back in another thread while a cell runs, so that a lock protects all drawing.

    Attributes
    ----------
    status : StatusLine
        The line of words below the pictures. An error stands there in red until the next words.
    glossary : Words
        The fold at the end, in which the glossary explains the words in `explained`.
    """

    explained: tuple[str, ...] = ()  # terms of the glossary that stand on the panel, and that may be new

    # Set here, too: Jupyter closes even a panel whose __init__ raised.
    _display_id: str | None = None  # of the picture in the notebook
    _resting: threading.Timer | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        """Make panels on one thread, and with torch's usual settings, whatever the notebook has set.

        One thread is fastest for a few images, and waits for no core that is busy with a page.
        """
        super().__init_subclass__(**options)
        cls.__init__ = usual_torch_state(one_thread()(cls.__init__))

    def __init__(self) -> None:
        super().__init__(_dom_classes=["cnnlab-panel"])
        self._lock = threading.RLock()
        self._updating = False
        self.status, self.glossary = StatusLine(), Words(self.explained)

    def _draw(self) -> None:
        """Draw everything anew. Compute first and show last, so that an error leaves the last good pictures whole."""
        raise NotImplementedError

    def _watch(
        self, *controls: ipywidgets.Widget, trait: str = "value", then: Callable[[], None] | None = None
    ) -> None:
        """Call `then`, or `_draw` if it is None, whenever this trait of one of the controls changes."""
        for control in controls:
            control.observe(lambda _change: self._guarded(then or self._draw), trait)

    def _guarded(self, work: Callable[[], None]) -> Exception | None:
        """Do the work under the lock, with torch's usual settings; show an exception in the status line and return it.

        It returns None if there was none. Jupyter would hide an exception in a callback. Controls that the work sets do
        not start it again.
        """
        with self._lock:
            if self._updating:
                return None
            self._updating = True
            try:
                with one_thread():  # fastest for a single image, and no wait for a core that a training uses
                    usual_torch_state(work)()
            except Exception as error:
                self.status.say_error(error)
                return error
            finally:
                self._updating = False
                self._renew_picture_at_rest()
        return None

    def picture(self) -> Figure:
        """Return the pictures, settings and words of the panel as they are now, in a figure of its own.

        >>> panel.picture().savefig("panel.png")
        """
        with self._lock:
            return draw_panel(self, self._in_plain_words())

    def _in_plain_words(self) -> str:
        """Return what the panel says, for its picture and the picture's alt text."""
        return plain_words(self.status.value)

    def _ipython_display_(self, **_options: object) -> None:
        """Show the panel, and leave its picture in the notebook, for GitHub, nbviewer and exports.

        The picture is an output of its own: a page draws an output anew when it is updated, which would take the focus
        from the panel. An empty model_id makes JupyterLab hide it.
        """
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        if "google.colab" in sys.modules:  # which hides no output
            display({"text/plain": repr(self), VIEW: view}, raw=True)
            return
        display({VIEW: view}, raw=True)
        self._display_id = self._display_id or uuid.uuid4().hex
        self._show_picture(display)

    def _show_picture(self, show: Callable[..., object]) -> None:
        """Send the picture to the notebook; show is `display` or `update_display`."""
        hidden = {"version_major": 2, "version_minor": 0, "model_id": ""}
        png = base64.b64encode(png_of(self.picture())).decode()
        data = {"text/plain": repr(self), "image/png": png, VIEW: hidden}
        with self._lock:
            words = alt_text_of(self, self._in_plain_words())
        show(data, metadata={"image/png": {"alt": words}}, raw=True, display_id=self._display_id)

    def _renew_picture_at_rest(self) -> None:
        """Renew the picture in the notebook as soon as the panel has not changed for a moment."""
        if self._display_id is None:
            return
        if self._resting is not None:
            self._resting.cancel()
        self._resting = threading.Timer(REST, self._show_picture, [update_display])
        self._resting.daemon = True
        self._resting.start()

    def close(self) -> None:
        """Close the panel and every part of it; no widget of it stays in the kernel or in the page."""
        if self._resting is not None:
            self._resting.cancel()
        self._display_id = None
        own = [value for value in vars(self).values() if isinstance(value, ipywidgets.Widget)]  # also if not shown
        for part in [part for widget in (self, *own) for part in _parts(widget) if part is not self]:
            part.close()
        super().close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: a live panel; run this cell to use it>"


def picture_row(children: list[ipywidgets.Widget], columns: str) -> ipywidgets.GridBox:
    """Return the widgets side by side; columns is a value of CSS's grid-template-columns."""
    layout = ipywidgets.Layout(grid_template_columns=columns, grid_gap="8px 28px", padding="6px 2px 10px")
    layout.max_width = "820px"
    layout.overflow = "visible"  # a marker, and a number that is being typed, may reach beyond the row
    return ipywidgets.GridBox(children, layout=layout)


class ChoiceSlider(ipywidgets.SelectionSlider):
    """A slider over choices. Nobody can type into its readout: ipywidgets would show what is typed, and not take it.

    >>> ChoiceSlider(options=[0.1, 0.01, 0.001], description="rate")
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(_dom_classes=["cnnlab-choices"], **options)


def control_row(*controls: DescriptionWidget, compact: bool = False) -> ipywidgets.GridBox:
    """Return the controls side by side, three in a row; on a narrow page they wrap.

    compact: for a form of many controls; a wide page has more than three in a row, and the rows are close together.

    >>> control_row(panel.kernel_size, panel.preset)
    """
    for control in controls:
        control.layout.width = "auto"
        control.style.description_width = "initial"  # a long name is never cut
    if compact:
        row = picture_row(list(controls), "repeat(auto-fit, minmax(196px, 1fr))")
        row.add_class("cnnlab-form")
        row.layout.align_items = "center"
        row.layout.grid_gap, row.layout.padding, row.layout.max_width = "0 12px", "0 2px", "1200px"
        return row
    return picture_row(list(controls), "repeat(auto-fit, minmax(max(210px, calc((100% - 56px) / 3)), 1fr))")


def in_columns(controls: Sequence[DescriptionWidget], columns: str) -> ipywidgets.GridBox:
    """Return the controls in these columns, a value of CSS's grid-template-columns.

    >>> in_columns([panel.first, panel.second], TWO_COLUMNS)
    """
    row = control_row(*controls)
    row.layout.grid_template_columns = columns
    return row


def flowing_row(*children: ipywidgets.DOMWidget) -> ipywidgets.HBox:
    """Return the widgets side by side, each as wide as it needs; on a narrow page they wrap."""
    layout = ipywidgets.Layout(flex_flow="row wrap", grid_gap="8px 28px", padding="6px 2px 10px", max_width="820px")
    for child in children:
        child.layout.width, child.layout.max_width = "auto", "98%"
    return ipywidgets.HBox(children, layout=layout)


def offer(control: ipywidgets.Dropdown | ipywidgets.SelectionSlider, options: list, *, otherwise: object) -> None:
    """Give the control these options, and keep its value if it is one of them.

    options: values, or pairs (label, value). otherwise: the value if the old one is no option, or was the only option.
    """
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    chosen = control.value if control.value in values and len(control.options) > 1 else otherwise
    with control.hold_sync():  # in two messages, the page would answer the first one
        control.options = options
        control.value = chosen


def _parts(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """Yield the widget, all widgets in it, and their layouts and styles."""
    for child in getattr(widget, "children", ()):
        yield from _parts(child)
    yield widget
    for name in ("layout", "style"):
        if isinstance(getattr(widget, name, None), ipywidgets.Widget):
            yield getattr(widget, name)
