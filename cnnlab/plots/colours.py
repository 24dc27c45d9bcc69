"""Choose the colours of heat maps and of tables: light is better in all of them."""

from __future__ import annotations

import numpy as np

from cnnlab.comparison.metrics import higher_is_better
from cnnlab.training.curve_metrics import DERIVED, split_metric


def low_is_light(metric: str) -> bool:
    """Return whether a low value is drawn light: of a loss, of the seconds, and of the numbers in `DERIVED`.

    Verdicts call a gap between the curves, a fluctuation, or the epochs to a target only lower or higher. The colours
    go on: light is a small gap, a calm curve and a fast start. Of any other number, light is high.
    """
    return higher_is_better(metric) is False or split_metric(metric)[0] in DERIVED


def colour_map(metric: str) -> str:
    """Return the colour map of a metric: light is better, as in every picture; light is higher if neither is better.

    >>> colour_map("validation_accuracy"), colour_map("validation_loss"), colour_map("fluctuation")
    ('viridis', 'viridis_r', 'viridis_r')
    """
    return "viridis_r" if low_is_light(metric) else "viridis"


def inner_limits(values: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest value that is no outlier: colours between them are not flattened by one cell.

    An outlier lies more than 1.5 interquartile ranges beyond the quartiles (J. W. Tukey, Exploratory Data Analysis,
    1977).

    >>> inner_limits(np.array([1.0, 2.0, 3.0, 4.0, 50.0]))
    (1.0, 4.0)
    """
    finite = values[np.isfinite(values)]
    first, third = np.quantile(finite, [0.25, 0.75])
    reach = 1.5 * (third - first)
    inner = finite[(finite >= first - reach) & (finite <= third + reach)]
    return float(inner.min()), float(inner.max())
