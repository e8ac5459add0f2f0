"""Speech to text with Whisper: utterances become transcripts, and what is no speech stays silent."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from handlers.base import BaseHandler, Live
from handlers.whisper_engine import RATE, Draft, WhisperEngine
from utils.interruptions import same_words
from utils.messages import Message, SpeechPart, Transcript, Utterance

logger = logging.getLogger(__name__)


class WhisperSTTHandler(BaseHandler):
    """Turns utterances into transcripts; joins the parts of a long turn; says nothing where nothing was said."""

    handles = (SpeechPart, Utterance)
    engine_type = WhisperEngine

    def setup(self, engine: WhisperEngine) -> None:
        self._engine = engine
        self._turn = 0
        self._parts: list[str] = []  # words of this turn's earlier parts
        self._draft = Draft()  # what was heard of the audio after those
        self._said = ""  # what the attempt that was understood last answers

    def process(self, message: SpeechPart | Utterance, live: Live) -> Iterator[Message]:
        if message.turn != self._turn:
            self._turn, self._parts, self._draft = message.turn, [], Draft()
        doubtful = isinstance(message, Utterance) and self.context.turns.doubtful(message.attempt)
        text = self._engine.transcribe(message.audio, live, doubtful, self._draft)
        if isinstance(message, SpeechPart):
            self._parts.append(text)
            self._draft = Draft()
            return
        whole = " ".join(part for part in [*self._parts, text] if part)
        turns = self.context.turns
        if not whole:
            logger.debug("nothing was said in %.2f s of audio", len(message.audio) / RATE)
            if not turns.same(message.attempt):
                turns.discard(message.attempt)
        elif doubtful and not self.context.records.interrupts(whole):
            logger.debug("said over the reply, and no interruption: %r", whole)
            turns.discard(message.attempt)
        elif same_words(whole, self._said) and turns.same(message.attempt):
            logger.debug("the attempt that is running answers this already: %r", whole)
        elif turns.confirm(message.attempt):
            self._said = whole
            yield Transcript(message.attempt, message.turn, whole)
