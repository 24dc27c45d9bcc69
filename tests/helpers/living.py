"""The widgets that this process has open."""

import ipywidgets


def living_widgets() -> set:
    """Return the ids of all open widgets, in ipywidgets 7 and 8."""
    module = ipywidgets.widgets.widget
    return set(module._instances if hasattr(module, "_instances") else ipywidgets.Widget.widgets)
