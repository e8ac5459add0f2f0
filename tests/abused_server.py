"""The real server under abuse: watched, and asked whether it still serves others."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import replace

import numpy as np

from tests.process_watch import MIB, ProcessWatch
from tests.server_process import ServerProcess
from tests.spoken import assert_understood

FRANCE = "What is the capital of France?"
STORY = "Tell me a long story about a dog."
# Queues hold 32 messages at most: 32 utterances of 28 s for Whisper are 57 MB. The rest is one utterance's and one
# prompt's working memory, 70 MiB in most tests, and what allocators keep.
MOST_GROWTH = 320 * MIB  # half a minute of speech that is heard at once takes 200 MiB of it for a while
ROOM_S = 1.0  # a client that leaves makes room within a second


class AbusedServer(ServerProcess):
    """idle: what it holds when nobody talks; the memory is that after the first questions, which take some for good."""

    def __init__(self, *arguments: str, **options) -> None:
        super().__init__("--log_level", "debug", *arguments, **options)

    def warm_up(self, *spoken: tuple[str, np.ndarray]) -> None:
        watch = ProcessWatch(self.process.pid)
        fresh = watch.now()
        for text, audio in spoken:
            self.ask(text, audio)
        self.idle = replace(fresh, memory=watch.now().memory)

    def ask(self, text: str, audio: np.ndarray) -> None:
        """A client that speaks faster than people do, is understood and hears the beginning of an answer."""
        mark = len(self.lines)
        with self.connect() as client:
            client.microphone.sendall(pcm(audio) + bytes(16_000))
            assert_understood(text, self.wait_line("USER:", mark))
            assert client.wait_bytes(8_192)
        self.wait_until_nobody_talks()

    def wait_until_nobody_talks(self, seconds: float = 10.0) -> None:
        """Each conversation that began is over."""

        def over(log: list[str]) -> bool:
            begun = sum("conversation with" in line and "over:" not in line and "refused" not in line for line in log)
            return begun == sum("conversation with" in line and "over:" in line for line in log)

        self.wait_for(self.log, over, seconds)

    def assert_makes_room(self, left: float) -> None:
        """Within a second of `left` (monotonic seconds) the next client has begun a conversation."""
        mark = len(self.log)
        with self.connect():
            self.wait_for(
                self.log,
                lambda log: any("conversation with" in line and "over:" not in line for line in log[mark:]),
                left + ROOM_S - time.monotonic(),
            )
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
