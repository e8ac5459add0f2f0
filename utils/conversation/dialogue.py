"""The policy of the dialogue: what a sound of the user was, and what becomes of the attempts because of it.

It decides on words and durations alone, and acts on `Turns`. `utils.turns.interruptions` knows which words are
backchannels or echoes.
"""

from __future__ import annotations

import enum
import logging

from utils.turns.interruptions import is_backchannel, is_echo, same_words
from utils.turns.turns import Turns

logger = logging.getLogger(__name__)

# Voiced over a reply. A cough or an "mm-hm" is shorter, so that this is an interruption, whatever its words.
SURELY_INTERRUPTS_MS = 1_500
# Voiced after a pause. A breath, or the end of the last word, is shorter. From here on the attempt that was begun in
# the pause is surely wrong, and the models are needed for the next one.
SURELY_MORE_MS = 200


class Sound(enum.Enum):
    """What a sound of the user was."""

    NOTHING = "nothing was said"
    BACKCHANNEL = "a listener's sound over the reply"
    ECHO = "the reply itself, as the microphone heard it"
    SAME = "the words that are being answered already"
    WORDS = "words to be answered"


def classify(text: str, answered: str, reply: str | None = None) -> Sound:
    """What was said. text: its transcript; answered: the words that the newest attempt answers.

    reply: what was sent of the reply that it was said over; None where it was said in silence.
    """
    if not text:
        return Sound.NOTHING
    if reply is not None and is_backchannel(text):
        return Sound.BACKCHANNEL
    if reply is not None and is_echo(text, reply):
        return Sound.ECHO
    return Sound.SAME if same_words(text, answered) else Sound.WORDS


def may_interrupt(voiced_ms: float, least_ms: float, extends: bool) -> bool:
    """Whether a sound over a reply is long enough to be transcribed. least_ms: a sound of its own has to be so long;
    extends: it goes on with speech that was long enough."""
    return extends or voiced_ms >= least_ms


def surely_interrupts(voiced_ms: float) -> bool:
    """Whether a sound over a reply has lasted so long that it is an interruption, whatever its words."""
    return voiced_ms >= SURELY_INTERRUPTS_MS


def surely_more(voiced_ms: float) -> bool:
    """Whether what follows a pause has lasted so long that it holds more words of the turn."""
    return voiced_ms >= SURELY_MORE_MS


class Dialogue:
    """Decides what becomes of each attempt when its words are known. One conversation's; used by one thread."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._answered = ""  # the words that the newest attempt answers

    def understood(self, attempt: int, text: str, reply: str | None = None) -> bool:
        """The words of an attempt are known. True: they are to be answered. text, reply: see `classify`.

        Where nothing was said, or the same as before, the attempt that this one revises goes on. Where there is none,
        nothing is discarded, and the same words are answered: the user has repeated them. Backchannels and echoes are
        discarded, and the reply goes on.
        """
        sound = classify(text, self._answered, reply)
        logger.debug("%s: %r", sound.value, text)
        if sound in (Sound.NOTHING, Sound.SAME) and self._turns.keep_spared(attempt):
            return False
        if sound not in (Sound.SAME, Sound.WORDS):
            self._turns.discard(attempt)
            return False
        if not self._turns.confirm(attempt):
            return False
        self._answered = text
        return True
