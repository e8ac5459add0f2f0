"""The language model, through Transformers: any instruct model, from the hub or a folder, answering as it streams."""

from __future__ import annotations

from collections.abc import Iterator

from handlers.base import BaseHandler
from handlers.language_model.engine import LanguageModelEngine
from utils.conversation.messages import Message, ReplyEnd, Sentence, SpeechStarted, Transcript, WordsSoFar
from utils.system.engine_thread import Live
from utils.text.reply_pieces import Piece, ReplyPieces
from utils.text.speakable_text import SpeakableText

LONGEST_REST_S = 0.5  # a voice that needs longer for its first sound is slow, and then the text is not what is missing


class LanguageModelHandler(BaseHandler):
    """Turns a transcript into the sentences of a reply, each given out as soon as it is complete; the first one as soon
    as its first clause is.

    While the user speaks, the model reads what of the prompt is known already, words too. Once the first piece is out
    it rests until the voice has begun on it: the listener waits for the voice, which takes twice as long beside it, and
    not for more text.
    """

    handles = (Transcript, SpeechStarted, WordsSoFar)
    engine_type = LanguageModelEngine

    def setup(self, engine: LanguageModelEngine) -> None:
        self._engine = engine
        self._session = engine.new_session()

    def process(self, message: Transcript | SpeechStarted | WordsSoFar, live: Live) -> Iterator[Message]:
        if isinstance(message, SpeechStarted):
            self._engine.prefill(self._session, self.context.chat, live)
        elif isinstance(message, WordsSoFar):
            ahead, number = self.context.ahead, message.number
            self._engine.prefill(
                self._session, self.context.chat, lambda: live() and ahead.wanted(number), message.text
            )
        else:
            yield from self._reply(message, live)

    def _reply(self, message: Transcript, live: Live) -> Iterator[Message]:
        pieces, speakable = ReplyPieces(), SpeakableText()

        def sentence(piece: Piece) -> Sentence:
            return Sentence(message.attempt, piece.text, speakable.speak(piece.text, piece.goes_on), piece.goes_on)

        rested = False

        def wanted() -> bool:
            nonlocal rested
            rested = rested or not self.context.records.wait_for_voice(message.attempt, LONGEST_REST_S)
            return live()

        for text in self._engine.stream(self._session, self.context.chat, message.text, wanted):
            yield from map(sentence, pieces.feed(text))
        yield from map(sentence, pieces.flush())
        yield ReplyEnd(message.attempt)

    def cleanup(self) -> None:
        del self._session  # its key/value cache is this conversation's largest piece of memory
