"""What JupyterLab's own process takes from cnnlab: messages that reach the page at once."""

from __future__ import annotations

import socket

from jupyter_server.serverapp import ServerApp
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado.iostream import IOStream
from traitlets.config import Config

from cnnlab.cli.jupyter import PromptConnection

NAME = "cnnlab.cli.jupyter.PromptConnection"


def test_the_delay_is_off_on_the_socket_before_anything_is_sent(monkeypatch):
    left = socket.socket()
    stream, order = IOStream(left), []

    class Connection(PromptConnection):
        websocket_handler = stream  # like tornado's handler, it has set_nodelay

    monkeypatch.setattr(
        ZMQChannelsWebsocketConnection,
        "connect",
        lambda _self: order.append(left.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) or "what Jupyter returns",
    )
    assert not left.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert Connection.__new__(Connection).connect() == "what Jupyter returns"
    assert order[0] != 0  # set by then
    stream.close()


def test_a_jupyter_server_takes_it_by_its_name():
    app = ServerApp(config=Config(ServerApp={"kernel_websocket_connection_class": NAME}))
    assert app.kernel_websocket_connection_class is PromptConnection
