"""What every speech-to-text stage has in common: the audio of a turn in, its words out.

A backend is an engine (see `STTEngine`) and a handler that names it:

    class MySTTHandler(STTHandler):
        engine_type = MyEngine

The stage joins the parts of a long turn, transcribes unfinished speech for the language model to read ahead, and leaves
what the words mean for the reply to `utils.conversation.dialogue`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from handlers.base import BaseHandler
from utils.audio.levels import speech_level
from utils.audio.samples import FloatAudio
from utils.conversation.dialogue import Dialogue, Overlap, Sound
from utils.conversation.messages import (
    InterimAudio,
    InterimTranscript,
    Message,
    ReplyHeard,
    SpeechPart,
    Transcript,
    Utterance,
)
from utils.system.engine_thread import Live


class STTEngine(Protocol):
    """A recogniser on its engine thread, shared by all conversations. It is called from the stages' threads."""

    def new_memo(self) -> Any:
        """What the engine remembers of speech that it will hear again with more at its end; None if nothing."""

    def transcribe(self, audio: FloatAudio, live: Live, over_reply: bool, memo: Any, /) -> str:
        """The words in float32 [n], mono, 16 kHz; "" where there is no speech.

        over_reply: it was said while a reply played, so that it may be no speech, or garbled. memo: what `new_memo`
        made for this speech. The engine may read and change it to work faster; without it, it finds words as good.
        Raises CancelledError when `live` turns false, and what the engine raises.
        """


@dataclass(frozen=True)
class _Interim:
    """An interim transcript."""

    number: int
    """Of its `InterimAudio`."""

    text: str
    """The words since the last part."""

    over_reply: bool
    """It was transcribed as what is said over a reply."""


class STTHandler(BaseHandler):
    """Turns utterances into transcripts; says nothing where nothing was said.

    An interim transcript is the utterance's, where no sound has followed it.
    """

    handles = (ReplyHeard, InterimAudio, SpeechPart, Utterance)

    def setup(self, engine: STTEngine) -> None:
        self._engine = engine
        self._dialogue = Dialogue(self.context.turns)
        self._interim = _Interim(0, "", False)  # the newest one
        self._turn = 0
        self._parts: list[str] = []  # the words of this turn's earlier parts
        self._memo = engine.new_memo()  # of the audio after those

    def process(self, message: ReplyHeard | InterimAudio | SpeechPart | Utterance, live: Live) -> Iterator[Message]:
        if isinstance(message, ReplyHeard):
            self._memo = self._engine.new_memo()  # it may be large, and what it is of is mostly answered
            yield message
            return
        if message.turn != self._turn:
            self._turn, self._parts, self._memo = message.turn, [], self._engine.new_memo()
        if isinstance(message, InterimAudio):
            yield from self._transcribe_interim(message, live)
        elif isinstance(message, SpeechPart):
            self._parts.append(self._engine.transcribe(message.audio, live, False, self._memo))
            self._memo = self._engine.new_memo()
        else:
            yield from self._transcribe_turn(message, live)

    def _transcribe_interim(self, message: InterimAudio, live: Live) -> Iterator[Message]:
        interim = self.context.interim
        interim.take(message.number)

        def wanted() -> bool:
            return live() and interim.wanted(message.number)

        if wanted():
            text = self._transcribe(message.audio, wanted, message.over_reply)
            self._interim = _Interim(message.number, text, message.over_reply)
            if text and not message.over_reply:
                yield InterimTranscript(message.number, message.turn, self._joined(text))

    def _transcribe_turn(self, message: Utterance, live: Live) -> Iterator[Message]:
        over_reply = self.context.turns.doubtful(message.attempt)
        interim, text = self._interim, self._interim.text
        if message.interim != interim.number or over_reply != interim.over_reply or not (text or over_reply):
            text = self._transcribe(message.audio, live, over_reply)
        transcript = Transcript(message.attempt, message.turn, self._joined(text))
        level_db = speech_level(message.audio)
        over = self._overlap(message, level_db) if over_reply else None
        sound = self._dialogue.understood(message.attempt, transcript.text, over, level_db)
        if sound is Sound.WORDS:
            yield transcript
        elif sound is Sound.STOP:
            self.context.records.observe(transcript)
            self.context.turns.finish(message.attempt)

    def _overlap(self, message: Utterance, level_db: float) -> Overlap:
        began = message.last_voiced_at if message.first_voiced_at is None else message.first_voiced_at
        reply, as_loud = self.context.records.spoken_text(), self._dialogue.as_loud(level_db)
        return Overlap(reply, message.last_voiced_at - began, as_loud)

    def _joined(self, text: str) -> str:
        """The words of the turn: those of its earlier parts, and these."""
        return " ".join(part for part in [*self._parts, text] if part)

    def _transcribe(self, audio: FloatAudio, live: Live, over_reply: bool = False) -> str:
        began = self.context.clock()
        text = self._engine.transcribe(audio, live, over_reply, self._memo)
        self.context.interim.took((self.context.clock() - began) * 1_000)
        return text
