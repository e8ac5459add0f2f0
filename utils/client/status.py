"""What the client shows. On a terminal it is one line that changes, elsewhere a new line for each change."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Mapping
from typing import TextIO

from utils.client.state import ClientState

METER_CELLS = 10
METER_FLOOR_DBFS = -60.0
COLOURS: Mapping[ClientState, str] = {
    ClientState.LISTENING: "\x1b[32m",  # green: your turn
    ClientState.HEARD: "\x1b[1;36m",  # bright cyan
    ClientState.THINKING: "\x1b[33m",  # yellow: wait
    ClientState.SPEAKING: "\x1b[1;35m",  # bright magenta
}
PLAIN = "\x1b[0m"


class StatusLine:
    """Shows notices, which stay, and below them the status, which changes.

    stream: where to write; None shows nothing. quiet: notices don't stay, and without a terminal nothing is shown.
    environment: the environment variables, which may forbid colours.
    """

    def __init__(self, stream: TextIO | None, quiet: bool = False, environment: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._quiet = quiet
        self._on_terminal = stream is not None and stream.isatty()
        self._in_colour = self._on_terminal and wants_colour(environment)
        self._width = 0  # characters of the line to write over
        self._notice = ""
        self._state: ClientState | None = None

    def notice(self, text: str) -> None:
        """Show that something has happened. The same notice is not repeated."""
        if text == self._notice:
            return
        self._notice, self._state = text, None
        if self._quiet:
            self._overwrite(text)
        elif self._on_terminal:
            self._overwrite(text)
            self._write("\n")
            self._width = 0
        else:
            self._write(text + "\n")

    def show(self, state: ClientState, level: float) -> None:
        """Show the state, and how loud the microphone is (dBFS)."""
        if self._on_terminal:
            self._overwrite(f"{state.value:<9} [{meter(level)}]", COLOURS[state] if self._in_colour else "")
        elif state != self._state and not self._quiet:
            self._write(state.value + "\n")
        self._state = state

    def close(self) -> None:
        """Leave an empty line on the terminal."""
        if self._width:
            self._overwrite("")
            self._write("\r")
            self._width = 0

    def _overwrite(self, text: str, colour: str = "") -> None:
        if not self._on_terminal:
            return
        text = text[: shutil.get_terminal_size().columns - 1]  # a line that wraps can't be written over
        written = text.ljust(self._width)
        self._write(f"\r{colour}{written}{PLAIN}" if colour else f"\r{written}")
        self._width = len(text)

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        with contextlib.suppress(OSError, ValueError):  # closed, or its reader gone: the conversation goes on
            self._stream.write(text)
            self._stream.flush()


def wants_colour(environment: Mapping[str, str]) -> bool:
    """Whether to use colours: not with NO_COLOR (https://no-color.org), nor on a terminal that may know none."""
    return not environment.get("NO_COLOR") and environment.get("TERM", "dumb") != "dumb"


def meter(level: float) -> str:
    """Ten characters that show a level: -60 dBFS is empty, 0 dBFS is full."""
    share = 0.0 if math.isinf(level) else 1.0 - level / METER_FLOOR_DBFS
    filled = round(METER_CELLS * min(1.0, max(0.0, share)))
    return "#" * filled + "." * (METER_CELLS - filled)
