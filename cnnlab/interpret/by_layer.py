"""A table of measurements, one row a layer."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnlab.checks import check_choice
from cnnlab.errors import ConfigError

if TYPE_CHECKING:
    import pandas


class ByLayer(dict):
    """The measurements of a network, by layer name; printed as a table."""

    def to_frame(self) -> pandas.DataFrame:
        """Return a DataFrame with one row a layer and one column a measurement; arrays are left out."""
        import pandas

        rows = [
            {
                field.name: value
                for field in fields(measured)
                if not isinstance(value := getattr(measured, field.name), (np.ndarray, dict))
            }
            for measured in self.values()
        ]
        return pandas.DataFrame(rows, index=pandas.Index(self, name="layer"))

    def __getitem__(self, name: str) -> Any:
        check_choice("layer", name, self)
        return super().__getitem__(name)

    def __repr__(self) -> str:
        return self.to_frame().to_string(float_format="{:.3g}".format, na_rep="")


def check_rows(rows: object, kind: type, plot: str, source: str) -> ByLayer:
    """Return rows; raise ConfigError unless they are a ByLayer of this kind, as the function `source` returns."""
    if not isinstance(rows, ByLayer) or not rows or not all(isinstance(row, kind) for row in rows.values()):
        raise ConfigError(f"{plot} wants what {source} gives, got {type(rows).__name__}")
    return rows
