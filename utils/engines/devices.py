"""The devices of this process: a scheduler for each, and the lanes of the engines that run there."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping

from utils.engines.demands import Capacity, Order
from utils.engines.figures import Figures
from utils.engines.lane import Lane
from utils.engines.scheduler import Scheduler, Watch, watch_nothing

MPS = "mps"


class Devices:
    """Made once. An engine that is only a client of a server has a lane on the CPU, like one that runs there."""

    def __init__(
        self,
        *,
        cores: int | None = None,
        order: Order = Order.LATEST_START,
        max_wait_s: float = float("inf"),
        watch: Watch = watch_nothing,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """cores: of the CPU that the engines may use; None: all. The others: see `Scheduler`."""
        self._cores = cores or usable_cores()
        self._make = lambda capacity: Scheduler(
            capacity, clock=clock, order=order, max_wait_s=max_wait_s, watch=watch
        )  # fmt: skip
        self._lock = threading.Lock()
        self._schedulers: dict[str, Scheduler] = {}

    def lane(self, part: str, device: str) -> Lane:
        """The lane of a part's engine on a device, as PyTorch names it. On MPS, which must not be used from several
        threads, all engines share one."""
        kind, _, number = device.partition(":")
        name = f"cuda:{number or 0}" if kind == "cuda" else MPS if kind == MPS else "cpu"
        with self._lock:
            if name not in self._schedulers:
                self._schedulers[name] = self._make(self._capacity(name))
            return self._schedulers[name].lane(MPS if name == MPS else part)

    def admits(self) -> bool:
        """Whether one more conversation would be served well, by every device."""
        return all(scheduler.admits() for scheduler in self._all().values())

    def figures(self) -> Mapping[str, Figures]:
        """How things stand on each device."""
        return {name: scheduler.figures() for name, scheduler in self._all().items()}

    def close(self, timeout_s: float = float("inf")) -> bool:
        """Close all lanes. False: one was still busy after so long, all together."""
        deadline = time.monotonic() + timeout_s
        schedulers = self._all().values()
        for scheduler in schedulers:
            scheduler.close(0.0)  # all are told before any is waited for
        ended = [scheduler.close(max(0.0, deadline - time.monotonic())) for scheduler in schedulers]
        return all(ended)

    def _capacity(self, device: str) -> Capacity:
        """One step at a time on a GPU, whose steps take all of it; on a CPU as many as their threads have cores."""
        return Capacity(self._cores, counts_threads=True) if device == "cpu" else Capacity(1)

    def _all(self) -> dict[str, Scheduler]:
        with self._lock:
            return dict(self._schedulers)


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
