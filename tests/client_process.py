"""The client as a process of its own, with stand-ins for the modules it may or may not import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.priority import go_first

ROOT = Path(__file__).resolve().parent.parent
POISON = "raise AssertionError(__name__ + ' was imported')"
CLOCKED = """
import sys
from tests.fakes_sounddevice import FakeSoundDevice
sys.modules[__name__] = FakeSoundDevice(clocked=True)
"""


class Client:
    """A context manager: the client's process.

    modules: name → source of what `import name` finds, None for the real one. environment: instead of this process's.
    own_machine: it is not kept waiting by what else runs here, as on a laptop of its own.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        environment: Mapping[str, str] = os.environ,
        own_machine: bool = False,
        **modules: str | None,
    ) -> None:
        for name, source in {"torch": POISON, "transformers": POISON, "sounddevice": POISON, **modules}.items():
            if source is not None:
                (folder / f"{name}.py").write_text(source)
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-W", "error", str(ROOT / "listen_and_play.py"), *options],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**environment, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
            preexec_fn=start_on_own_machine if own_machine else ignore_interrupts,
        )  # fmt: skip
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()

    def wait_for(self, text: str, after: int = 0) -> None:
        """Until it has said this on stderr, in a line from number `after` on."""
        self.wait_until(lambda lines: any(text in line for line in lines[after:]))

    def wait_until(self, found: Callable[[list[str]], bool], timeout: float = 30.0) -> None:
        """Until the lines that it has said on stderr are as wished."""
        with self._changed:
            assert self._changed.wait_for(lambda: found(self.lines), timeout), self.lines

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self, timeout: float = 60.0) -> tuple[int, str, str]:
        """(exit status, stdout, stderr)."""
        status = self.process.wait(timeout)
        self._reader.join(10)
        return status, self.process.stdout.read(), "".join(self.lines)

    def _read(self) -> None:
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()


def ignore_interrupts() -> None:
    """As a shell starts background jobs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def start_on_own_machine() -> None:
    """The same, before all others that want the processor."""
    ignore_interrupts()
    go_first()
