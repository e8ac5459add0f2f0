"""Serves metrics over HTTP to scrapers such as Prometheus, in one thread.

Neither a flood of requests nor a scraper that hangs disturbs the conversations, which share the interpreter with this
thread: it serves MOST_CONNECTIONS at most, gives up each after PATIENCE_S, and rests for REST_S after each round.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable

from utils.system.listening import Listener

logger = logging.getLogger(__name__)

PATIENCE_S = 5.0  # from the connection to the last byte of the answer; a scrape takes milliseconds
MOST_CONNECTIONS = 16  # with one more the oldest is dropped, so that a scraper that hangs keeps no other out
MOST_REQUEST = 8_192  # bytes of a request's head
REST_S = 0.02
TICK_S = 1.0  # how often scrapers that hang are looked for

Render = Callable[[str], tuple[bytes, str]]


class MetricsPort:
    """The HTTP server. Call `start` and then `close`. render(accept) gives the answer to GET /metrics: (body, type)."""

    def __init__(self, listener: Listener, render: Render, clock: Callable[[], float] = time.monotonic) -> None:
        self._listener = listener
        self._render = render
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._scrapes: list[_Scrape] = []
        self._stopping = threading.Event()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="metrics", daemon=True)

    def start(self) -> None:
        """Begin to answer. Raises PortUnavailable."""
        self._listener.listen()
        for listening in self._listener.sockets:
            self._selector.register(listening, selectors.EVENT_READ)
        self._thread.start()

    def close(self) -> None:
        """Stop answering. When this returns, the thread has ended and every socket is closed."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._wake_writer.send(b"x")
        if self._thread.ident is not None:
            self._thread.join()
        for scrape in self._scrapes:
            scrape.connection.close()
        self._listener.close()
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            ready = self._selector.select(TICK_S if self._scrapes else None)
            for key, _ in ready:
                if isinstance(key.data, _Scrape):
                    self._go_on(key.data)
                elif key.fileobj is not self._wake_reader:
                    self._accept(key.fileobj)  # type: ignore[arg-type]  # all others are sockets that listen
            for scrape in [found for found in self._scrapes if self._clock() > found.until]:
                self._drop(scrape)
            self._stopping.wait(REST_S)

    def _accept(self, listening: socket.socket) -> None:
        """Accept one connection in each round, so that a flood leaves time for the others."""
        try:
            connection, _ = listening.accept()
        except OSError:
            return  # it has gone again, or there are too many open files: the next round will tell
        connection.setblocking(False)
        if len(self._scrapes) >= MOST_CONNECTIONS:
            self._drop(self._scrapes[0])
        scrape = _Scrape(connection, self._clock() + PATIENCE_S)
        self._scrapes.append(scrape)
        self._selector.register(connection, selectors.EVENT_READ, scrape)

    def _go_on(self, scrape: _Scrape) -> None:
        """Read more of its request, or write more of the answer."""
        try:
            if not scrape.answer:
                if not scrape.read():
                    return
                scrape.answer = memoryview(answer(bytes(scrape.request), self._render))
                self._selector.modify(scrape.connection, selectors.EVENT_WRITE, scrape)
            if not scrape.write():
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            logger.debug("a scrape ended early: %s", error)
        self._drop(scrape)

    def _drop(self, scrape: _Scrape) -> None:
        if scrape in self._scrapes:
            self._scrapes.remove(scrape)
            self._selector.unregister(scrape.connection)
            scrape.connection.close()


class _Scrape:
    """One request and its answer. until: when it is given up, in seconds on the clock."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self.connection = connection
        self.until = until
        self.request = bytearray()
        self.answer = memoryview(b"")

    def read(self) -> bool:
        """Read. Returns whether the head is complete, or too long. Raises OSError: BlockingIOError if nothing came."""
        data = self.connection.recv(MOST_REQUEST)
        if not data:
            raise ConnectionAbortedError("the request ended before it was complete")
        self.request += data
        return b"\r\n\r\n" in self.request or b"\n\n" in self.request or len(self.request) > MOST_REQUEST

    def write(self) -> bool:
        """Write. Returns whether the whole answer is sent. Raises OSError: BlockingIOError if there is no room."""
        self.answer = self.answer[self.connection.send(self.answer) :]
        return not self.answer


def answer(request: bytes, render: Render) -> bytes:
    """The complete HTTP answer to the head of a request."""
    line, *headers = request.decode("latin-1").splitlines() or [""]
    method, _, rest = line.partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if len(request) > MOST_REQUEST or not path.startswith("/"):
        return _response("400 Bad Request", b"this is no request for metrics\n")
    if method not in ("GET", "HEAD"):
        return _response("405 Method Not Allowed", b"GET only\n", extra="Allow: GET, HEAD\r\n")
    if path not in ("/", "/metrics"):
        return _response("404 Not Found", b"the metrics are at /metrics\n", head=method == "HEAD")
    named = (header.partition(":") for header in headers)
    accept = next((value.strip() for name, _, value in named if name.strip().lower() == "accept"), "")
    try:
        body, content_type = render(accept)
    except Exception:
        logger.exception("the metrics could not be written")
        return _response("500 Internal Server Error", b"the metrics could not be written\n")
    return _response("200 OK", body, content_type, head=method == "HEAD")


def _response(
    status: str, body: bytes, content_type: str = "text/plain; charset=utf-8", extra: str = "", head: bool = False
) -> bytes:
    headers = f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}Connection: close\r\n"
    return f"HTTP/1.1 {status}\r\n{headers}\r\n".encode("latin-1") + (b"" if head else body)
