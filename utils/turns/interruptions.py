"""Compares words: whether they are a backchannel, an echo of the reply, or the same as other words.

A backchannel (Yngve 1970) is the "mm-hm" or "yeah" with which listeners show that they follow, and the "um" with which
they hesitate. They do not mean to speak. An echo is what the microphone hears of the assistant's own voice.
`utils.conversation.dialogue` decides what follows from that.
"""

from __future__ import annotations

import re

# Of a few languages. A backchannel that is missing here stops the reply; a word too many would keep the user from it.
BACKCHANNELS = frozenset(
    """
    ah aha ahem alright er erm exactly good great ha haha heh hm hmm hmmm huh i indeed interesting mhm mhmm mm mmm
    mmhm mmhmm nice oh ok okay ooh right see sure true uh uhhuh uhm um umhum wow yah yeah yep yes yup cool
    ach genau gut ja jaja klar naja richtig stimmt tja
    ben bon daccord euh oui ouais voilà
    ajá bueno claro eh sí vale
    certo già sì
    """.split()  # noqa: SIM905 - a list of a hundred quoted words is not easier to read
)
MOST_WORDS = 4  # "yeah, yeah, I see"
LEAST_ECHO = 2  # words in a row: a single word of the reply may well be the user's


def is_backchannel(text: str) -> bool:
    """Whether it is one of the small sounds and words with which somebody listens."""
    said = _words(text)
    return 0 < len(said) <= MOST_WORDS and all(word in BACKCHANNELS for word in said)


def is_echo(text: str, reply: str) -> bool:
    """Whether it is a piece of the reply itself."""
    said = _words(text)
    return len(said) >= LEAST_ECHO and f" {' '.join(said)} " in f" {' '.join(_words(reply))} "


def same_words(text: str, other: str) -> bool:
    """Whether two transcripts say the same, punctuation and capitals apart."""
    return _words(text) == _words(other)


def _words(text: str) -> list[str]:
    """Lower case, without punctuation: "Mm-hmm." is mmhmm."""
    return re.findall(r"\w+", re.sub(r"[-'’]", "", text.lower()))
