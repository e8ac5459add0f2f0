"""The lines that people and scripts read on stdout: `USER: …`, `ASSISTANT: …`, `LATENCY: …`, each whole on its line."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TextIO

from utils.text.one_line import one_line

logger = logging.getLogger(__name__)


class TranscriptOutput:
    """Writes whole lines, from any thread. stream: None is the process's stdout, looked up at each line."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._broken = False

    def user(self, text: str) -> None:
        """Show what the user said; called once a turn."""
        self._line(f"USER: {one_line(text)}")

    def assistant(self, text: str) -> None:
        """Show a sentence of the reply; it is whole, even where it is spoken in pieces."""
        self._line(f"ASSISTANT: {one_line(text)}")

    def latency(self, line: str) -> None:
        """Show a turn's latency line."""
        self._line(line)

    def _line(self, line: str) -> None:
        with self._lock:
            if self._broken:
                return
            try:
                stream = self._stream or sys.stdout
                stream.write(_writable(line, stream.encoding) + "\n")
                stream.flush()
            except (OSError, ValueError) as error:  # the reader of the pipe has gone: the conversation goes on
                self._broken = True
                logger.warning("stdout can't be written, no more lines there: %s", error)


def _writable(line: str, encoding: str | None) -> str:
    """The line with `?` for what this encoding (Latin-1, a Windows code page) doesn't have. None: it has everything."""
    return line if encoding is None else line.encode(encoding, "replace").decode(encoding)
