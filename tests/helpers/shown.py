"""What a panel sends to the notebook when it is the value of a cell."""

from unittest import mock

from cnnlab.widgets import base


def texts_shown(panel) -> list[str]:
    """Return the texts of the outputs of a panel's first display."""
    with mock.patch.object(base, "display") as display:
        panel._ipython_display_()
    panel._display_id = None  # nothing is to be renewed
    bundles = [call.args[0] for call in display.call_args_list]
    return [bundle["text/plain"] for bundle in bundles if "text/plain" in bundle]
