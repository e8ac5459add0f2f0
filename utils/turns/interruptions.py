"""Compares words: whether they are a backchannel, an echo of the reply, a stop, or the same as other words.

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
HESITATIONS = frozenset(
    "ah ach ahem ben eh er erm euh ha haha heh hm hmm hmmm huh mm mmm oh ooh tja uh uhm um".split()  # noqa: SIM905
)
"""Those of them that are no answer, whatever was asked."""
STOPS = frozenset({
    "stop", "stop it", "stop that", "stop talking", "wait", "wait a minute", "wait a second", "wait a moment",
    "hold on", "hang on", "enough", "thats enough", "that is enough", "be quiet", "quiet", "silence", "shut up",
    "pause", "one moment", "one second", "just a moment", "just a second", "cancel", "never mind", "nevermind",
    "stopp", "halt", "warte", "warten sie", "warte mal", "moment", "moment mal", "einen moment", "ruhe", "sei still",
    "hör auf", "genug", "schluss", "arrête", "arrêtez", "attends", "attendez", "tais toi", "taisez vous", "taistoi",
    "taisezvous", "ça suffit", "un moment", "une seconde", "para", "pare", "alto", "espera", "espere", "un momento",
    "basta", "cállate", "silencio", "fermo", "fermati", "aspetta", "aspetti", "zitto", "silenzio", "un attimo",
})  # fmt: skip
"""What ends a reply and asks for nothing else, in the languages of BACKCHANNELS."""
POLITE = frozenset("please bitte sil te plaît vous por favor per favore hey ok okay no nein non now jetzt".split())  # noqa: SIM905
QUESTION = re.compile(r"[?？؟]")
SENTENCE_END = re.compile(r"(?<=[.!?…。！？؟])\s*")
RECENT = 2  # sentences at the end of what was said: a question there is still open
MOST_WORDS = 4  # "yeah, yeah, I see"
LEAST_ECHO = 2  # words in a row: a single word of the reply may well be the user's


def is_backchannel(text: str) -> bool:
    """Whether it is one of the small sounds and words with which somebody listens."""
    said = _words(text)
    return 0 < len(said) <= MOST_WORDS and all(word in BACKCHANNELS for word in said)


def is_answer(text: str) -> bool:
    """Whether a backchannel can answer a question. "Mm-hm" and "yes" can, "um" can't."""
    return any(word not in HESITATIONS for word in _words(text))


def is_stop(text: str) -> bool:
    """Whether it asks for silence, and for nothing else: "Stop, stop!", "Wait, please."."""
    said = [word for word in _words(text) if word not in POLITE]
    once = [word for index, word in enumerate(said) if index == 0 or word != said[index - 1]]
    return " ".join(once) in STOPS or " ".join(_words(text)) in STOPS


def asks(reply: str) -> bool:
    """Whether what was said of a reply ends with a question, perhaps with a sentence after it."""
    sentences = [sentence for sentence in SENTENCE_END.split(reply.strip()) if sentence]
    return any(QUESTION.search(sentence) for sentence in sentences[-RECENT:])


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
