"""Which conversation's tokens the context holds: each conversation's prompt is kept from turn to turn.

The context has room for so many tokens of all conversations together. Where it gets scarce, those conversations are
forgotten that have been silent for longest: their next prompt is read in full.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field

from handlers.llama_cpp.context import Context
from handlers.prompts import common_prefix

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Session:
    """One conversation's prompt in the context."""

    tokens: list[int] = field(default_factory=list)
    """The tokens that its sequence holds."""

    mark: list[int] = field(default_factory=list)
    """The tokens that were held at an earlier moment, where a model can't go back to it by forgetting."""

    sequence: int | None = None
    """Its number in the context; None while it holds nothing."""


class Sequences:
    """Gives sequences of a context to sessions. Used on the engine's thread.

    room: tokens, of all sequences together. count: sessions at a time. rewinds: see Model; where it is False the
    context has twice as many sequences, for the marks.
    """

    def __init__(self, context: Context, room: int, count: int, rewinds: bool) -> None:
        self._context, self._room, self._rewinds = context, room, rewinds
        self._count = count
        self._held: list[weakref.ref[Session]] = []  # who spoke last is the last

    def prepare(self, session: Session, prompt: Sequence[int]) -> None:
        """Keep of this session's tokens those that `prompt` begins with, but never all of it."""
        sequence = self._give_sequence(session)
        kept = common_prefix(session.tokens, prompt[:-1])
        if kept < len(session.tokens) and not self._context.forget(sequence, kept):
            kept = self._go_back(session, sequence, prompt)
        del session.tokens[kept:]
        logger.debug("prompt of %d tokens, %d of them cached", len(prompt), kept)

    def read(self, session: Session, tokens: Sequence[int]) -> None:
        """Read more tokens into a session, in one pass. Raises DecodeError: it is empty then."""
        self._make_room(session, len(tokens))
        try:
            self._context.read(tokens, self._give_sequence(session), len(session.tokens))
        except BaseException:
            self._drop(session)
            raise
        session.tokens += tokens

    def mark(self, session: Session) -> None:
        """What this session holds now is what later prompts begin with."""
        if not self._rewinds and session.sequence is not None:
            self._context.forget(self._mark_of(session.sequence))
            self._context.copy(session.sequence, self._mark_of(session.sequence))
            session.mark = list(session.tokens)

    def _go_back(self, session: Session, sequence: int, prompt: Sequence[int]) -> int:
        """Begin again, from the mark where the prompt begins with it. Returns how many tokens are held."""
        self._context.forget(sequence)
        mark = session.mark
        if not mark or common_prefix(mark, prompt[:-1]) < len(mark):
            return 0
        self._context.copy(self._mark_of(sequence), sequence)
        session.tokens = list(mark)
        return len(mark)

    def _give_sequence(self, session: Session) -> int:
        self._free_those_that_ended()
        if session.sequence is None:
            while len(self._held) >= self._count:
                self._drop(self._sessions()[0])
            taken = {other.sequence for other in self._sessions()}
            session.sequence = next(number for number in range(self._count) if number not in taken)
            self._clear(session.sequence)
        self._held = [held for held in self._held if held() is not session] + [weakref.ref(session)]
        return session.sequence

    def _make_room(self, session: Session, more: int) -> None:
        others = [other for other in self._sessions() if other is not session]
        while others and sum(map(_size, [session, *others])) + more > self._room:
            self._drop(others.pop(0))

    def _free_those_that_ended(self) -> None:
        """A session that nobody holds any more leaves its tokens behind: clear what is nobody's."""
        if any(held() is None for held in self._held):
            self._held = [held for held in self._held if held() is not None]
            taken = {session.sequence for session in self._sessions()}
            for number in range(self._count):
                if number not in taken:
                    self._clear(number)

    def _drop(self, session: Session) -> None:
        if session.sequence is not None:
            self._clear(session.sequence)
        session.tokens, session.mark, session.sequence = [], [], None
        self._held = [held for held in self._held if held() is not session]

    def _clear(self, sequence: int) -> None:
        self._context.forget(sequence)
        if not self._rewinds:
            self._context.forget(self._mark_of(sequence))

    def _sessions(self) -> list[Session]:
        return [session for held in self._held if (session := held()) is not None]

    def _mark_of(self, sequence: int) -> int:
        return self._count + sequence


def _size(session: Session) -> int:
    """How much room it takes, at most: what is held twice takes it once."""
    return len(session.tokens) + len(session.mark)
