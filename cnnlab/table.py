"""A pandas DataFrame for notebooks."""

from __future__ import annotations

import pandas

from cnnlab.formulas import without_formulas


class Table(pandas.DataFrame):
    """A DataFrame that a notebook shows with its names as they are, without formulas. Parts of it are Tables, too.

    >>> Table({"folder": ["$5 to $9"]})
         folder
    0  $5 to $9
    """

    @property
    def _constructor(self) -> type[Table]:
        return Table

    def _repr_html_(self) -> str | None:
        page = super()._repr_html_()  # pyright: ignore[reportAttributeAccessIssue] (IPython's name, not in the stubs)
        return page and without_formulas(page)
