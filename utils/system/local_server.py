"""Runs a server of this checkout as a process: starts it, waits until it is ready, and stops it as a user would."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
ANY_PORTS = ("--recv_port", "0", "--send_port", "0")  # a port that is chosen beforehand may be taken meanwhile
READY = re.compile(r"ready after .*: microphone on \S+:(\d+), speaker on \S+:(\d+)$")
NICENESS = 10  # a tenth of the processor, if other programs of this user want it too


class ServerFailed(RuntimeError):
    """The server ended before it was ready. Its output has been shown."""


class LocalServer:
    """A server, as a context manager. It listens on two free ports that the system chooses.

    arguments: the command line of s2s_pipeline.py, without the ports. on_stdout, on_stderr: take each line of output.
    program: the script to run; tests may run another one. yields: whether other programs go first, if the system can do
    that. A client on the same machine needs it, since its sound breaks off when it has to wait.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        on_stdout: Callable[[str], None],
        on_stderr: Callable[[str], None],
        program: Path = ROOT / "s2s_pipeline.py",
        yields: bool = False,
    ) -> None:
        self._program = program
        self._yields = yields
        self._arguments = [*arguments, *ANY_PORTS]
        self._ports: tuple[int, int] | None = None
        self._sinks = on_stdout, on_stderr
        self._ready = threading.Event()

    def __enter__(self) -> LocalServer:
        command = [sys.executable, "-u", str(self._program), *self._arguments]
        # A process group of its own: Ctrl-C on the terminal reaches the caller, which stops the server in its turn.
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        if self._yields and hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, self.process.pid, NICENESS)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        streams = zip((self.process.stdout, self.process.stderr), self._sinks, strict=True)
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in streams]
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def wait_ready(self) -> tuple[int, int]:
        """Wait until the server is ready. Returns the ports of the microphone and of the speaker.

        Raises ServerFailed if it ends instead.
        """
        while not self._ready.wait(0.1):
            if self.process.poll() is not None and not self._ready.is_set():
                raise ServerFailed(f"the server ended with exit status {self.process.returncode}")
        assert self._ports is not None
        return self._ports

    def stop(self, number: int = signal.SIGINT, timeout: float = 10.0) -> int:
        """Send Ctrl-C and wait. Kill the server after `timeout` seconds. Returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for reader in self._readers:
            reader.join()
        return self.process.returncode

    def _read(self, stream: IO[str], sink: Callable[[str], None]) -> None:
        with stream:
            for line in stream:
                if found := READY.search(line.rstrip()):
                    self._ports = int(found[1]), int(found[2])
                    self._ready.set()
                sink(line.rstrip("\n"))
