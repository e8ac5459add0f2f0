"""One conversation: its stages, each in a thread, joined by queues between what its client says and what it hears."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from utils.conversation.context import Context
from utils.conversation.messages import ConversationStarted
from utils.conversation.queue import StageQueue
from utils.conversation.records import TurnRecords
from utils.conversation.transcript import TranscriptOutput
from utils.metrics.figures import MetricsSink
from utils.transports.base import Transport
from utils.turns.chat import Chat
from utils.turns.turns import Turns

logger = logging.getLogger(__name__)

QUEUE_CAPACITY = 32
JOIN_S = 2.0


class Stage(Protocol):
    """What a conversation asks of a stage; `handlers.base.BaseHandler` is one."""

    def setup(self, engine: Any) -> None:
        """Make this conversation's state."""

    def run(self) -> None:
        """The stage's loop, until `Shutdown`."""


@dataclass(frozen=True)
class LoadedStage:
    """A stage that conversations are built from. make(context, inbox, outbox) → the stage; engine: what it shares."""

    name: str
    make: Callable[[Context, StageQueue, StageQueue | None], Stage]
    engine: Any


class Conversation:
    """Built on the transport to its client, started once, closed once.

    client: its name in the log. on_finished is called, from a stage's thread, when the conversation is over; whoever
    owns it then calls `close`.
    """

    def __init__(
        self,
        transport: Transport,
        client: str,
        stages: Sequence[LoadedStage],
        chat: Chat,
        on_finished: Callable[[], None],
        metrics: MetricsSink | None = None,
        output: TranscriptOutput | None = None,
    ) -> None:
        self.client = client
        self._transport = transport
        self.finished = threading.Event()
        self._hanging_up = threading.Lock()  # the sender and the server may find out at the same time
        self._on_finished = on_finished
        clock = transport.clock
        self._records = TurnRecords(chat, output or TranscriptOutput(), clock, metrics)
        self._turns = Turns(self._records.ended, clock)
        self._queues = [StageQueue(QUEUE_CAPACITY, self._turns.live) for _ in stages]
        for queue in self._queues:
            self._turns.subscribe(queue.drop_stale)
        self._turns.subscribe(self._records.report)  # last: it prints, and a terminal may keep it waiting
        context = Context(self._turns, self._records, chat, clock, self.hang_up)
        self._threads = []
        for stage, inbox, outbox in zip(stages, self._queues, [*self._queues[1:], None], strict=True):
            handler = stage.make(context, inbox, outbox)
            handler.setup(stage.engine)
            self._threads.append(threading.Thread(target=self._run, args=(handler,), name=stage.name, daemon=True))

    def start(self) -> None:
        """Start the stages' threads."""
        for thread in self._threads:
            thread.start()
        self._queues[0].put(ConversationStarted())

    def hang_up(self, reason: str) -> None:
        """The conversation is over: nothing more is made for it. Any thread; waits for nobody."""
        with self._hanging_up:
            if self.finished.is_set():
                return
            self.finished.set()
        logger.info("conversation with %s over: %s", self.client, reason)
        self._on_finished()

    def close(self) -> bool:
        """Cancel, close the transport, then end the threads. False: one did not end in time (it is a daemon)."""
        self._turns.close()
        self._transport.shut_down()
        for queue in self._queues:
            queue.shut_down()
        deadline = time.monotonic() + JOIN_S
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                thread.join(max(0.0, deadline - time.monotonic()))
        self._records.close()
        self._transport.close()
        late = [thread.name for thread in self._threads if thread.is_alive()]
        if late:
            logger.error("still busy after the conversation ended: %s", ", ".join(late))
        return not late

    def _run(self, handler: Stage) -> None:
        try:
            handler.run()
        except Exception:
            logger.exception("a stage's thread broke")
            self.hang_up("a stage's thread broke")
