"""The engine thread: the one long-lived thread on which a model is loaded, warmed up and run.

Torch gives every new Python thread an OpenMP pool of its own, which makes a decode step slower (over 105 ms instead of
70). CUDA graphs belong to the thread that recorded them. So the threads of the stages, of which each conversation has
several, do not run a model. They give the work to the engine thread and wait. Jobs run in the order of their arrival.
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

WATCH_S = 0.05  # how often a waiting stage checks whether its work is still wanted


class EngineClosed(RuntimeError):
    """The engine thread has ended, and takes no more work."""


class Abandoned(Exception):
    """Raised by `emit`, inside a job, when nobody wants the output of the job any more."""


_here = threading.local()


def on_shared_thread() -> bool:
    """Whether the caller is a job on a thread that several models share: then it must not wait for anybody."""
    return bool(getattr(_here, "shared", False))


def always() -> bool:
    """The `live` of work that is always wanted."""
    return True


def _one(_: object) -> float:
    return 1.0


def as_future(job: Callable[[], T], live: Live) -> tuple[Future[T], Callable[[], None]]:
    """A future, and what sets it. A job that nobody wants any more when its turn comes is not started."""
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

    return future, work


def result_of(future: Future[T], live: Live, thread: threading.Thread) -> T:
    """Wait for what `thread` makes of the future. Raises CancelledError when `live` turns false, EngineClosed when the
    thread has ended, and what the job raises."""
    while True:
        try:
            return future.result(timeout=WATCH_S)
        except FutureTimeout:
            if future.done():  # it ended just now, or raised a TimeoutError of its own
                return future.result()
            if not live():
                raise CancelledError from None
            if not thread.is_alive():
                raise EngineClosed(thread.name) from None


class EngineThread:
    """Runs jobs one after another on a daemon thread, so that a load that hangs can't keep the process alive.

    shared: several models run on it (MPS). A job that waited there for somebody outside would keep the other models
    from their work, perhaps from the work that it waits for.
    """

    def __init__(self, name: str, shared: bool = False) -> None:
        self._shared = shared
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()  # no job may come behind the one that ends the thread: nobody would run it
        self._thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)
        self._thread.start()

    def call(self, job: Callable[[], T], live: Callable[[], bool] = always) -> T:
        """Run `job` on the engine thread. Returns what it returns, and raises what it raises.

        Raises CancelledError when `live` becomes false. The caller then goes on at once. The job ends later (it should
        ask `live` too), and its result is dropped. Raises EngineClosed after `close`.
        """
        return result_of(self.submit(job, live), live, self._thread)

    def submit(self, job: Callable[[], T], live: Callable[[], bool] = always) -> Future[T]:
        """Queue `job` and return at once. A job that nobody wants any more when its turn comes is not started."""
        future, work = as_future(job, live)
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
        """Run `produce(emit, wanted)` on the engine thread, and yield each item as soon as it is emitted.

        The iterator ends early, without an error, when `live` becomes false. When it is closed, the job is abandoned:
        `wanted()` is false from then on, and `emit` raises Abandoned. An exception in the job is raised here, after
        all items that came before it.

        size: the size of an item. room: how much may wait to be taken, in the same unit; `emit` waits for room. An item
        that is larger than `room` waits alone. The engine does nothing else while `emit` waits. So the room is a few
        seconds of sound: enough for a listener, and a paused listener's job does not run to its end. On a shared thread
        there is always room.
        """
        channel: _Channel[T] = _Channel(live, math.inf if self._shared else room, size)

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
        """Take no more jobs, finish those that wait, end the thread. False: it is still busy after `timeout` s."""
        with self._lock:
            self._closed = True
            self._jobs.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        _here.shared = self._shared
        while (job := self._jobs.get()) is not None:
            job()
            del job  # a job holds its arguments and result: let go of them while waiting for the next


class _Channel(Generic[T]):
    """The items that a streaming job has emitted and its consumer has not taken yet."""

    def __init__(self, live: Live, room: float, size: Callable[[T], float]) -> None:
        self._live = live
        self._room = room
        self._size = size
        self._items: deque[T] = deque()
        self._waiting = 0.0  # their sizes
        self._ended = self._abandoned = False
        self._changed = threading.Condition()

    def wanted(self) -> bool:
        """Whether the output of the job is still wanted."""
        return self._live() and not self._abandoned

    def emit(self, item: T) -> None:
        size = self._size(item)
        while self.wanted():  # it may wait, so it is asked without the lock
            with self._changed:
                if not self._items or self._waiting + size <= self._room:
                    self._items.append(item)
                    self._waiting += size
                    self._changed.notify_all()
                    return
                self._changed.wait(WATCH_S)
        raise Abandoned

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
