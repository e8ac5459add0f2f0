"""Where a server's figures go: one interface, whatever the options say."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request

import pytest

from arguments.server_arguments import ServerArguments
from tests.utils.metrics.test_figures import metrics
from utils.metrics.watching import Watching
from utils.system.listening import Listener


def test_to_a_file_and_to_a_port(tmp_path, caplog):
    caplog.set_level("INFO")
    file, port = tmp_path / "turns.jsonl", Listener("127.0.0.1", 0)
    watching = Watching(ServerArguments(metrics_file=str(file), tts="piper"), port)
    with pytest.raises(ConnectionRefusedError):  # until the models are loaded
        socket.create_connection(("127.0.0.1", port.port), timeout=5)
    watching.start(lambda: 3)
    address = f"http://127.0.0.1:{port.port}/metrics"
    assert f"metrics on {address}" in caplog.text
    for turn in (1, 2):
        watching.sink.write(metrics(turn))
    with urllib.request.urlopen(address, timeout=10) as response:
        lines = response.read().decode().splitlines()
    watching.close()
    assert [json.loads(line)["turn"] for line in file.read_text().splitlines()] == [1, 2]
    assert 's2s_turns_total{outcome="answered"} 2.0' in lines
    assert "s2s_conversations 3.0" in lines
    assert any(line.startswith("s2s_build_info{") and 'tts="piper"' in line for line in lines)
    assert not any(thread.name == "metrics" for thread in threading.enumerate())
    socket.create_server(("127.0.0.1", port.port)).close()  # free again


def test_to_nowhere():
    watching = Watching(ServerArguments())
    watching.start(lambda: 0)
    watching.sink.write(metrics())
    watching.close()


def test_what_was_never_started_ends_too(tmp_path):
    Watching(ServerArguments(), Listener("127.0.0.1", 0)).close()


def test_a_file_that_cannot_be_written_is_said_at_once(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        Watching(ServerArguments(metrics_file=str(tmp_path / "none" / "turns.jsonl")))
