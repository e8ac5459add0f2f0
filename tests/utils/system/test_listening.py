"""The listening sockets."""

from __future__ import annotations

import errno
import gc
import os
import socket

import pytest

from utils.system.listening import LOST_AFTER_S, Listener, PortUnavailable, prepare_connection


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


LOCALHOST = [
    (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
    (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
]


@pytest.mark.parametrize("reason", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_localhost_that_names_an_ipv6_address_the_system_cannot_use(monkeypatch, reason):
    """EAFNOSUPPORT: the kernel has no IPv6 (the socket can't be made); EADDRNOTAVAIL: it is switched off."""

    class WithoutIPv6(socket.socket):
        def __init__(self, family=-1, *arguments, **options):
            if family == socket.AF_INET6 and reason == errno.EAFNOSUPPORT:
                raise OSError(reason, os.strerror(reason))
            self.wanted = family
            super().__init__(socket.AF_INET if family == socket.AF_INET6 else family, *arguments, **options)

        def setsockopt(self, level, *option):
            if level != socket.IPPROTO_IPV6:
                super().setsockopt(level, *option)

        def bind(self, address):
            if self.wanted == socket.AF_INET6:
                raise OSError(reason, os.strerror(reason))
            super().bind(address)

    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: LOCALHOST)
    monkeypatch.setattr(socket, "socket", WithoutIPv6)
    listener = Listener("localhost", 0)
    assert [listening.getsockname()[0] for listening in listener.sockets] == ["127.0.0.1"]
    listener.close()


def test_both_addresses_of_localhost_share_one_free_port(monkeypatch):
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: LOCALHOST)
    listener = Listener("localhost", 0)
    try:
        assert {listening.getsockname()[1] for listening in listener.sockets} == {listener.port}
        assert not listener.public
    finally:
        listener.close()


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "\0"])
def test_a_name_that_no_resolver_takes_is_one_line(host):
    with pytest.raises(PortUnavailable, match="is not an address of this machine") as error:
        Listener(host, 0)
    assert "\n" not in str(error.value)


def test_a_listener_that_cannot_bind_keeps_no_socket():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for _ in range(3):
            with pytest.raises(PortUnavailable):
                Listener("127.0.0.1", taken.getsockname()[1])
    gc.collect()  # a socket left open would be a ResourceWarning, which is an error here


def test_accepting_waits_for_nobody():
    listener = Listener("127.0.0.1", 0)
    try:
        listener.listen()
        with pytest.raises(BlockingIOError):
            listener.sockets[0].accept()
    finally:
        listener.close()


def test_a_connection_keeps_little_and_sends_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname(), timeout=5)
        with client, server.accept()[0] as connection:
            before = connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            prepare_connection(connection)
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= min(before, 2 * 8_192)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no such limit")
def test_a_client_that_vanishes_in_mid_reply_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname(), timeout=5)
        with client, server.accept()[0] as connection:
            prepare_connection(connection)
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == LOST_AFTER_S * 1_000


def test_a_connection_that_has_no_such_options_is_left_as_it_is():
    """A Unix socket has no TCP options: no error."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        prepare_connection(ours)
