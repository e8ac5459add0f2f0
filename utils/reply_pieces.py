"""Cuts a reply into the pieces that are spoken: first a clause, so that the voice begins early, then sentences."""

from __future__ import annotations

from dataclasses import dataclass

from utils.clauses import Cut, Place, cuts, ends_sentence
from utils.sentences import SentenceStream

LEAST_WORDS = {Place.MARK: 2, Place.CONJUNCTION: 5, Place.PREPOSITION: 8}
LEAST_LATER = {Place.MARK: 4, Place.CONJUNCTION: 6}
GROWTH = 2.0
PAUSE = 9  # letters: what a voice spends on the silence around a piece, as long as so many letters


@dataclass(frozen=True)
class Piece:
    """A part of the reply. text: the model's own; goes_on: its sentence is not over with it."""

    text: str
    goes_on: bool


class ReplyPieces:
    """One reply. The pieces do not depend on where the tokens end; joined, their texts are the reply."""

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
