"""One line on a terminal, written over; elsewhere a line for each change."""

from __future__ import annotations

import io
import math
import os

import pytest

from utils.client_status import StatusLine, meter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ClosedPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(text)


def screen(stream: io.StringIO) -> list[str]:
    """What a terminal shows after all that was written: its lines, without trailing blanks."""
    lines = []
    for line in stream.getvalue().split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells).rstrip())
    return lines


def test_on_a_terminal_the_status_is_written_over_and_notices_stay():
    stream = Terminal()
    status = StatusLine(stream)
    status.show("listening", -math.inf)
    status.notice("connected to server:12345")
    status.show("speaking", -30.0)
    status.show("heard", -6.0)
    assert screen(stream) == ["connected to server:12345", "heard     [#########.]"]
    status.close()
    assert screen(stream) == ["connected to server:12345", ""]


def test_elsewhere_only_changes_are_lines():
    stream = io.StringIO()
    status = StatusLine(stream)
    for state in ("listening", "listening", "heard", "speaking", "speaking", "listening"):
        status.show(state, -20.0)
    status.close()
    assert stream.getvalue().split() == ["listening", "heard", "speaking", "listening"]


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
    status.show("listening", -20.0)
    assert screen(stream) == ["listening [#######...]"]
    status.close()
    assert screen(stream) == [""]


def test_quiet_writes_nothing_elsewhere():
    stream = io.StringIO()
    status = StatusLine(stream, quiet=True)
    status.notice("server is busy")
    status.show("listening", -20.0)
    status.close()
    assert stream.getvalue() == ""


def test_a_narrow_terminal_is_not_wrapped(monkeypatch):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((10, 24)))
    stream = Terminal()
    StatusLine(stream).show("listening", -6.0)
    assert max(len(part) for part in stream.getvalue().split("\r")) == 9


@pytest.mark.parametrize("stream", [None, ClosedPipe()])
def test_no_stream_and_a_closed_one_are_no_error(stream):
    status = StatusLine(stream)
    status.notice("connected")
    status.show("listening", -20.0)
    status.close()


@pytest.mark.parametrize(("level", "filled"), [(-math.inf, 0), (-80, 0), (-60, 0), (-30, 5), (0, 10), (3, 10)])
def test_the_meter(level, filled):
    assert meter(level) == "#" * filled + "." * (10 - filled)
