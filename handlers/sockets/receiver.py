"""The first stage: turns what the client says into samples."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from handlers.base import BaseHandler
from utils.audio.wire import PcmDecoder
from utils.conversation.messages import ConversationStarted, InputAudio, InputEnded, InputGap, Message
from utils.system.engine_thread import Live
from utils.transports.base import ReadError, Transport

logger = logging.getLogger(__name__)

GAP_AFTER_S = 0.2  # network jitter is shorter; what a longer gap means, the VAD decides
GAP_STEP_S = 0.05


class SocketReceiver(BaseHandler):
    """The end of the input, or an input that breaks off, ends it; whatever was said by then is still answered."""

    handles = (ConversationStarted,)

    def setup(self, engine: Transport) -> None:
        self._transport = engine

    def process(self, message: ConversationStarted, live: Live) -> Iterator[Message]:
        decoder = PcmDecoder()
        wait = GAP_AFTER_S
        while live():
            data = self._read(wait)
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

    def _read(self, timeout_s: float) -> bytes | None:
        try:
            return self._transport.read(timeout_s)
        except ReadError as error:
            logger.debug("the input broke off: %s", error)
            return b""
