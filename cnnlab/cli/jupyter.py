"""Let the messages of a Jupyter server reach the page without a delay.

By default TCP holds a small message back until the message before it has been acknowledged (Nagle, RFC 896), and
browsers acknowledge late (RFC 1122, 4.2.3.2). So every other move of a slider waited 40 ms on the computer where this
was measured. `python start.py` uses this class. Any Jupyter server can use it:

    jupyter lab --ServerApp.kernel_websocket_connection_class=cnnlab.cli.jupyter.PromptConnection
"""

from __future__ import annotations

import asyncio

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Jupyter's connection between a kernel and a page, with the option TCP_NODELAY."""

    def connect(self) -> asyncio.Future[None] | None:
        """Set the option, then connect kernel and page as Jupyter does."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()
