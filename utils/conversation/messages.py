"""The typed messages that the queues between stages carry, and nothing else travels there.

    receiver ─ InputAudio, InputGap, InputEnded ─▶ VAD ─ SpeechStarted, SpeechSoFar, SpeechPart, Utterance ─▶ STT
             ─ SpeechStarted, WordsSoFar, Transcript ─▶ LM ─ Sentence, ReplyEnd ─▶ TTS ─ ReplyAudio, ReplyEnd ─▶ sender

A stage passes on unchanged, in order, every message it does not handle itself (`InputEnded`, `ReplyEnd`). Every
message that belongs to a reply carries its `attempt`; whether that attempt is still wanted is asked of
`utils.turns.turns.Turns`, never guessed from a queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from utils.audio.samples import FloatAudio, PcmAudio


@dataclass(frozen=True)
class ConversationStarted:
    """Starts a source: the receiver begins to read from its socket."""


@dataclass(frozen=True)
class Shutdown:
    """Ends a stage's loop. Nothing follows it."""


@dataclass(frozen=True)
class InputEnded:
    """The user's side has ended (end of file): answer what was said, then close."""


@dataclass(frozen=True, eq=False)
class InputAudio:
    """What the microphone heard. samples: float32 [n], mono, -1..1, at the input rate.

    received_at: seconds on the conversation's clock when the last of these samples arrived.
    """

    samples: FloatAudio
    received_at: float


@dataclass(frozen=True)
class InputGap:
    """Nothing has arrived for a while: at `until` (seconds on the conversation's clock) there was still nothing."""

    until: float


@dataclass(frozen=True)
class SpeechStarted:
    """The user has begun to speak: what can be made ready before the words are known, is."""

    turn: int


@dataclass(frozen=True, eq=False)
class SpeechSoFar:
    """The beginning of what may become an `Utterance`, to be transcribed ahead. It belongs to no attempt.

    number: of `utils.turns.hearing_ahead.HearingAhead`, which says whether it is still wanted.
    audio: float32 [n], mono, 16 kHz.
    """

    number: int
    turn: int
    audio: FloatAudio


@dataclass(frozen=True, eq=False)
class SpeechPart:
    """An early part of a long turn. It belongs to no attempt, for the user's words never go stale.

    audio: float32 [n], mono, 16 kHz.
    """

    turn: int
    audio: FloatAudio


@dataclass(frozen=True, eq=False)
class Utterance:
    """What the user said since the last `SpeechPart` of this turn, up to the end of the turn."""

    attempt: int
    turn: int

    audio: FloatAudio
    """float32 [n], mono, 16 kHz."""

    last_voiced_at: float
    """When the voice was last heard (`handlers/vad/turn_audio.py`): seconds on the conversation's clock."""

    early: bool = False
    """The turn is not over yet, and this may prove not to have been its end."""

    first_voiced_at: float | None = None
    """Where the turn's first voiced frame begins: seconds on the same clock."""

    so_far: int | None = None
    """The number of the `SpeechSoFar` after which all was quiet, so that it has the same words; None: there is none."""


@dataclass(frozen=True)
class WordsSoFar:
    """The words of the turn up to a `SpeechSoFar`, never empty: what they have in common with its transcript is read
    ahead. number: the `SpeechSoFar`'s."""

    number: int
    turn: int
    text: str


@dataclass(frozen=True)
class Transcript:
    """The words of the whole turn, never empty."""

    attempt: int
    turn: int
    text: str


@dataclass(frozen=True)
class Sentence:
    """One sentence of the reply, or a piece of one. `text` is the LM's own text, white space included: joined, the
    sentences are its whole reply. `spoken` is what a voice should read of it, and may be empty. goes_on: the next
    message is more of this sentence."""

    attempt: int
    text: str
    spoken: str
    goes_on: bool = False


@dataclass(frozen=True, eq=False)
class ReplyAudio:
    """Audio of the reply. samples: int16 [n], mono, 44.1 kHz, n may be 0.

    text: the sentence (its `Sentence.text`) that begins with this audio; empty where a sentence goes on.
    ends_sentence: this is the last audio of what `text` began. goes_on: its `Sentence.goes_on`.
    """

    attempt: int
    samples: PcmAudio
    text: str
    ends_sentence: bool
    goes_on: bool = False


@dataclass(frozen=True)
class ReplyEnd:
    """The reply is complete, or (`failed`) a stage broke and nothing more of it will come."""

    attempt: int
    failed: bool = False


ReplyMessage: TypeAlias = Utterance | Transcript | Sentence | ReplyAudio | ReplyEnd
InputMessage: TypeAlias = InputEnded | InputAudio | InputGap | SpeechStarted | SpeechSoFar | WordsSoFar | SpeechPart
Message: TypeAlias = ConversationStarted | Shutdown | InputMessage | ReplyMessage


def attempt_of(message: Message) -> int | None:
    """The attempt a message belongs to, or None where it belongs to the user's input or the conversation itself."""
    return getattr(message, "attempt", None)
