"""The client's main loop: it connects, shows what goes on in the conversation, and connects again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from utils.client.backoff import Backoff
from utils.client.connection import ServerAddress, ServerConnection, Stop, connect, wait_or_stop
from utils.client.conversation import ClientConversation, Sink, Source
from utils.client.errors import ServerUnavailable
from utils.client.state import ConversationState
from utils.client.status import StatusLine
from utils.system.stop_signals import Stopped

TICK_S = 0.1  # how often the status line is written
REFUSED_WITHIN_S = 1.0  # a server that closes within this time and sends nothing is busy with another client

Wait = Callable[[float, Stop], None]
Connect = Callable[[ServerAddress, Stop], ServerConnection]


@dataclass(frozen=True)
class Outcome:
    """How a conversation ended."""

    received_bytes: int
    """How many bytes of replies came."""

    complete: bool
    """Whether all of the input was sent."""

    refused: bool
    """Whether the server was busy with another client."""


class ClientSession:
    """Conversations of one source and one sink with a server, which may go away and come back.

    check: raises when the source or the sink can't go on. clock: seconds. wait(seconds, stop): raises Stopped.
    """

    def __init__(
        self,
        server: ServerAddress,
        source: Source,
        sink: Sink,
        status: StatusLine,
        stop: Stop,
        check: Callable[[], None] = lambda: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = wait_or_stop,
        connect: Connect = connect,
    ) -> None:
        self._server = server
        self._source = source
        self._sink = sink
        self._status = status
        self._stop = stop
        self._check = check
        self._clock = clock
        self._wait = wait
        self._connect = connect

    def run_for_ever(self) -> None:
        """Hold one conversation after the other. Never returns. Raises Stopped, and whatever `check` raises."""
        backoff = Backoff()
        while True:
            self._first_taken(backoff, patience_s=float("inf"))
            if self._stop.requested:
                raise Stopped
            backoff.reset()
            self._pause(f"server at {self._server} has closed the connection", backoff.next_delay())

    def run_once(self, patience_s: float) -> Outcome:
        """Hold one conversation and play its reply to the end. A stop ends both early.

        patience_s: how many seconds to wait for a server that is missing or busy. Raises ServerUnavailable after that,
        Stopped if no conversation has begun, whatever `check` raises, and OSError if the sink can't be written to.
        """
        outcome = self._first_taken(Backoff(), patience_s)
        state = ConversationState(self._clock)
        with contextlib.suppress(Stopped):
            while self._sink.playing:
                self._show(state, 0)
                self._tick()
        return outcome

    def _first_taken(self, backoff: Backoff, patience_s: float) -> Outcome:
        """Try again until a conversation is not refused, for `patience_s` seconds at most. Returns how it ended."""
        end = self._clock() + patience_s
        while True:
            self._check()
            try:
                outcome = self._converse(self._connect(self._server, self._stop))
                if not outcome.refused:
                    return outcome
                reason = f"server at {self._server} is busy"
            except ServerUnavailable as error:
                reason = str(error)
            delay = backoff.next_delay()
            if self._clock() + delay > end:
                raise ServerUnavailable(reason)
            self._pause(reason, delay)

    def _converse(self, connection: ServerConnection) -> Outcome:
        conversation = ClientConversation(connection, self._source, self._sink)
        state = ConversationState(self._clock)
        started = self._clock()
        conversation.start()
        try:
            while not conversation.ended.is_set():
                if self._clock() - started > REFUSED_WITHIN_S:
                    self._show(state, conversation.received_bytes)
                self._tick()
        except Stopped:
            pass
        finally:
            conversation.stop()
            conversation.join()
        early = self._clock() - started <= REFUSED_WITHIN_S
        return Outcome(
            received_bytes=conversation.received_bytes,
            complete=conversation.input_complete,
            refused=early and not conversation.received_bytes and not self._stop.requested,
        )

    def _pause(self, reason: str, delay: float) -> None:
        self._status.notice(f"{reason}, trying again in {delay:g} s")
        self._wait(delay, self._stop)

    def _tick(self) -> None:
        self._check()
        self._wait(TICK_S, self._stop)

    def _show(self, state: ConversationState, received_bytes: int) -> None:
        self._status.notice(f"connected to {self._server}")
        now = state.look(self._source.heard, self._sink.playing, received_bytes)
        self._status.show(now, self._source.level)
