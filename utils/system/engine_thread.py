"""The one long-lived thread on which a model is loaded, warmed up and run.

Torch gives every new Python thread an OpenMP pool of its own (a decode step went from 70 to over 105 ms), and compiled
CUDA graphs belong to the thread that recorded them: so the stages' threads, several a conversation, ask the engine's
thread to do the work and wait. Jobs run in the order in which they came.
"""

from __future__ import annotations

import contextlib
import math
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Generic, TypeVar

T = TypeVar("T")
Emit = Callable[[T], None]
Live = Callable[[], bool]

WATCH_S = 0.05  # how often a waiting stage looks whether its work is still wanted


class EngineClosed(RuntimeError):
    """The engine's thread has ended; it takes no more work."""


class Abandoned(Exception):
    """Raised inside a job by `emit` when nobody wants its output any more."""


def always() -> bool:
    """Work that is always wanted."""
    return True


def _one(_: object) -> float:
    return 1.0


class EngineThread:
    """Runs jobs one after another on a thread of its own, a daemon: a load that hangs can't keep the process alive."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()  # no job may come behind the one that ends the thread: nobody would run it
        self._thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)
        self._thread.start()

    def call(self, job: Callable[[], T], live: Callable[[], bool] = always) -> T:
        """Run `job` on the engine's thread and return its result, or raise what it raises.

        Raises CancelledError when `live` turns false: the caller goes on at once, the job (which should ask `live`
        too) ends on its own and its result is dropped. Raises EngineClosed after `close`.
        """
        future = self.submit(job, live)
        while True:
            try:
                return future.result(timeout=WATCH_S)
            except FutureTimeout:
                if future.done():  # it ended just now, or raised a TimeoutError of its own
                    return future.result()
                if not live():
                    raise CancelledError from None
                if not self._thread.is_alive():
                    raise EngineClosed(self._thread.name) from None

    def submit(self, job: Callable[[], T], live: Callable[[], bool] = always) -> Future[T]:
        """Queue `job` and return at once. A job that is no longer wanted when its turn comes is not started."""
        future: Future[T] = Future()

        def work() -> None:
            if not live():
                future.cancel()
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)

        with self._lock:
            if self._closed:
                raise EngineClosed(self._thread.name)
            self._jobs.put(work)
        return future

    def stream(
        self,
        produce: Callable[[Emit[T], Live], None],
        live: Live = always,
        *,
        room: float = math.inf,
        size: Callable[[T], float] = _one,
    ) -> Iterator[T]:
        """Run `produce(emit, wanted)` on the engine's thread and yield what it emits, as it emits it.

        Ends early, without an error, when `live` turns false. Closing the iterator abandons the job: from then on
        `wanted()` is false, and `emit` raises Abandoned. An exception in the job is raised here, after everything it
        had emitted.

        room: what may wait to be taken, in the unit of `size`; `emit` waits until there is room again. An item that
        is larger than that waits alone. Meanwhile the engine does nothing else: room is for a few seconds, so that a
        paused listener's job does not run ahead of him to its end.
        """
        channel: _Channel[T] = _Channel(live, room, size)

        def job() -> None:
            with contextlib.suppress(Abandoned):
                produce(channel.emit, channel.wanted)

        future = self.submit(job, channel.wanted)
        future.add_done_callback(channel.end)
        try:
            yield from channel.items()
        finally:
            channel.abandon()
        if live() and not future.cancelled():
            future.result()

    def close(self, timeout: float | None = None) -> bool:
        """Take no more jobs, finish those that wait, end the thread. False: it was still busy after `timeout`."""
        with self._lock:
            self._closed = True
            self._jobs.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # a job holds its arguments and result: let go of them while waiting for the next


class _Channel(Generic[T]):
    """What a streaming job has emitted and its consumer has not taken."""

    def __init__(self, live: Live, room: float, size: Callable[[T], float]) -> None:
        self._live = live
        self._room = room
        self._size = size
        self._items: deque[T] = deque()
        self._waiting = 0.0  # their sizes
        self._ended = self._abandoned = False
        self._changed = threading.Condition()

    def wanted(self) -> bool:
        """Whether anybody will take what is emitted."""
        return self._live() and not self._abandoned

    def emit(self, item: T) -> None:
        size = self._size(item)
        with self._changed:
            while self._items and self._waiting + size > self._room and self.wanted():
                self._changed.wait(WATCH_S)
            if not self.wanted():
                raise Abandoned
            self._items.append(item)
            self._waiting += size
            self._changed.notify_all()

    def end(self, _: Future[None]) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def abandon(self) -> None:
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def items(self) -> Iterator[T]:
        while self._live():
            with self._changed:
                if not self._items and not self._ended:
                    self._changed.wait(WATCH_S)
                if not self._items:
                    if self._ended:
                        return
                    continue
                item = self._items.popleft()
                self._waiting -= self._size(item)
                self._changed.notify_all()
            yield item
