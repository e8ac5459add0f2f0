"""A reply as a listener hears it, played through on paper: model, voice and player, and the rules that cut text for it.

The arithmetic behind `benchmarks.first_clauses`: no models, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from utils.text.clauses import Place
from utils.text.reply_pieces import GROWTH, LEAST_WORDS, ReplyPieces
from utils.text.sentences import SentenceStream
from utils.text.speakable_text import SpeakableText

Rule = Callable[[], Callable[[str | None], list[str]]]  # for one reply: text → pieces; None is the end of the reply


@dataclass(frozen=True)
class Answer:
    """What the model said, and how many tokens it takes until each word of it is known."""

    words: list[tuple[int, str]]
    """(tokens until this text is known, text)."""

    tokens: int
    """Of the answer and its end."""


@dataclass(frozen=True)
class Voice:
    """How fast the voice is.

    A text of n letters is pause_s + letter_s × n long; making it takes start_s + factor × that.
    """

    pause_s: float
    """Seconds of every text."""

    letter_s: float
    """Seconds of each letter."""

    start_s: float
    """Seconds before anything is made."""

    factor: float
    """Real-time factor by itself."""

    factor_beside: float
    """Real-time factor while the model writes."""

    slows: float
    """The model's speed while the voice is at work, as a share of what it is alone."""

    def length_s(self, text: str) -> float:
        return self.pause_s + self.letter_s * len(text)


@dataclass(frozen=True)
class Heard:
    """What a listener has of one reply."""

    first_s: float
    """Seconds until the first audio; inf where there is none."""

    gaps_s: list[float]
    """Seconds, each time the player had nothing to play."""

    pieces: int
    """That were spoken."""


def rules() -> Iterator[tuple[str, Rule]]:
    """(name, rule): whole sentences, clauses from so many words on, and what makes the difference."""
    yield "whole sentences", whole_sentences
    yield "soon whole sentences", in_pieces({}, math.inf)
    yield "marks alone, 2 words", in_pieces({Place.MARK: 2}, GROWTH)
    for words in (1, 2, 3, 4, 5):
        for growth in (math.inf, GROWTH):
            name = f"{words} words" + (", growth" if growth < math.inf else "")
            yield name, in_pieces({**LEAST_WORDS, Place.MARK: words}, growth)


def whole_sentences() -> Callable[[str | None], list[str]]:
    """Each sentence when the next has begun."""
    sentences = SentenceStream()
    return lambda text: sentences.flush() if text is None else sentences.feed(text)


def in_pieces(least_words: dict[Place, int], growth: float) -> Rule:
    """See `ReplyPieces`."""

    def make() -> Callable[[str | None], list[str]]:
        pieces = ReplyPieces(least_words=least_words, growth=growth)
        return lambda text: [piece.text for piece in (pieces.flush() if text is None else pieces.feed(text))]

    return make


def answer(words: Sequence[str], starts: Sequence[int]) -> Answer:
    """A word is known when the token that begins the next one has come, the last one with the end of the answer."""
    known, end = [], 0
    for number, word in enumerate(words, 1):
        end += len(word)
        tokens = sum(start < end for start in starts)
        known.append((tokens + (number == len(words)), word))
    return Answer(known, len(starts) + 1)


def cut(answer: Answer, make: Rule) -> list[tuple[int, str]]:
    """(tokens until it is given out, what is spoken) of each piece."""
    feed, speakable = make(), SpeakableText()
    pieces = [(tokens, piece) for tokens, word in answer.words for piece in feed(word)]
    pieces += [(answer.tokens, piece) for piece in feed(None)]
    return [(tokens, text) for tokens, piece in pieces if (text := speakable.speak(piece))]


def play(pieces: Sequence[tuple[int, str]], tokens: int, rate: float, voice: Voice) -> Heard:
    """Model, voice and player, each as fast as it can: the voice makes one piece after another."""
    now, voice_free, plays_until = 0.0, 0.0, math.inf
    first, gaps, waiting = math.inf, [], list(pieces)
    for token in range(1, tokens + 1):
        now += 1 / rate / (voice.slows if now < voice_free else 1.0)
        while waiting and waiting[0][0] <= token:
            length = voice.length_s(waiting.pop(0)[1])
            factor = voice.factor if token == tokens else voice.factor_beside
            voice_free = max(now, voice_free) + voice.start_s + factor * length
            first = min(first, voice_free)
            if voice_free > plays_until:
                gaps.append(voice_free - plays_until)
            plays_until = max(voice_free, plays_until if plays_until < math.inf else 0.0) + length
    return Heard(first, gaps, len(pieces))
