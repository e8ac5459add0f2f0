"""SIGINT and SIGTERM at every stage of the real server's life: a graceful end, with nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.client_process import ignore_interrupts
from tests.raw_client import RawClient
from tests.server_process import ServerProcess
from utils.system.local_server import ANY_PORTS, ROOT

STORY = "Tell me a long story about a dog."
END_S = 5.0
OPTIONS = ["--log_level", "debug", "--metrics_port", "0"]


def ports_of(server: ServerProcess) -> list[int]:
    """Those on which it listens: microphone, speaker, metrics; none while it loads."""
    metrics = [line.rpartition(":")[2].partition("/")[0] for line in server.log if "metrics on http://" in line]
    return [*server.ports, *map(int, metrics)]


def assert_left_nothing(server: ServerProcess) -> None:
    assert not any("Traceback" in line for line in server.log)
    for port in ports_of(server):
        socket.create_server(("127.0.0.1", port)).close()  # free again at once
    with pytest.raises(ProcessLookupError):
        os.killpg(server.process.pid, 0)  # it began a group of its own, of which nobody is left


def come_to(moment: str, server: ServerProcess, say) -> RawClient | None:
    """Wait until the server is there. Returns the client, unless there is none."""
    if moment == "loading":
        server.wait_for(server.log, lambda log: any("VAD ready" in line for line in log))
        return None
    if moment == "idle":
        return None
    client = server.connect()
    client.say(say(STORY))
    if moment == "thinking":
        client.silence(0.3)
        server.wait_for(server.log, lambda log: any("end of turn" in line for line in log))
    elif moment in ("speaking", "client gone"):
        client.silence(0.3)
        assert client.wait_bytes(4_096, 60)
    return client


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["loading", "idle", "listening", "thinking", "speaking", "client gone"])
def test_a_signal_ends_it_in_good_order(say, number, moment):
    with ServerProcess(*OPTIONS, wait=moment != "loading") as server:
        client = come_to(moment, server, say)
        if moment == "client gone":
            client.leave()
        status, _ = server.stop(number)
        if moment in ("listening", "thinking", "speaking"):
            assert client.wait_end()
            client.leave()
        assert status == 0
        assert moment == "loading" or len(ports_of(server)) == 3
        assert_left_nothing(server)


@pytest.mark.alone
@pytest.mark.parametrize("moment", ["loading", "thinking", "speaking"])
def test_the_end_takes_five_seconds_at_most(say, moment):
    with ServerProcess(*OPTIONS, wait=moment != "loading") as server:
        client = come_to(moment, server, say)
        status, seconds = server.stop(signal.SIGINT)
        if client is not None:
            client.leave()
    assert status == 0
    assert seconds < END_S


@pytest.mark.parametrize(
    ("moment", "first"), [("loading", signal.SIGINT), ("loading", signal.SIGTERM), ("ending", signal.SIGINT)]
)
def test_the_second_signal_ends_it_at_once(moment, first):
    """Loading: before the first has had its effect, or just after. Ending: while the interpreter takes its leave."""
    with ServerProcess(wait=moment == "ending") as server:
        server.wait_for(server.log, lambda log: any("VAD ready" in line for line in log))
        server.process.send_signal(first)
        if moment == "ending":
            server.wait_for(server.log, lambda log: any("stopped" in line for line in log))
        status, _ = server.stop(signal.SIGINT)
        assert status in (0, 128 + first, 128 + signal.SIGINT, -signal.SIGINT)  # 0: the first was quicker
        assert_left_nothing(server)


@pytest.mark.alone
def test_a_background_job_whose_shell_ignores_ctrl_c_hears_it_all_the_same():
    command = ["s2s_pipeline.py", "configs/bundled.json", *ANY_PORTS]
    process = subprocess.Popen(
        [sys.executable, "-u", *command], cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=ignore_interrupts
    )
    with process, process.stderr:
        assert any("ready after" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(END_S) == 0
