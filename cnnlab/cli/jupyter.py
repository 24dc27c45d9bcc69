"""For JupyterLab's own process: every message reaches the page at once.

Jupyter leaves a delay of TCP on that holds a small message back until the one before it has been acknowledged (Nagle,
RFC 896), and browsers acknowledge late (RFC 1122, 4.2.3.2): on one computer every other move of a slider waits 40 ms.
`python start.py` uses this class; any Jupyter server can:

    jupyter lab --ServerApp.kernel_websocket_connection_class=cnnlab.cli.jupyter.PromptConnection
"""

from __future__ import annotations

import asyncio

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Jupyter's connection between a kernel and a page, without the delay (`TCP_NODELAY`)."""

    def connect(self) -> asyncio.Future[None] | None:
        """Connect kernel and page; what it returns is Jupyter's."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()
