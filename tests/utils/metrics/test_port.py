"""The port that is scraped: what it answers, and that nobody can keep it from answering others."""

from __future__ import annotations

import http.client
import socket
import threading
import time

import pytest

from tests.waiting import wait_until
from utils.metrics.port import MOST_CONNECTIONS, MOST_REQUEST, REST_S, MetricsPort, answer
from utils.system.listening import Listener, PortUnavailable

BODY = b"s2s_conversations 1.0\n" * 50_000  # more than a socket takes at once


def render(accept: str) -> tuple[bytes, str]:
    return BODY, f"text/plain; asked={accept or 'nothing'}"


@pytest.fixture
def port():
    """The number of a port that is served; its thread has ended afterwards."""
    listener = Listener("127.0.0.1", 0)
    served = MetricsPort(listener, render)
    served.start()
    yield listener.port
    served.close()
    assert not any(thread.name == "metrics" for thread in threading.enumerate())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port), timeout=5)


def get(port: int, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    with response:
        found = response.status, response.read(), response.getheader("Content-Type", "")
    connection.close()
    return found


@pytest.mark.parametrize("path", ["/metrics", "/", "/metrics?name=s2s_turns"])
def test_the_metrics(port, path):
    assert get(port, path) == (200, BODY, "text/plain; asked=nothing")
    assert get(port, path, Accept="text/plain") == (200, BODY, "text/plain; asked=text/plain")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/other", 404), ("POST", "/metrics", 405), ("HEAD", "/metrics", 200)]
)
def test_other_requests(port, method, path, status):
    found, body, _ = get(port, path, method)
    assert found == status
    assert body != BODY


@pytest.mark.parametrize(
    "request_", [b"", b"\r\n\r\n", b"GET\r\n\r\n", b"\x00\xff\r\n\r\n", b"GET /" + b"x" * MOST_REQUEST]
)
def test_what_is_no_request_is_answered_so(request_):
    assert answer(request_, render).startswith(b"HTTP/1.1 400 ")


def test_metrics_that_cannot_be_written_are_an_answer_and_a_line_in_the_log(caplog):
    def broken(accept: str) -> tuple[bytes, str]:
        raise RuntimeError("broken")

    assert answer(b"GET /metrics HTTP/1.1\r\n\r\n", broken).startswith(b"HTTP/1.1 500 ")
    assert "the metrics could not be written" in caplog.text


def test_a_request_may_come_byte_by_byte(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as scraper:
        for byte in b"GET /metrics HTTP/1.0\nHost: x\n\n":
            scraper.sendall(bytes([byte]))
        assert scraper.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("said", [b"", b"GET /metrics HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\n\r\n"])
def test_scrapers_that_hang_keep_nobody_out(port, said):
    """More of them than are worked on at once: they say nothing, half of a request, or all and do not read."""
    hanging = []
    for _ in range(2 * MOST_CONNECTIONS):
        scraper = socket.socket()
        scraper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        scraper.connect(("127.0.0.1", port))
        scraper.sendall(said)
        hanging.append(scraper)
    assert get(port)[1] == BODY
    for scraper in hanging:
        scraper.close()


def test_one_that_hangs_is_given_up():
    now = [0.0]
    served = MetricsPort(listener := Listener("127.0.0.1", 0), render, lambda: now[0])
    served.start()
    with socket.create_connection(("127.0.0.1", listener.port), timeout=20) as scraper:
        wait_until(lambda: served._scrapes, "the connection to be accepted")
        now[0] = 100.0
        assert scraper.recv(1) == b""
    served.close()


def test_a_flood_takes_little_of_the_interpreter(port):
    """It takes up one connection a round and rests after each: then others have the interpreter to themselves."""
    stop, answered = threading.Event(), []

    def flood() -> None:
        while not stop.is_set():
            try:
                answered.append(get(port)[0])
            except OSError:
                answered.append(0)  # dropped, for there were too many

    threads = [threading.Thread(target=flood) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answered) >= 20, "the flood")
    stop.set()
    for thread in threads:
        thread.join(20)
    took = time.monotonic() - began
    assert len(answered) <= took / REST_S + 1 + len(threads)
    assert set(answered) <= {0, 200}


def test_it_is_bound_first_and_answers_later():
    listener = Listener("127.0.0.1", 0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port), timeout=5)
    MetricsPort(listener, render).close()  # never started: nothing to wait for


def test_a_port_that_another_took_meanwhile_is_said():
    first = Listener("127.0.0.1", 0)
    second = Listener("127.0.0.1", first.port)
    first.listen()
    served = MetricsPort(second, render)
    with pytest.raises(PortUnavailable):
        served.start()
    served.close()
    first.close()
