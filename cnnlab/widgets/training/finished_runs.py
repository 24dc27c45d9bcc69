"""The finished runs of TrainingPanel, its own and those of earlier: compare them, keep them, forget them when asked."""

from __future__ import annotations

import html

import ipywidgets

from cnnlab.checks import counted
from cnnlab.errors import ConfigError
from cnnlab.experiments.run import Run
from cnnlab.widgets.asking_button import AskingButton
from cnnlab.widgets.base import flowing_row
from cnnlab.widgets.training.comparison import ComparedRuns
from cnnlab.widgets.training.kept_runs import KeptRuns


class FinishedRuns(ipywidgets.VBox):
    """Show the comparison of the finished runs, where they are kept, and the button that forgets them.

    Attributes
    ----------
    own, earlier : dict
        Key → run: the runs of this panel, and those that were kept earlier.
    comparison : ComparedRuns
        The comparison.
    show_earlier : Checkbox
        Whether the earlier runs are compared, too.
    asking : AskingButton
        The button that forgets the compared runs, with the question before that.
    kept : HTML
        Where the runs are kept, and what went wrong with their files.

    >>> finished = FinishedRuns()
    >>> finished.add(run)
    >>> code = finished.show()
    """

    def __init__(self) -> None:
        self._store, self._not_kept = KeptRuns(), ""
        self.earlier: dict[str, Run] = {run.experiment.key: run for run in self._store.load()}
        self.own: dict[str, Run] = {}
        self.comparison, self.kept = ComparedRuns(), ipywidgets.HTML()
        self.show_earlier = ipywidgets.Checkbox(True, indent=False)
        self.asking = AskingButton("Forget these runs", "trash", self._question, yes="Forget them", no="Keep them")
        super().__init__([self.comparison, flowing_row(self.show_earlier, self.asking), self.kept])

    def add(self, finished: Run) -> None:
        """Add a run of this panel, and keep it for another day."""
        self.own[finished.experiment.key] = finished
        try:
            self._store.keep(finished)
        except (OSError, ConfigError) as error:
            self._not_kept = f"The latest run is not kept for another day: {error}."
        else:
            self._not_kept = ""

    def show(self) -> str:
        """Compare the runs, say where they are kept, and return the code that repeats the comparison."""
        compared = self._compared()
        self.asking.close_question()
        self.asking.button.disabled = not compared
        self.show_earlier.description = f"earlier runs ({len(self.earlier)})"
        self.show_earlier.layout.display = None if self.earlier else "none"
        code = self.comparison.show_runs(compared.values())
        lines = [*self._notes(), *filter(None, [self._not_kept]), *self._store.faults]
        self.kept.value = "".join(f'<p class="cnnlab-note">{html.escape(line)}</p>' for line in lines)
        return code

    def forget(self) -> None:
        """Forget the compared runs for good."""
        keys = list(self._compared())
        self._store.forget(keys)
        for key in keys:
            self.earlier.pop(key, None)
            self.own.pop(key, None)

    def _compared(self) -> dict[str, Run]:
        """Return key → run of what is compared: the earlier runs, if the box is ticked, and this panel's own."""
        return (self.earlier if self.show_earlier.value else {}) | self.own

    def _notes(self) -> list[str]:
        """Say where the runs are kept, and how many of them are not shown."""
        if not self.earlier and not self.own:
            return []
        where = f"Your runs are kept in {self._store.folder}, with the weights of their first and last epoch."
        older = f" {counted(self._store.left_out, 'older run')} are not shown: load_runs({str(self._store.folder)!r})"
        return [where + (f"{older} loads all." if self._store.left_out else "")]

    def _question(self) -> str:
        """Ask whether to forget what is compared, and say how many of these runs are from earlier."""
        compared = self._compared()
        earlier = sum(key not in self.own for key in compared)
        of_them = f" ({earlier} of them from earlier)" if earlier else ""
        return f"Forget {counted(len(compared), 'run')}{of_them}? They cannot be brought back."
