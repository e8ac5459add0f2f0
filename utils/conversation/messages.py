"""The typed messages that the queues between stages carry. Nothing else travels there.

    receiver ─ InputAudio, InputGap, InputEnded ─▶ VAD
             ─ ReplyHeard, SpeechStarted, InterimAudio, SpeechPart, Utterance ─▶ STT
             ─ ReplyHeard, SpeechStarted, InterimTranscript, Transcript ─▶ LM ─ Sentence, ReplyEnd ─▶ TTS
             ─ ReplyAudio, ReplyEnd ─▶ sender

A stage passes on every message that it does not handle itself, unchanged and in order (`InputEnded`, `ReplyEnd`).
Every message that belongs to a reply carries the number of its attempt. Whether that attempt is still wanted, only
`utils.turns.turns.Turns` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from utils.audio.samples import FloatAudio, PcmAudio


@dataclass(frozen=True)
class ConversationStarted:
    """The conversation begins: the receiver starts to read from its socket."""


@dataclass(frozen=True)
class Shutdown:
    """Ends a stage's loop. Nothing follows it."""


@dataclass(frozen=True)
class InputEnded:
    """The user's side has ended (end of file): answer what was said, then close."""


@dataclass(frozen=True, eq=False)
class InputAudio:
    """What the microphone heard."""

    samples: FloatAudio
    """float32 [n], mono, -1..1, at the input rate."""

    received_at: float
    """When the last of these samples arrived: seconds on the conversation's clock."""


@dataclass(frozen=True)
class InputGap:
    """No audio has arrived for a while."""

    until: float
    """Until then there was none: seconds on the conversation's clock."""


@dataclass(frozen=True)
class SpeechStarted:
    """The user has begun to speak. The language model can read the history while the words are still unknown."""

    turn: int
    """The turn that begins."""


@dataclass(frozen=True)
class ReplyHeard:
    """A reply is not heard any more, to its end or not. The language model can read the history as the next turn will
    find it."""


@dataclass(frozen=True, eq=False)
class InterimAudio:
    """The turn's audio up to now, to be transcribed while the user still speaks. It belongs to no attempt."""

    number: int
    """The request's number. `utils.turns.interim.InterimResults` knows whether it is still wanted."""

    turn: int
    """The turn that the user is speaking."""

    audio: FloatAudio
    """float32 [n], mono, 16 kHz: since the last `SpeechPart` of this turn."""

    over_reply: bool = False
    """It is said over a reply, so that it may be no speech."""


@dataclass(frozen=True, eq=False)
class SpeechPart:
    """A finished part of a turn that has become long. It belongs to no attempt: the user's words never go stale."""

    turn: int
    """The turn that the user is speaking."""

    audio: FloatAudio
    """float32 [n], mono, 16 kHz."""


@dataclass(frozen=True, eq=False)
class Utterance:
    """What the user said since the last `SpeechPart` of this turn. An attempt at answering the turn begins with it."""

    attempt: int
    """The attempt that begins."""

    turn: int
    """The turn that it answers."""

    audio: FloatAudio
    """float32 [n], mono, 16 kHz."""

    last_voiced_at: float
    """When the voice was last heard (`handlers/vad/turn_audio.py`): seconds on the conversation's clock."""

    speculative: bool = False
    """The attempt begins in a pause, before it is known that the turn is over."""

    first_voiced_at: float | None = None
    """Where the turn's first voiced frame begins: seconds on the same clock."""

    interim: int | None = None
    """The number of the `InterimAudio` that has the same words, for all was quiet after it. None: there is none."""


@dataclass(frozen=True)
class InterimTranscript:
    """The words of the turn up to an `InterimAudio`, which may prove to be all of them. The language model reads them
    ahead."""

    number: int
    """The number of the `InterimAudio`."""

    turn: int
    """The turn that the user is speaking."""

    text: str
    """All words of the turn so far; never empty."""


@dataclass(frozen=True)
class Transcript:
    """The words of the whole turn."""

    attempt: int
    """The attempt that answers them."""

    turn: int
    """The turn whose words they are."""

    text: str
    """Never empty."""


@dataclass(frozen=True)
class Sentence:
    """One sentence of the reply, or a piece of one."""

    attempt: int
    """The attempt whose reply it is."""

    text: str
    """The language model's own text with its white space: all of them joined are the whole reply."""

    spoken: str
    """What the voice should read of it; may be empty."""

    goes_on: bool = False
    """The next message has more of this sentence."""


@dataclass(frozen=True, eq=False)
class ReplyAudio:
    """A block of the reply's audio."""

    attempt: int
    """The attempt whose reply it is."""

    samples: PcmAudio
    """int16 [n], mono, 44.1 kHz; n may be 0."""

    text: str
    """The `Sentence.text` that begins with this audio; empty in the sentence's further blocks."""

    ends_sentence: bool
    """This is the sentence's last block."""

    goes_on: bool = False
    """The `Sentence.goes_on` of the sentence."""


@dataclass(frozen=True)
class ReplyEnd:
    """No more of the reply follows."""

    attempt: int
    """The attempt whose reply it is."""

    failed: bool = False
    """A stage broke, so that the reply is incomplete."""


ReplyMessage: TypeAlias = Utterance | Transcript | Sentence | ReplyAudio | ReplyEnd
SpeechMessage: TypeAlias = ReplyHeard | SpeechStarted | InterimAudio | InterimTranscript | SpeechPart
InputMessage: TypeAlias = InputEnded | InputAudio | InputGap | SpeechMessage
Message: TypeAlias = ConversationStarted | Shutdown | InputMessage | ReplyMessage


def attempt_of(message: Message) -> int | None:
    """The attempt a message belongs to, or None where it belongs to the user's input or the conversation itself."""
    return getattr(message, "attempt", None)
