"""One line on a terminal, written over; elsewhere a line for each change."""

from __future__ import annotations

import io
import math
import os
import re

import pytest

from utils.client.state import ClientState
from utils.client.status import COLOURS, PLAIN, StatusLine, meter, wants_colour


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ClosedPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(text)


def screen(stream: io.StringIO) -> list[str]:
    """What a terminal shows after all that was written: its lines, without trailing blanks."""
    lines = []
    for line in re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells).rstrip())
    return lines


def test_on_a_terminal_the_status_is_written_over_and_notices_stay():
    stream = Terminal()
    status = StatusLine(stream)
    status.show(ClientState.LISTENING, -math.inf)
    status.notice("connected to server:12345")
    status.show(ClientState.SPEAKING, -30.0)
    status.show(ClientState.HEARD, -6.0)
    assert screen(stream) == ["connected to server:12345", "heard     [#########.]"]
    status.close()
    assert screen(stream) == ["connected to server:12345", ""]


def test_elsewhere_only_changes_are_lines():
    stream = io.StringIO()
    status = StatusLine(stream)
    for state in ("listening", "listening", "heard", "thinking", "speaking", "speaking", "listening"):
        status.show(ClientState(state), -20.0)
    status.close()
    assert stream.getvalue().split() == ["listening", "heard", "thinking", "speaking", "listening"]


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_the_same_notice_is_not_repeated(stream):
    status = StatusLine(stream)
    for text in ("busy", "busy", "gone", "busy"):
        status.notice(text)
    assert screen(stream) == ["busy", "gone", "busy", ""]


def test_quiet_leaves_nothing_on_a_terminal():
    stream = Terminal()
    status = StatusLine(stream, quiet=True)
    status.notice("server at server:12345 is not there, trying again in 0.5 s")
    status.show(ClientState.LISTENING, -20.0)
    assert screen(stream) == ["listening [#######...]"]
    status.close()
    assert screen(stream) == [""]


def test_quiet_writes_nothing_elsewhere():
    stream = io.StringIO()
    status = StatusLine(stream, quiet=True)
    status.notice("server is busy")
    status.show(ClientState.LISTENING, -20.0)
    status.close()
    assert stream.getvalue() == ""


def test_a_narrow_terminal_is_not_wrapped(monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((10, 24)))
    stream = Terminal()
    StatusLine(stream, environment={}).show(ClientState.LISTENING, -6.0)
    assert max(len(part) for part in stream.getvalue().split("\r")) == 9


@pytest.mark.parametrize("stream", [None, ClosedPipe()])
def test_no_stream_and_a_closed_one_are_no_error(stream):
    status = StatusLine(stream)
    status.notice("connected")
    status.show(ClientState.LISTENING, -20.0)
    status.close()


@pytest.mark.parametrize(("level", "filled"), [(-math.inf, 0), (-80, 0), (-60, 0), (-30, 5), (0, 10), (3, 10)])
def test_the_meter(level, filled):
    assert meter(level) == "#" * filled + "." * (10 - filled)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_who_wants_colour(environment, wanted):
    assert wants_colour(environment) is wanted


@pytest.mark.parametrize("state", ClientState)
def test_a_colour_goes_no_further_than_its_line(state, monkeypatch):
    """Nor does it count as width: a line that is written over is covered, and a narrow terminal does not cut it off."""
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((24, 24)))
    stream = Terminal()
    status = StatusLine(stream, environment={"TERM": "xterm"})
    status.notice("connected to a server far away")
    status.show(state, -6.0)
    assert stream.getvalue().endswith(f"\r{COLOURS[state]}{state.value:<9} [#########.]{PLAIN}")
    status.close()
    assert screen(stream)[1:] == [""]


def test_off_a_terminal_nothing_is_coloured():
    stream = io.StringIO()
    StatusLine(stream, environment={"TERM": "xterm"}).show(ClientState.HEARD, -6.0)
    assert stream.getvalue() == "heard\n"
