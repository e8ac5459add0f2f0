"""The client's status line as a user sees it: a process of its own, on a terminal or off it, with a fake sound card."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.client_process import CLOCKED, ROOT
from tests.fake_server import FakeServer
from tests.waiting import wait_until

SPEAKS = "somebody-speaks"  # while a file of this name is there, the microphone hears a loud tone
HEARING = f"""
from pathlib import Path
from tests.fakes_sounddevice import FakeStream
hears = FakeStream.capture
FakeStream.capture = lambda stream, data: hears(
    stream, bytes([0, 32, 0, 224]) * (len(data) // 4) if Path("{SPEAKS}").exists() else data
)
{CLOCKED}
"""
STATES = ["listening", "heard", "thinking", "speaking"]


class ShownClient:
    """A context manager: the client, and all that it writes on stderr, a pseudo terminal where `on_terminal`."""

    def __init__(self, folder: Path, server: FakeServer, on_terminal: bool, **environment: str) -> None:
        (folder / "sounddevice.py").write_text(HEARING)
        self._folder = folder
        self._reading, writing = os.openpty() if on_terminal else os.pipe()
        without = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-W", "error", str(ROOT / "listen_and_play.py"), *server.options],
            cwd=folder, stderr=writing, env={**without, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", **environment},
        )  # fmt: skip
        os.close(writing)
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> ShownClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        os.close(self._reading)

    def shows(self, state: str) -> None:
        """Wait until it does, after what it showed when this was last asked."""
        before = len(self.text)
        wait_until(lambda: state in self.text[before:], f"{state} in {self.text!r}")

    def speaks(self, now: bool) -> None:
        """Whether somebody does."""
        file = self._folder / SPEAKS
        file.touch() if now else file.unlink()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # a terminal whose other end is closed
            while data := os.read(self._reading, 4_096):
                self.text += data.decode()


def converse(client: ShownClient, server: FakeServer) -> None:
    """Something is said and answered."""
    side = server.accept()
    client.shows("listening")
    client.speaks(True)
    client.shows("heard")
    client.speaks(False)
    client.shows("thinking")
    side.reply(bytes(88_200))
    client.shows("speaking")
    client.shows("listening")


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({}, False)],
)
def test_on_a_terminal_each_state_has_a_colour_unless_none_is_wanted(tmp_path, environment, coloured):
    with FakeServer() as server, ShownClient(tmp_path, server, True, **environment) as client:
        converse(client, server)
    colours = {state: set(re.findall(rf"\r((?:\x1b\[[0-9;]*m)?){state} ", client.text)) for state in STATES}
    if coloured:
        assert len(set.union(*colours.values()) - {""}) == len(STATES)
        assert client.text.count("\x1b[0m") == len(re.findall(r"\x1b\[[^0][0-9;]*m", client.text))  # each ends
    else:
        assert "\x1b" not in client.text
        assert set.union(*colours.values()) == {""}
    assert client.text.count("\n") == 3  # two devices and the connection: the rest is written over


def test_off_a_terminal_each_change_is_a_plain_line(tmp_path):
    with FakeServer() as server, ShownClient(tmp_path, server, False, TERM="xterm") as client:
        converse(client, server)
    lines = client.text.splitlines()[3:]
    assert lines == ["listening", "heard", "thinking", "speaking", "listening"]
