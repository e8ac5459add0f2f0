"""What every text-to-speech stage has in common: one sentence in, its audio out in short blocks.

A backend is an engine with `stream` and `reading` (see `TTSEngine`) and a handler that names it:

    class MyTTSHandler(TTSHandler):
        engine_type = MyEngine
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Iterator
from typing import Protocol

import numpy as np

from handlers.base import BaseHandler
from utils.audio.quiet_start import QuietStart
from utils.audio.samples import PcmAudio
from utils.audio.wire import REPLY_RATE
from utils.conversation.messages import Message, ReplyAudio, Sentence
from utils.conversation.rest import resting
from utils.system.engine_thread import Live
from utils.text.voice_text import VoiceText

logger = logging.getLogger(__name__)

BLOCK = REPLY_RATE // 5  # samples of a message: 0.2 s, for between two messages a reply can be cancelled
AHEAD = 2 * REPLY_RATE  # samples that may wait to be taken: a paused listener's sentence is not made to its end


class TTSEngine(Protocol):
    """A voice on its engine thread, shared by all conversations."""

    reading: VoiceText
    """How its sentences are read: its language, the letters that it can say."""

    def stream(self, text: str, live: Live) -> Generator[PcmAudio, None, None]:
        """The audio of `text`, int16 [n], mono, 44.1 kHz, as it is made. text: as `reading` has it.

        Ends early when `live` turns false. When it is closed, the voice stops at its next step. Raises what the voice
        raises.
        """


class TTSHandler(BaseHandler):
    """Turns each sentence into audio: its text with the first message, `ends_sentence` on the last, which is empty.

    The voice reads what is spelled out: numbers as words, and nothing that it can't say.

    A reply begins with its first sound: the silence that the voice makes before it would only be waited for.
    A sentence with nothing to speak, or of which the voice makes nothing, is that one message.
    """

    handles = (Sentence,)

    def setup(self, engine: TTSEngine) -> None:
        self._engine = engine
        self._attempt, self._start = -1, QuietStart()  # of the reply that is being spoken
        self._left_out: set[str] = set()  # of it

    def process(self, message: Sentence, live: Live) -> Iterator[Message]:
        text, goes_on = message.text, message.goes_on
        if message.attempt != self._attempt:
            self._attempt, self._start, self._left_out = message.attempt, QuietStart(), set()
        spoken = self._engine.reading.read(message.spoken, self._note) if message.spoken.strip() else ""
        if spoken.strip():
            wanted = resting(self.context.turns, message.attempt, live)
            with contextlib.closing(self._engine.stream(spoken, wanted)) as stream:
                for samples in map(self._start.without, stream):
                    for start in range(0, len(samples), BLOCK):
                        yield ReplyAudio(message.attempt, samples[start : start + BLOCK], text, False, goes_on)
                        text = ""
        yield ReplyAudio(message.attempt, np.zeros(0, dtype=np.int16), text, True, goes_on)

    def _note(self, what: str) -> None:
        """Say in the log what the voice can't say, once a reply."""
        if what not in self._left_out:
            self._left_out.add(what)
            logger.info("not spoken in this reply, since the voice can't say it: %s", what)
