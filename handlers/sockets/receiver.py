"""Reads the microphone's bytes from the client's first connection (port 12345)."""

from __future__ import annotations

import logging
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from handlers.base import BaseHandler
from utils.audio.wire import PcmDecoder
from utils.conversation.messages import ConversationStarted, InputAudio, InputEnded, InputGap, Message
from utils.system.engine_thread import Live

logger = logging.getLogger(__name__)

GAP_AFTER_S = 0.2  # network jitter is shorter; a client that stops sending is silent from here on, by the clock
GAP_STEP_S = 0.05


@dataclass(frozen=True)
class ReceiverEngine:
    """The connection to read from. chunk_size: bytes of one read at most."""

    connection: socket.socket
    chunk_size: int


class SocketReceiver(BaseHandler):
    """The first stage. End of file, or a reset, ends the input; whatever was said by then is still answered."""

    handles = (ConversationStarted,)
    engine_type = ReceiverEngine

    def setup(self, engine: ReceiverEngine) -> None:
        self._connection = engine.connection
        self._chunk_size = engine.chunk_size

    def process(self, message: ConversationStarted, live: Live) -> Iterator[Message]:
        decoder = PcmDecoder()
        wait = GAP_AFTER_S
        while live():
            try:
                readable, _, _ = select.select([self._connection], [], [], wait)
                data = self._connection.recv(self._chunk_size) if readable else None
            except (OSError, ValueError) as error:  # reset by the client, or closed by our own shutdown
                logger.debug("the input broke off: %s", error)
                data = b""
            now = self.context.clock()
            if data is None:
                yield InputGap(now)
                wait = GAP_STEP_S
                continue
            if not data:
                yield InputEnded()
                return
            wait = GAP_AFTER_S
            yield InputAudio(decoder.feed(data), now)
