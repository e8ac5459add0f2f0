"""Speech to text with Whisper: utterances become transcripts, and what is no speech stays silent."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from handlers.base import BaseHandler
from handlers.whisper.engine import RATE, Draft, WhisperEngine
from utils.conversation.messages import Message, SpeechPart, SpeechSoFar, Transcript, Utterance, WordsSoFar
from utils.system.engine_thread import Live
from utils.turns.interruptions import same_words

logger = logging.getLogger(__name__)


class WhisperSTTHandler(BaseHandler):
    """Turns utterances into transcripts; joins the parts of a long turn; says nothing where nothing was said.

    What was transcribed ahead of a pause is the utterance's text where no sound has followed, and else a draft of it.
    """

    handles = (SpeechSoFar, SpeechPart, Utterance)
    engine_type = WhisperEngine

    def setup(self, engine: WhisperEngine) -> None:
        self._engine = engine
        self._turn = 0
        self._parts: list[str] = []  # words of this turn's earlier parts
        self._draft = Draft()  # what was heard of the audio after those
        self._so_far = (0, "")  # the number of what was transcribed ahead last, and its text
        self._said = ""  # what the attempt that was understood last answers

    def process(self, message: SpeechSoFar | SpeechPart | Utterance, live: Live) -> Iterator[Message]:
        if message.turn != self._turn:
            self._turn, self._parts, self._draft = message.turn, [], Draft()
        if isinstance(message, SpeechSoFar):
            yield from self._hear_ahead(message, live)
        elif isinstance(message, SpeechPart):
            self._parts.append(self._engine.transcribe(message.audio, live, False, self._draft))
            self._draft = Draft()
        else:
            yield from self._answer(message, live)

    def _hear_ahead(self, message: SpeechSoFar, live: Live) -> Iterator[Message]:
        ahead = self.context.ahead

        def wanted() -> bool:
            return live() and ahead.wanted(message.number)

        if wanted():
            text = self._transcribe(message, wanted)
            self._so_far = (message.number, text)
            if text:
                yield WordsSoFar(message.number, message.turn, self._whole(text))

    def _answer(self, message: Utterance, live: Live) -> Iterator[Message]:
        doubtful = self.context.turns.doubtful(message.attempt)
        number, text = self._so_far
        if not text or doubtful or message.so_far != number:
            text = self._transcribe(message, live, doubtful)
        whole = self._whole(text)
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

    def _whole(self, text: str) -> str:
        """With the parts before it."""
        return " ".join(part for part in [*self._parts, text] if part)

    def _transcribe(self, message: SpeechSoFar | Utterance, live: Live, doubtful: bool = False) -> str:
        began = self.context.clock()
        text = self._engine.transcribe(message.audio, live, doubtful, self._draft)
        self.context.ahead.took((self.context.clock() - began) * 1_000)
        return text
