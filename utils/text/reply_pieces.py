"""Cuts a reply into the pieces that are spoken: first a clause, so that the voice begins early, then sentences.

The numbers below were chosen with `benchmarks.first_clauses`: 48 long replies of SmolLM2-135M, played through with the
bundled voice. The model writes 25 tokens a second, and 12 while the voice is at work. The voice needs 0.05 times as
long as what it says, and 0.115 times beside the model. From the first token to the first audio, and gaps after it:

                                          mean      p95       underruns
    whole sentences                       1,132 ms  2,309 ms  0
    marks alone, 2 words, growth 2          815     1,403     1, of 2 ms
    1 word and more, growth 2               581     1,021     4, of 369 ms in all
    2 words and more, growth 2              671     1,136     1, of 2 ms
    2 words and more, without growth        671     1,136     2, of 1,363 ms in all
    3 words and more, growth 2              695     1,136     0

For greedy answers to the 24 questions of `benchmarks.latency`, half of which are one short sentence, the mean is 751 ms
instead of 879 with whole sentences, the 95th percentile 1,181 instead of 1,408, and there is no underrun.

On busy cores the voice leaves the model a third of its speed, and needs 0.13 times as long as what it says. There 120
replies have underruns with every rule: 6 with whole sentences (4.7 s in all), 5 with 2 words and growth (1.5 s), and 3
with 3 words and growth (1.0 s). 3 words cost 19 ms in the mean: it is 749 ms, and 1,224 with whole sentences.
"""

from __future__ import annotations

from dataclasses import dataclass

from utils.text.clauses import Cut, Place, cuts, ends_sentence
from utils.text.sentences import SentenceStream

# The fewest words of the first piece. A pause without a mark sounds odd, so it needs more words.
LEAST_WORDS = {Place.MARK: 3, Place.CONJUNCTION: 5, Place.PREPOSITION: 8}
LEAST_LATER = {Place.MARK: 4, Place.CONJUNCTION: 6}
# How many times as long as everything before it a piece may become. A second of speech is 4.5 tokens, and takes a
# tenth of a second to make. At r tokens a second, the next piece may be (1 - 4.5 / r) / (4.5 / r + 0.1) times as long
# as what is playing meanwhile: 2.9 times at 25 tokens a second, 1.75 times at 15.
GROWTH = 2.0
PAUSE = 9  # the silence around a piece (0.45 s with the bundled voice) lasts as long as 9 letters of 0.05 s


@dataclass(frozen=True)
class Piece:
    """A part of the reply."""

    text: str
    """The text, as the model wrote it."""

    goes_on: bool
    """Whether its sentence goes on after it."""


class ReplyPieces:
    """Cuts one reply. Its pieces do not depend on how the text is cut into tokens, and joined they are the whole text.

    language: an ISO 639 code. least_words: the fewest words of the first piece, by the kind of place at which it ends;
    it does not end at a kind that is missing here. growth: a later sentence that gets more than this many times as long
    as everything given out before is cut too, at the last good place. least_later: the same as least_words, for these
    cuts. With {} and infinity there are only whole sentences, and the first one does not wait for the second one.
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
        """Take more text of the model, and return the pieces that may be spoken now."""
        return [piece for character in text for piece in self._step(character)]

    def flush(self) -> list[Piece]:
        """End the reply, and return the pieces that are left."""
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
        """The parts of these sentences that were not given out yet. White space waits for the text after it."""
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
        """Where to cut the sentence that is being written. None: nowhere yet."""
        pending = self._text[self._given :]
        least = self._least_later if self._given else self._least
        if self._given and len(pending) <= self._growth * self._bought:
            return None
        found = cuts(pending, self._text[: self._given], self._language)
        allowed = [cut for cut in found if cut.place in least and cut.words >= least[cut.place]]
        return min(allowed, key=lambda cut: (cut.place.value, -cut.at), default=None)
