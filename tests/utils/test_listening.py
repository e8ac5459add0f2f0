"""The listening sockets."""

from __future__ import annotations

import socket

import pytest

from utils.listening import Listener, PortUnavailable


def test_it_is_bound_first_and_listens_later():
    listener = Listener("127.0.0.1", 0)
    try:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", listener.port), timeout=5)
        listener.listen()
        socket.create_connection(("127.0.0.1", listener.port), timeout=5).close()
    finally:
        listener.close()


def test_a_port_in_use_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortUnavailable) as error:
            Listener("localhost", port)
    assert str(error.value) == f"port {port} on localhost is in use: stop the other program, or choose another port"


def test_two_servers_that_start_together_do_not_share_a_port():
    first = Listener("127.0.0.1", 0)
    second = Listener("127.0.0.1", first.port)
    try:
        first.listen()
        with pytest.raises(PortUnavailable):
            second.listen()
    finally:
        first.close()
        second.close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours(host):
    with pytest.raises(PortUnavailable, match=host):
        Listener(host, 0)


@pytest.mark.parametrize(("host", "public"), [("localhost", False), ("127.0.0.1", False), ("0.0.0.0", True)])
def test_who_can_reach_it(host, public):
    listener = Listener(host, 0)
    assert listener.public is public
    listener.close()
