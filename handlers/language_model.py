"""The language model, through Transformers: any instruct model, from the hub or a folder, answering as it streams."""

from __future__ import annotations

from collections.abc import Iterator

from handlers.base import BaseHandler, Live
from handlers.language_model_engine import LanguageModelEngine
from utils.messages import Message, ReplyEnd, Sentence, SpeechStarted, Transcript
from utils.sentences import SentenceStream
from utils.speakable_text import SpeakableText


class LanguageModelHandler(BaseHandler):
    """Turns a transcript into the sentences of a reply, each given out as soon as it is complete.

    While the user speaks, the model reads what of the prompt is known already.
    """

    handles = (Transcript, SpeechStarted)
    engine_type = LanguageModelEngine

    def setup(self, engine: LanguageModelEngine) -> None:
        self._engine = engine
        self._session = engine.new_session()

    def process(self, message: Transcript | SpeechStarted, live: Live) -> Iterator[Message]:
        if isinstance(message, SpeechStarted):
            self._engine.prefill(self._session, self.context.chat, live)
        else:
            yield from self._reply(message, live)

    def _reply(self, message: Transcript, live: Live) -> Iterator[Message]:
        sentences, speakable = SentenceStream(), SpeakableText()

        def sentence(text: str) -> Sentence:
            return Sentence(message.attempt, text, speakable.speak(text))

        for piece in self._engine.stream(self._session, self.context.chat, message.text, live):
            yield from map(sentence, sentences.feed(piece))
        yield from map(sentence, sentences.flush())
        yield ReplyEnd(message.attempt)

    def cleanup(self) -> None:
        del self._session  # its key/value cache is this conversation's largest piece of memory
