"""What JupyterLab's own process takes from cnnlab: messages that reach the page at once."""

from __future__ import annotations

import asyncio
import socket

from jupyter_server.serverapp import ServerApp
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado.iostream import IOStream
from traitlets.config import Config

from cnnlab.cli.jupyter import PromptConnection

NAME = "cnnlab.cli.jupyter.PromptConnection"


def test_the_delay_is_off_on_the_socket_before_anything_is_sent(monkeypatch):
    order = []

    async def connect() -> None:  # tornado's streams belong to a running event loop
        with socket.socket() as end:
            stream = IOStream(end)

            class Connection(PromptConnection):
                websocket_handler = stream  # like tornado's handler, it has set_nodelay

            monkeypatch.setattr(
                ZMQChannelsWebsocketConnection,
                "connect",
                lambda _self: order.append(end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) or "Jupyter's",
            )
            assert not end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert Connection.__new__(Connection).connect() == "Jupyter's"
            stream.close()

    asyncio.run(connect())
    assert order[0] != 0  # set by then


def test_a_jupyter_server_takes_it_by_its_name():
    app = ServerApp(config=Config(ServerApp={"kernel_websocket_connection_class": NAME}))
    assert app.kernel_websocket_connection_class is PromptConnection
