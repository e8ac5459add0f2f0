"""What Whisper remembers of speech that it will hear again with more at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from handlers.whisper.encoder import Beginning


@dataclass
class Draft:
    """What was heard of the same speech when there was less of it. The engine reads it, and adds what it hears."""

    tokens: tuple[int, ...] = ()
    """Of the checkpoint's vocabulary."""

    doubtful: bool = field(default=False, compare=False)
    """It is said over a reply, so that it may be no speech."""

    beginning: Beginning | None = field(default=None, compare=False)
    """What the encoder has made of the beginning of the speech."""

    halves: list[Draft] = field(default_factory=list)
    """Of the two halves, where the speech was too much for one window; else empty."""

    noted: set[str] = field(default_factory=set, compare=False)
    """What the log has already said of this speech."""

    def begin_with(self, tokens: Sequence[int]) -> None:
        """What was heard so far, should it be broken off; what stands here already may go on after that."""
        heard = tuple(tokens)
        self.tokens = heard + self.tokens[len(heard) :]

    def divided(self) -> list[Draft]:
        """Those of the two halves. The first half begins with the words with which the whole began."""
        if not self.halves:
            self.halves = [Draft(self.tokens), Draft()]
        return self.halves
