"""The real server under abuse: watched, and asked whether it still serves others."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import psutil

from tests.process_watch import MIB, ProcessWatch
from tests.server_process import ServerProcess
from tests.spoken import assert_understood

FRANCE = "What is the capital of France?"
STORY = "Tell me a long story about a dog."
# Queues hold 32 messages at most: 32 utterances of 28 s for Whisper are 57 MB. The rest is one utterance's and one
# prompt's working memory, 70 MiB in most tests, and what allocators keep.
MOST_GROWTH = 320 * MIB  # half a minute of speech that is heard at once takes 200 MiB of it for a while
BEGUN = re.compile(r": conversation with \S+$")  # and no "refused …: already in conversation with …"
OVER = re.compile(r": conversation with \S+ over: ")


class AbusedServer(ServerProcess):
    """idle: its memory is that after the first questions, which take some for good."""

    def __init__(self, *arguments: str, **options) -> None:
        super().__init__("--log_level", "debug", *arguments, **options)
        self._looked_through = 0  # lines of the log

    def warm_up(self, *spoken: tuple[str, np.ndarray]) -> None:
        for text, audio in spoken:
            self.ask(text, audio)
        self.idle = replace(self.idle, memory=ProcessWatch(self.process.pid).now().memory)

    def new_faults(self) -> list[str]:
        """The lines about what must never happen that the log has got since this was last asked."""
        seen, self._looked_through = self._looked_through, len(self.log)
        new = self.log[seen : self._looked_through]
        return [line for line in new if "Traceback" in line or "still busy" in line]

    def ask(self, text: str, audio: np.ndarray, late: bool = False) -> None:
        """A client that speaks faster than people do, is understood and hears the beginning of an answer.

        late: the server finds its connections when all is said, as where other programs have kept it waiting.
        """
        mark = len(self.lines)
        with self.held_up() if late else contextlib.nullcontext():
            client = self.connect()
            client.microphone.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
            client.microphone.sendall(pcm(audio) + bytes(16_000))
        with client:
            assert_understood(text, self.wait_line("USER:", mark))
            assert client.wait_bytes(8_192)
        self.wait_until_nobody_talks()

    @contextlib.contextmanager
    def held_up(self) -> Iterator[None]:
        """The server's process is stopped meanwhile. The system takes connections for it, and what is sent to it."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def wait_until_one_talks(self, mark: int) -> None:
        """A conversation has begun since the log had `mark` lines."""
        self.wait_for(self.log, lambda log: any(map(BEGUN.search, log[mark:])))

    def holds(self, connection: socket.socket) -> bool:
        """Whether the server has accepted this connection and not closed it yet."""
        held = psutil.Process(self.process.pid).net_connections("tcp")
        return any(other.raddr and other.raddr.port == connection.getsockname()[1] for other in held)

    def wait_until_nobody_talks(self) -> None:
        """Each conversation that began is over. One that the server has yet to begin does not count."""
        self.wait_for(self.log, lambda log: len(list(filter(BEGUN.search, log))) == len(list(filter(OVER.search, log))))

    def assert_has_room(self) -> None:
        """Whoever connects now begins a conversation, although the last client has left just before.

        The client tries once: where the server has yet to notice that the last one has left, it is refused.
        """
        mark = len(self.log)
        with self.connect():
            self.wait_until_one_talks(mark)
        self.wait_until_nobody_talks()


def pcm(audio: np.ndarray) -> bytes:
    """The wire's bytes of float32 [n]."""
    return (np.clip(audio, -1, 1) * 32_767).astype("<i2").tobytes()


def quick(port: int) -> socket.socket:
    """A connection to this machine that waits 5 s at most."""
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def end_with_a_reset(connection: socket.socket) -> None:
    """From now on its close is a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset(connection: socket.socket) -> None:
    """Close without a goodbye."""
    end_with_a_reset(connection)
    connection.close()
