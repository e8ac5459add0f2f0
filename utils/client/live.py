"""The client with a sound card. It waits for devices that disappear, as it waits for the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NoReturn

from utils.client.backoff import LONGEST_S, Backoff
from utils.client.connection import Stop, wait_or_stop
from utils.client.ends import Ends
from utils.client.errors import SoundError
from utils.client.status import StatusLine


def talk_for_ever(
    opened: Callable[[], AbstractContextManager[Ends]],
    converse: Callable[[Ends], None],
    status: StatusLine,
    stop: Stop,
    *,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float, Stop], None] = wait_or_stop,
) -> NoReturn:
    """Open the devices and converse until a stop is asked for. When a device has gone, wait for it and open it again.

    opened: opens the devices that are there now. converse(ends): goes on until it raises. The loss of a device is
    reported once. Raises Stopped, SoundError if a device is missing at the start, and whatever else `converse` raises.
    """
    backoff = Backoff()
    ever_opened = False
    while True:
        try:
            with opened() as ends:
                ever_opened = True
                opened_at = clock()
                for line in ends.notices:
                    status.notice(line)
                try:
                    converse(ends)
                except SoundError as loss:  # said before the devices are closed: that may hang
                    status.notice(f"{loss}; trying again until it is back")
            if clock() - opened_at > LONGEST_S:
                backoff.reset()
        except SoundError:  # it is not back yet
            if not ever_opened:
                raise
        wait(backoff.next_delay(), stop)
