"""A pandas DataFrame for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas

from cnnlab.formulas import KEPT, without_formulas

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


class Table(pandas.DataFrame):
    """A DataFrame that a notebook shows with its names as they are, without formulas.

    What pandas makes of it, such as parts, groups and joins, are Tables, too.

    >>> Table({"folder": ["$5 to $9"]})
         folder
    0  $5 to $9
    """

    @property
    def _constructor(self) -> type[Table]:
        return Table

    @property
    def _constructor_sliced(self) -> type[Column]:
        return Column

    @property
    def style(self) -> Styler:
        """Return what gives the table colours and formats, as pandas does; its page has no formulas, either."""
        from pandas.io.formats.style import Styler

        return Styler(self, escape="html").set_table_attributes(f'class="{KEPT}"')

    def describe(self, *arguments: Any, **options: Any) -> Table:
        """Return what pandas' own method does."""
        return Table(super().describe(*arguments, **options))

    def _repr_html_(self) -> str | None:
        page = super()._repr_html_()  # pyright: ignore[reportAttributeAccessIssue] (IPython's name, not in the stubs)
        return page and without_formulas(page)


class Column(pandas.Series):
    """A column or a row of a `Table`; where pandas makes a table of it, that is a `Table`."""

    @property
    def _constructor(self) -> type[Column]:
        return Column

    @property
    def _constructor_expanddim(self) -> type[Table]:
        return Table

    def value_counts(self, *arguments: Any, **options: Any) -> Column:
        """Return what pandas' own method does."""
        return Column(super().value_counts(*arguments, **options))
