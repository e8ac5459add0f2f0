"""How long one waits before one can talk, and how much memory it takes.

python -m benchmarks.startup [--runs 3] [config.json and options of s2s_pipeline.py]

Starts the server as a process of its own (configs/bundled.json unless told otherwise, its models converted already),
asks it a few questions, and starts the client beside it. Prints a table and ends with one JSON line:

    ready          s2s_pipeline.py started → a client is served
    client         listen_and_play.py started → it connects
    help           listen_and_play.py --help, from start to end
    memory …       the server's resident memory: when it is ready, and the most while it answers
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks.command_line import parse_with_server
from benchmarks.live_client import RATE, LiveClient, first_audible
from benchmarks.report import print_json, table
from utils.audio.samples import FloatAudio
from utils.audio.wire import SAMPLE_BYTES
from utils.client.devices.wav_files import WavWriter
from utils.models.bundled_voice import BundledVoice
from utils.system.local_server import ROOT, LocalServer

QUESTIONS = ("What is the capital of France?", "Why is the sky blue?")
LOOK_S = 0.05  # how often memory is looked at
MIB = 1 << 20
ANSWER_TIMEOUT_S = 60.0


class MemoryWatch:
    """A context manager: the most resident memory of a process, bytes, while it is entered."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.most = self.now()

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def now(self) -> int:
        """Resident memory, bytes."""
        return int(self._process.memory_info().rss)

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            self.most = max(self.most, self.now())


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0."""
    parser = argparse.ArgumentParser(
        description="How long one waits, and how much memory it takes.",
        epilog="Everything else goes to s2s_pipeline.py.",
    )
    parser.add_argument("--runs", type=int, default=3, help="how often everything is started")
    options, server_arguments = parse_with_server(parser, argv)
    voice = BundledVoice()
    spoken = [voice.say(question) for question in QUESTIONS]
    runs = [server_run(server_arguments, spoken) for _ in range(options.runs)]
    figures = {
        "ready_s": statistics.median(ready for ready, _, _ in runs),
        "client_s": statistics.median(client_start_s() for _ in range(options.runs)),
        "help_s": statistics.median(help_s() for _ in range(options.runs)),
        "memory_ready_mib": max(ready for _, ready, _ in runs) / MIB,
        "memory_most_mib": max(most for _, _, most in runs) / MIB,
    }
    figures = {name: round(figure, 2) for name, figure in figures.items()}
    print(table([["", f"{options.runs} runs"], *([name, f"{figure:,.2f}"] for name, figure in figures.items())]))
    print_json("startup", {"runs": options.runs, **figures})
    return 0


def server_run(arguments: Sequence[str], spoken: Sequence[FloatAudio]) -> tuple[float, int, int]:
    """(seconds until ready, bytes when ready, the most bytes while it answers all that is `spoken`)."""
    started = time.monotonic()
    with LocalServer(arguments, lambda line: None, lambda line: print(line, file=sys.stderr)) as server:
        ports = server.wait_ready()
        ready_s = time.monotonic() - started
        with MemoryWatch(server.process.pid) as memory, LiveClient(*ports) as client:
            ready_bytes = memory.now()
            for audio in spoken:
                began = time.monotonic()
                client.say(audio)
                client.be_silent_until(partial(_answered, client, began), ANSWER_TIMEOUT_S)
        return ready_s, ready_bytes, memory.most


def _answered(client: LiveClient, began: float) -> bool:
    """Whether a reply has come, and has ended: nothing more for a second."""
    chunks = client.heard_since(began)
    return first_audible(chunks) is not None and time.monotonic() - chunks[-1][0] > 1.0


def client_start_s() -> float:
    """Seconds from the client's start to its connection, with a file for a microphone: no sound card is opened."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listening:
        path = Path(folder) / "silence.wav"
        with contextlib.closing(WavWriter(path, RATE)) as file:
            file.write(bytes(RATE * SAMPLE_BYTES))
        port = str(listening.getsockname()[1])
        command = [sys.executable, str(ROOT / "listen_and_play.py"), "--input", str(path), "--output", f"{path}.reply"]
        started = time.monotonic()
        client = subprocess.Popen([*command, "--send_port", port, "--recv_port", port])
        try:
            listening.settimeout(30)
            listening.accept()[0].close()
            return time.monotonic() - started
        finally:
            client.kill()
            client.wait()


def help_s() -> float:
    """Seconds that `--help` of the client takes."""
    started = time.monotonic()
    subprocess.run([sys.executable, str(ROOT / "listen_and_play.py"), "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
