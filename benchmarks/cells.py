"""Measurements that may hang or crash, each with a time limit: what is measured runs in a process of its own.

    with Cells(measure, limit_s=60) as cells:
        outcome = cells.run(Cell("a name", {"size": "mini"}))

A worker process is started by the first cell and kept, so that cells that follow each other share what it has loaded.
A cell that takes too long, or that takes its process down, is named as such, and the next one gets a new process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

START_LIMIT_S = 60.0
"""Seconds that a new process may take to import what it measures with."""

Measure = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Cell:
    """One measurement."""

    name: str
    """As it is printed."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What `measure` is given: picklable."""


@dataclass(frozen=True)
class Outcome:
    """What became of a cell."""

    cell: Cell

    took_s: float
    """Seconds, with everything that had to be loaded for it."""

    figures: dict[str, Any] | None = None
    """None where it was not measured."""

    why_not: str = ""
    """Why it was not: one line."""


class Cells:
    """Runs cells one after another. A context manager: the worker ends with it."""

    def __init__(self, measure: Measure, limit_s: float) -> None:
        """measure: an importable function, called in the worker. limit_s: seconds that each cell may take."""
        self._measure = measure
        self._limit_s = limit_s
        self._context = multiprocessing.get_context("spawn")  # a forked process can't use CUDA
        self._worker: Any = None
        self._connection: Connection | None = None

    def __enter__(self) -> Cells:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def run(self, cell: Cell, limit_s: float | None = None) -> Outcome:
        """Measure it. Raises nothing that the measurement raises. limit_s: less time than the others have."""
        began = time.monotonic()
        limit = self._limit_s if limit_s is None else min(limit_s, self._limit_s)
        connection = self._started()
        try:
            connection.send(cell.arguments)
            if not connection.poll(limit):
                self._end()
                return Outcome(cell, time.monotonic() - began, why_not=f"took longer than {limit:.0f} s")
            figures, why_not = connection.recv()
        except (EOFError, OSError):
            code = self._exit_code()
            self._end()
            return Outcome(cell, time.monotonic() - began, why_not=f"its process ended with {code}")
        return Outcome(cell, time.monotonic() - began, figures, why_not)

    def _started(self) -> Connection:
        if self._connection is None:
            self._connection, theirs = self._context.Pipe()
            self._worker = self._context.Process(target=_serve, args=(theirs, self._measure), daemon=True)
            self._worker.start()
            theirs.close()
            with contextlib.suppress(EOFError, OSError):  # one that did not start is told by the first cell
                if self._connection.poll(START_LIMIT_S):
                    self._connection.recv()
        return self._connection

    def _exit_code(self) -> int | None:
        self._worker.join(5)
        code: int | None = self._worker.exitcode
        return code

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._worker.kill()
            self._worker.join(10)
            self._connection = self._worker = None


def _serve(connection: Connection, measure: Measure) -> None:
    """The worker: says that it is there, then answers each cell with (its figures or None, why not)."""
    connection.send("ready")
    with contextlib.suppress(EOFError):
        while True:
            arguments = connection.recv()
            try:
                answer: tuple[dict[str, Any] | None, str] = (measure(arguments), "")
            except Exception as error:
                traceback.print_exc()
                answer = None, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            connection.send(answer)
