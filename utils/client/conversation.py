"""One conversation of the client: one thread sends the user's voice, and another one plays the reply."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from utils.client.connection import ConnectionLost, ServerConnection

SAMPLE_BYTES = 2
TICK_S = 0.1


class Source(Protocol):
    """Where the user's voice comes from."""

    @property
    def heard(self) -> bool:
        """Whether somebody is speaking."""

    @property
    def level(self) -> float:
        """The loudness of what is being sent, in dBFS. -inf is silence."""

    def blocks(self, stopping: threading.Event) -> Iterator[bytes]:
        """Blocks of 16-bit samples, in real time. Ends with the input, or soon after `stopping` is set."""


class Sink(Protocol):
    """Where the reply goes."""

    @property
    def playing(self) -> bool:
        """Whether a reply can be heard now."""

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait for room, for `timeout_s` seconds at most. Returns whether there is room."""

    def write(self, data: bytes) -> None:
        """Take some 16-bit samples of the reply."""

    def pause(self) -> None:
        """Take note that nothing has come for a tenth of a second."""

    def finish(self) -> None:
        """Take note that this conversation is over."""


class ClientConversation:
    """One conversation: call `start`, wait for `ended`, then call `stop` and `join`.

    An exception of the source or the sink ends the conversation, and `join` raises it.
    """

    def __init__(self, connection: ServerConnection, source: Source, sink: Sink) -> None:
        self._connection = connection
        self._source = source
        self._sink = sink
        self._stopping = threading.Event()
        self._input_lost = threading.Event()
        self._failures: list[Exception] = []
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
            for name, work in (("sender", self._send), ("receiver", self._receive))
        ]
        self.ended = threading.Event()
        self.received_bytes = 0
        self.input_complete = False  # all of the source was sent

    def start(self) -> None:
        """Begin to send and to receive."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask both threads to end. They do so within a few tenths of a second."""
        self._stopping.set()
        self._connection.shut()

    def join(self) -> None:
        """Wait until both threads have ended, and release the sockets."""
        for thread in self._threads:
            thread.join()
        self._connection.close()
        if self._failures:
            raise self._failures[0]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._failures.append(error)
            self.ended.set()

    def _send(self) -> None:
        try:
            for block in self._source.blocks(self._stopping):
                self._connection.send(block)
            if not self._stopping.is_set():
                self._connection.end_input()
                self.input_complete = True
        except ConnectionLost:
            self._input_lost.set()

    def _receive(self) -> None:
        half = b""  # the first byte of a sample whose second has not come
        while not self._stopping.is_set():
            if not self._sink.wait_for_room(TICK_S):
                continue
            data = self._connection.receive()
            if data:
                half = self._play(half + data)
                continue
            self._sink.pause()
            if data is not None or self._input_lost.is_set():
                break
        self._sink.finish()
        self.ended.set()

    def _play(self, data: bytes) -> bytes:
        """Play the whole samples of `data`. Returns the rest, at most one byte."""
        whole = len(data) - len(data) % SAMPLE_BYTES
        self._sink.write(data[:whole])
        self.received_bytes += whole
        return data[whole:]
