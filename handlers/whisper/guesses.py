"""What a draft proposes to come next: also behind a place where the text has become another.

With more sound, Whisper often hears one word or one comma of the draft otherwise, and the rest as before. So the draft
is taken up again where its tokens and those of the text meet once more. Pure logic.
"""

from __future__ import annotations

from collections.abc import Sequence

NEAR = 8  # tokens of the draft in which the text's newest one is looked for
# Tokens of the first guess after a mistake, which may be another. In a pass each costs a tenth of a step of its own
# (tiny.en on a CPU).
SHORT = 8


class Guesses:
    """draft: tokens that the text may consist of. Ask for the next guess, and say how much of it was right."""

    def __init__(self, draft: Sequence[int]) -> None:
        self._draft = list(draft)
        self._at = 0  # what of the draft the text has left behind
        self._astray = False  # the text has gone another way from there
        self._away = 0  # tokens, since then
        self._most = len(self._draft)

    def next(self, text: Sequence[int]) -> list[int]:
        """What may follow the text's tokens; empty where the draft does not say."""
        if self._astray:
            place = self._meeting(text[-1])
            if place is None:
                self._away += 1
                return []
            self._at, self._astray, self._away = place + 1, False, 0
        return self._draft[self._at : self._at + self._most]

    def took(self, right: int, guessed: int) -> None:
        """Of a guess of so many tokens so many were right; then one more token was added to the text, another one or,
        where all were right, the one after them."""
        self._at += right
        if guessed:
            self._most = SHORT if right < guessed else 2 * self._most
            self._astray = True  # until it is seen whether the token after the guess is the draft's next

    def _meeting(self, token: int) -> int | None:
        """Where the draft has this token next."""
        for place in range(self._at, min(len(self._draft), self._at + NEAR + self._away)):
            if self._draft[place] == token:
                return place
        return None
