"""Today's wire on real sockets: one end closed, a reset, a client that does not read, one that has gone."""

from __future__ import annotations

import select
import socket
import struct
import threading

import pytest

from tests.utils.transports.test_contract import tcp_client
from tests.waiting import wait_until
from utils.transports.base import ReadError, WriteError


def always() -> bool:
    return True


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.fixture
def pair():
    mouth, ear, transport = tcp_client()
    yield mouth, ear, transport
    mouth.close()
    ear.close()
    transport.close()


def test_one_read_is_no_longer_than_the_option_says(pair):
    mouth, _, transport = pair
    mouth.sendall(bytes(3_000))
    sizes = []
    while sum(sizes) < 3_000:
        sizes.append(len(transport.read(10)))
    assert max(sizes) == 1_024


def test_it_has_the_options_rates_and_lead(pair):
    transport = pair[2]
    assert (transport.input_rate, transport.output_rate, transport.lead_s) == (16_000, 44_100, 0.2)


def test_a_reset_of_the_first_connection_breaks_the_input_alone(pair):
    mouth, ear, transport = pair
    reset(mouth)
    with pytest.raises(ReadError, match="reset"):
        transport.read(10)
    assert transport.write(b"\x01\x02", always) == 2
    assert ear.recv(2) == b"\x01\x02"
    assert not transport.client_has_left()


@pytest.mark.parametrize("end", [socket.socket.close, reset, lambda ear: ear.shutdown(socket.SHUT_WR)])
def test_the_end_of_the_second_connection_is_told_by_its_reading_side(pair, end):
    _, ear, transport = pair
    assert not transport.client_has_left()
    end(ear)
    wait_until(transport.client_has_left, "the end to arrive")


def test_what_the_client_says_on_the_second_connection_is_dropped(pair):
    _, ear, transport = pair
    ear.sendall(bytes(3_000))
    assert not transport.client_has_left()
    assert transport.read(0.01) is None
    assert transport.fileno() == transport._speaker.fileno()


def fill(transport) -> bytes:
    """Write until the client's window is full and stays so. Returns what was accepted until then."""
    poll, full = select.poll(), 0
    poll.register(transport.fileno(), select.POLLOUT)

    def wanted() -> bool:
        nonlocal full
        full = 0 if poll.poll(0) else full + 1
        return full < 4  # asked so often, with a wait before each

    data = b"".join(struct.pack("<H", number % 65_536) for number in range(2_000_000))
    return data[: transport.write(data, wanted)]


def test_a_client_that_does_not_read_keeps_no_write_from_stopping(pair):
    """What it reads later is whole samples: what was accepted, and then what was written next."""
    _, ear, transport = pair
    accepted = fill(transport)
    assert 0 < len(accepted) < 4_000_000
    assert transport.written == len(accepted) // 2
    heard = bytearray()

    def hear() -> None:
        while data := ear.recv(65_536):
            heard.extend(data)

    listener = threading.Thread(target=hear)
    listener.start()
    assert transport.write(b"\xab\xcd" * 500, always) == 1_000
    transport.shut_down()
    listener.join(10)
    assert bytes(heard) == accepted + b"\xab\xcd" * 500


@pytest.mark.parametrize("end", ["the client resets", "the server shuts down"])
def test_a_write_that_waits_ends_with_the_connection(pair, end):
    _, ear, transport = pair
    fill(transport)
    waiting, failed = threading.Event(), []

    def wanted() -> bool:
        waiting.set()
        return True

    def write() -> None:
        with pytest.raises(WriteError) as raised:
            transport.write(bytes(4_000_000), wanted)
        failed.append(raised.value)

    writer = threading.Thread(target=write)
    writer.start()
    assert waiting.wait(10)
    if end == "the client resets":
        reset(ear)
    else:
        transport.shut_down()
    writer.join(10)
    assert len(failed) == 1


def test_both_connections_are_given_back(pair):
    transport = pair[2]
    transport.close()
    assert transport.fileno() == -1
    with pytest.raises(ReadError):
        transport.read(0.01)
    with pytest.raises(WriteError):
        transport.write(b"\x01\x02", always)
