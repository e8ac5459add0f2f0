"""What the model writes, as text: in pieces, as soon as they are whole characters, and without its thoughts."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from utils.system.engine_thread import Emit

NO_TOKEN = -1


class ReplyText:
    """The text of one reply. piece: of a token. thought_tokens: they begin and end a thought, which is not emitted."""

    def __init__(
        self, piece: Callable[[int], bytes], emit: Emit[str], thought_tokens: tuple[int, int] | None = None
    ) -> None:
        self._piece = piece
        self._emit = emit
        self._begin, self._end = thought_tokens or (NO_TOKEN, NO_TOKEN)
        self._thinks = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def put(self, token: int) -> None:
        """Take the reply's next token."""
        if token == self._begin:
            self._thinks = True
        elif token == self._end:
            self._thinks = False
        elif not self._thinks:
            self._give(self._decoder.decode(self._piece(token)))

    def end(self) -> None:
        """The reply is over: half a character at its end is shown as such."""
        self._give(self._decoder.decode(b"", final=True))

    def _give(self, text: str) -> None:
        if text:
            self._emit(text)
