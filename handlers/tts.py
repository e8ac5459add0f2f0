"""What every text-to-speech stage has in common: one sentence in, its audio out in short blocks.

A backend is an engine with `stream` (see `TTSEngine`) and a handler that names it:

    class MyTTSHandler(TTSHandler):
        engine_type = MyEngine
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from typing import Protocol

import numpy as np

from handlers.base import BaseHandler
from utils.audio.quiet_start import QuietStart
from utils.audio.samples import PcmAudio
from utils.audio.wire import REPLY_RATE
from utils.conversation.messages import Message, ReplyAudio, Sentence
from utils.system.engine_thread import Live

BLOCK = REPLY_RATE // 5  # samples of a message: 0.2 s, for between two messages a reply can be cancelled
AHEAD = 2 * REPLY_RATE  # samples that may wait to be taken: a paused listener's sentence is not made to its end


class TTSEngine(Protocol):
    """A voice on its engine thread, shared by all conversations."""

    def stream(self, text: str, live: Live) -> Generator[PcmAudio, None, None]:
        """The audio of `text`, int16 [n], mono, 44.1 kHz, as it is made.

        Ends early when `live` turns false. When it is closed, the voice stops at its next step. Raises what the voice
        raises.
        """


class TTSHandler(BaseHandler):
    """Turns each sentence into audio: its text with the first message, `ends_sentence` on the last, which is empty.

    A reply begins with its first sound: the silence that the voice makes before it would only be waited for.
    A sentence with nothing to speak, or of which the voice makes nothing, is that one message.
    """

    handles = (Sentence,)

    def setup(self, engine: TTSEngine) -> None:
        self._engine = engine
        self._attempt, self._start = -1, QuietStart()  # of the reply that is being spoken

    def process(self, message: Sentence, live: Live) -> Iterator[Message]:
        text, goes_on = message.text, message.goes_on
        if message.attempt != self._attempt:
            self._attempt, self._start = message.attempt, QuietStart()
        if message.spoken.strip():
            with contextlib.closing(self._engine.stream(message.spoken, live)) as stream:
                for samples in map(self._start.without, stream):
                    for start in range(0, len(samples), BLOCK):
                        yield ReplyAudio(message.attempt, samples[start : start + BLOCK], text, False, goes_on)
                        text = ""
        yield ReplyAudio(message.attempt, np.zeros(0, dtype=np.int16), text, True, goes_on)
