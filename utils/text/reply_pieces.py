"""Cuts a reply into the pieces that are spoken: first a clause, so that the voice begins early, then sentences.

The numbers below were chosen with `benchmarks.first_clauses`: 48 replies of SmolLM2-135M to questions that are answered
at length, played through with the bundled voice. At 25 tokens a second, of which 12 are left while the voice is at work
(its time is 0.05 of what it says, 0.115 beside the model):

                                          mean      p95       underruns
    whole sentences                       1,132 ms  2,309 ms  0
    marks alone, 2 words, growth 2          815     1,403     1, of 2 ms
    1 word and more, growth 2               581     1,021     4, of 369 ms in all
    2 words and more, growth 2              671     1,136     1, of 2 ms
    2 words and more, without growth        671     1,136     2, of 1,363 ms in all
    3 words and more, growth 2              695     1,136     0

Greedy answers to the 24 questions of `benchmarks.latency`, of which half are one short sentence: 751 ms for 879 in the
mean, 1,181 for 1,408 at the 95th percentile, no underrun. 120 replies on busy cores, where the voice leaves the model a
third of its speed and 0.13 is the voice's time, have underruns whatever the rule: 6 (4.7 s in all) of whole sentences,
5 (1.5 s) of 2 words with growth, 3 (1.0 s) of 3 words, which costs 19 ms in the mean: 749 ms, and 1,224 whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from utils.text.clauses import Cut, Place, cuts, ends_sentence
from utils.text.sentences import SentenceStream

# The first piece. A pause where there is no mark is heard as one, so it has to be worth more.
LEAST_WORDS = {Place.MARK: 3, Place.CONJUNCTION: 5, Place.PREPOSITION: 8}
LEAST_LATER = {Place.MARK: 4, Place.CONJUNCTION: 6}
# How much longer than all before it a piece may become. A second of speech is 4.5 tokens and takes a tenth of a second
# to make: at r tokens a second, what was given out plays on for (1 - 4.5 / r) / (4.5 / r + 0.1) times its length while
# the next is made; that is 2.9 times at 25 tokens a second, 1.75 times at 15.
GROWTH = 2.0
PAUSE = 9  # letters: the silence around a piece (0.45 s of the bundled voice) plays as long as so many (0.05 s each)


@dataclass(frozen=True)
class Piece:
    """A part of the reply. text: the model's own; goes_on: its sentence is not over with it."""

    text: str
    goes_on: bool


class ReplyPieces:
    """One reply. The pieces do not depend on where the tokens end; joined, their texts are the reply.

    language: an ISO 639 code. least_words: of the first piece, by where it ends; a place that is not named is none.
    growth: a sentence that becomes more than so many times as long as all that was given out is cut too, at the last
    place that has least_later words before it. {} and infinity: whole sentences, the first one without waiting for
    the second to begin.
    """

    def __init__(
        self,
        language: str = "en",
        least_words: dict[Place, int] | None = None,
        growth: float = GROWTH,
        least_later: dict[Place, int] | None = None,
    ) -> None:
        self._language = language
        self._least = LEAST_WORDS if least_words is None else least_words
        self._least_later = LEAST_LATER if least_later is None else least_later
        self._growth = growth
        self._sentences = SentenceStream(language)
        self._text = ""
        self._over = 0  # so many characters are sentences that are over
        self._given = 0  # so many characters were given out
        self._bought = 0  # the length of what was given out, pauses included

    def feed(self, text: str) -> list[Piece]:
        """More text of the model → the pieces that may be spoken now."""
        return [piece for character in text for piece in self._step(character)]

    def flush(self) -> list[Piece]:
        """The reply is over → what is left of it."""
        return self._whole(self._sentences.flush(), last=True)

    def _step(self, character: str) -> list[Piece]:
        self._text += character
        pieces = self._whole(self._sentences.feed(character))
        if not pieces and not character.isalnum() and (cut := self._cut()):
            pieces = [self._give(self._given + cut.at, goes_on=True)]
        elif not pieces and not self._given and character.isspace() and ends_sentence(self._text, self._language):
            pieces = [self._give(len(self._text), goes_on=False)]
        return pieces

    def _whole(self, sentences: list[str], last: bool = False) -> list[Piece]:
        """What was not yet given out of these sentences; white space alone waits for what follows it."""
        pieces = []
        for sentence in sentences:
            self._over += len(sentence)
            if self._text[self._given : self._over].strip():
                pieces.append(self._give(self._over, goes_on=False))
        if last and self._given < self._over:
            pieces.append(self._give(self._over, goes_on=False))
        return pieces

    def _give(self, end: int, goes_on: bool) -> Piece:
        text = self._text[self._given : end]
        self._given = end
        self._bought += len(text) + PAUSE
        return Piece(text, goes_on)

    def _cut(self) -> Cut | None:
        """Where the sentence that is being written is to be parted now."""
        pending = self._text[self._given :]
        least = self._least_later if self._given else self._least
        if self._given and len(pending) <= self._growth * self._bought:
            return None
        found = cuts(pending, self._text[: self._given], self._language)
        allowed = [cut for cut in found if cut.place in least and cut.words >= least[cut.place]]
        return min(allowed, key=lambda cut: (cut.place.value, -cut.at), default=None)
