"""What every language model stage has in common: the user's words in, the sentences of a reply out.

A backend is an engine (see `LMEngine`) and a handler that names it:

    class MyLMHandler(LMHandler):
        engine_type = MyEngine
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from handlers.base import BaseHandler
from utils.conversation.messages import (
    InterimTranscript,
    Message,
    ReplyEnd,
    ReplyHeard,
    Sentence,
    SpeechStarted,
    Transcript,
)
from utils.conversation.rest import resting
from utils.system.engine_thread import Live, on_shared_thread
from utils.text.hidden_parts import HiddenParts
from utils.text.reply_pieces import Piece, ReplyPieces
from utils.text.speakable_text import SpeakableText
from utils.turns.chat import Chat

logger = logging.getLogger(__name__)

FILTERS = ("top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff")  # of sampled tokens
LONGEST_REST_S = 0.5  # a voice that needs longer for its first sound is slow, and then the text is not what is missing


class LMEngine(Protocol):
    """A language model on its engine thread, shared by all conversations. It is called from the stages' threads."""

    def new_chat(self) -> Chat:
        """The history of a new conversation."""

    def new_session(self) -> Any:
        """What the engine keeps of a conversation, such as its key/value cache; None if nothing."""

    def stream(self, session: Any, chat: Chat, user_text: str, live: Live, /) -> Iterator[str]:
        """The reply's text in pieces, as it is generated.

        Ends early when `live` turns false; so does generation when the iterator is closed. Raises what the engine
        raises.
        """

    def prefill(self, session: Any, chat: Chat, live: Live, words: str | None = None, /) -> None:
        """Read ahead what the next prompt will begin with, while the user speaks. An engine without such a cache does
        nothing.

        words: what the user has said so far, which may prove to be all; None where nothing is known of it. Returns when
        it is read, or soon after `live` turns false.
        """


def samples(options: Mapping[str, Any]) -> bool:
    """Whether tokens are chosen by chance: that needs `do_sample` and a temperature above 0.

    options: of generation, without prefix. One line in the log names those that have no effect.
    """
    asked = bool(options.get("do_sample"))
    warm = options.get("temperature", 1.0 if asked else 0.0) > 0
    if warm and asked:
        return True
    filters = [f"--lm_gen_{name}" for name in FILTERS if options.get(name) is not None]
    if warm:
        idle, reason = ["--lm_gen_temperature", *filters], "with --lm_gen_do_sample false"
    else:
        idle = [*(["--lm_gen_do_sample true"] if asked else []), *filters]
        reason = "without an --lm_gen_temperature above 0"
    if idle:
        logger.warning("no effect %s: %s", reason, ", ".join(idle))
    return False


class LMHandler(BaseHandler):
    """Turns a transcript into the sentences of a reply, each given out as soon as it is complete; the first one as soon
    as its first clause is.

    When a reply has been heard, and while the user speaks, the engine reads what is known of the next prompt: the
    history, which may have lost its oldest part, then the interim transcript. Once the first piece of the reply is out,
    the engine rests until the voice has begun on it: the listener waits for the voice, which takes twice as long beside
    the engine, and not for more text. It rests while its reply is held, too.
    """

    handles = (Transcript, ReplyHeard, SpeechStarted, InterimTranscript)

    def setup(self, engine: LMEngine) -> None:
        self._engine = engine
        self._session = engine.new_session()

    def process(
        self, message: Transcript | ReplyHeard | SpeechStarted | InterimTranscript, live: Live
    ) -> Iterator[Message]:
        if isinstance(message, ReplyHeard | SpeechStarted):
            self._engine.prefill(self._session, self.context.chat, live)
        elif isinstance(message, InterimTranscript):
            interim, number = self.context.interim, message.number
            self._engine.prefill(
                self._session, self.context.chat, lambda: live() and interim.wanted(number), message.text
            )
        else:
            yield from self._reply(message, live)

    def cleanup(self) -> None:
        del self._session  # a key/value cache is this conversation's largest piece of memory

    def _reply(self, message: Transcript, live: Live) -> Iterator[Message]:
        hidden, pieces, speakable = HiddenParts(), ReplyPieces(), SpeakableText()

        def sentence(piece: Piece) -> Sentence:
            return Sentence(message.attempt, piece.text, speakable.speak(piece.text, piece.goes_on), piece.goes_on)

        rested = False

        def wanted() -> bool:
            nonlocal rested
            rested = rested or on_shared_thread()  # the voice would be waiting for this thread
            rested = rested or not self.context.records.wait_for_voice(message.attempt, LONGEST_REST_S)
            return unheld()

        unheld = resting(self.context.turns, message.attempt, live)
        try:
            for text in self._engine.stream(self._session, self.context.chat, message.text, wanted):
                yield from map(sentence, pieces.feed(hidden.feed(text)))
            yield from map(sentence, pieces.feed(hidden.flush()))
            yield from map(sentence, pieces.flush())
        finally:
            if left_out := [*(kind.value for kind in hidden.left_out), *speakable.left_out]:
                logger.info("not spoken in this reply: %s", ", ".join(left_out))
        yield ReplyEnd(message.attempt)
