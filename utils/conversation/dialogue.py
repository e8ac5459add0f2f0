"""The policy of the dialogue: what a sound of the user was, and what becomes of the attempts because of it.

It decides on words and durations alone, and acts on `Turns`. `utils.turns.interruptions` knows which words are
backchannels or echoes.
"""

from __future__ import annotations

import enum
import logging
import math
from dataclasses import dataclass

from utils.turns.interruptions import asks, is_answer, is_backchannel, is_echo, is_stop, same_words
from utils.turns.turns import Turns

logger = logging.getLogger(__name__)

# Voiced over a reply. A cough or an "mm-hm" is shorter, so that this is an interruption, whatever its words.
SURELY_INTERRUPTS_MS = 1_500
# Voiced after a pause. A breath, or the end of the last word, is shorter. From here on the attempt that was begun in
# the pause is surely wrong, and the models are needed for the next one.
SURELY_MORE_MS = 200
# A reply is held 0.1 s after a sound over it begins. Then no more of it is heard than is on its way: what is written
# ahead (0.2 s), what the client and its sound card hold, and the way itself. An echo ends with that.
LONGEST_ECHO_S = 1.0
# An echo canceller leaves little of the voice. Who is as loud as the user was before, less so much, is the user.
AS_LOUD_DB = 3.0
LEARNING = 0.3  # the weight of the newest turn in the user's usual level


class Sound(enum.Enum):
    """What a sound of the user was."""

    NOTHING = "nothing was said"
    BACKCHANNEL = "a listener's sound over the reply"
    ECHO = "the reply itself, as the microphone heard it"
    SAME = "the words that are being answered already"
    STOP = "the reply is to end, and nothing else is wanted"
    WORDS = "words to be answered"


@dataclass(frozen=True)
class Overlap:
    """What is known of a sound over a reply, besides its words."""

    reply: str
    """What was sent of the reply."""

    lasted_s: float = 0.0
    """Seconds from its first voiced sample to its last one."""

    as_loud: bool = False
    """It is as loud as the user was in earlier turns."""


def classify(text: str, answered: str, over: Overlap | None = None) -> Sound:
    """What was said. text: its transcript; answered: the words that the newest attempt answers.

    over: None where it was said in silence. Where the reply has just asked something, its own words are a choice of the
    user, and a "yes" is an answer.
    """
    if not text:
        return Sound.NOTHING
    if over is not None:
        asked = asks(over.reply)
        if is_backchannel(text) and not (asked and is_answer(text)):
            return Sound.BACKCHANNEL
        if is_stop(text):
            return Sound.STOP
        if not (asked or over.as_loud) and over.lasted_s <= LONGEST_ECHO_S and is_echo(text, over.reply):
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
        self._usual_db: float | None = None  # how loud the user speaks; None before the first turn

    def as_loud(self, level_db: float) -> bool:
        """Whether a sound of this level, dBFS, is as loud as the user was in earlier turns."""
        return self._usual_db is not None and level_db >= self._usual_db - AS_LOUD_DB

    def understood(self, attempt: int, text: str, over: Overlap | None = None, level_db: float = -math.inf) -> Sound:
        """The words of an attempt are known. text, over: see `classify`. level_db: how loud they were, dBFS.

        Returns WORDS where they are to be answered, and STOP where they have ended a reply and the turn ends with them.
        In all other cases the caller has nothing to do. Where nothing was said, or the same as before, the attempt that
        this one revises goes on. Where there is none, nothing is discarded, and the same words are answered: the user
        has repeated them. Backchannels and echoes are discarded, and the reply goes on.
        """
        sound = classify(text, self._answered, over)
        logger.debug("%s: %r", sound.value, text)
        if sound in (Sound.NOTHING, Sound.SAME) and self._turns.keep_spared(attempt):
            return sound
        if sound not in (Sound.SAME, Sound.WORDS, Sound.STOP):
            self._turns.discard(attempt)
            return sound
        if not self._turns.confirm(attempt):
            return Sound.NOTHING
        self._answered = text
        if over is None and math.isfinite(level_db):
            usual_db = level_db if self._usual_db is None else self._usual_db
            self._usual_db = usual_db + LEARNING * (level_db - usual_db)
        return Sound.STOP if sound is Sound.STOP else Sound.WORDS
