"""The loop that every stage runs in, once.

A stage subclasses `BaseHandler` and implements

    engine_type                 what `load` makes, once per process, on the engine's thread: weights, warm-up
    setup(engine)               once per conversation: the state that belongs to this conversation alone
    process(message, live)      a generator: what one message becomes; asks `live()` at every token or step
    recover()                   after `process` has raised: whatever it left half done
    cleanup()                   once, at the end of the conversation

and touches neither queues nor threads.
"""

from __future__ import annotations

import contextlib
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any, ClassVar

from utils.conversation.context import Context
from utils.conversation.messages import Message, ReplyEnd, Shutdown, attempt_of
from utils.conversation.queue import StageQueue
from utils.system.engine_thread import EngineThread, Live
from utils.turns.attempts import State

logger = logging.getLogger(__name__)

MOST_LIVE = 3  # attempts at a time: see utils/turns/machine.py


class BaseHandler(ABC):
    """One stage of one conversation. outbox: None for the last stage."""

    handles: ClassVar[tuple[type, ...]]
    """The messages `process` takes; every other message is passed on unchanged."""

    engine_type: ClassVar[Callable[..., Any]]
    """What conversations share: engine_type(thread, **options), its options those of the stage's dataclass."""

    def __init__(self, context: Context, inbox: StageQueue, outbox: StageQueue | None) -> None:
        self.context = context
        self._inbox = inbox
        self._outbox = outbox
        self._broken_attempt: int | None = None
        self._given: deque[int] = deque(maxlen=MOST_LIVE)  # attempts that this stage has given out something of

    @classmethod
    def load(cls, thread: EngineThread, **options: Any) -> Any:
        """Load what conversations share: weights, compilation, warm-up. Called once, on the engine's thread."""
        return cls.engine_type(thread, **options)

    @abstractmethod
    def setup(self, engine: Any) -> None:
        """Make this conversation's own state."""

    @abstractmethod
    def process(self, message: Any, live: Live) -> Iterator[Message]:
        """What one message becomes. Closed early when its attempt goes stale: clean up in `finally`."""

    def recover(self) -> None:  # noqa: B027 - most stages keep nothing that could be half done
        """Make the state good again after `process` has raised: the next message is to be taken as usual."""

    def cleanup(self) -> None:  # noqa: B027 - most stages have nothing to clean up
        """Let go of this conversation's state."""

    def run(self) -> None:
        """Process messages until `Shutdown`. Runs on the stage's thread of this conversation."""
        try:
            while not isinstance(message := self._inbox.get(), Shutdown):
                self._take(message)
                del message  # audio and text of the last message need not outlive it
        finally:
            self.cleanup()

    def _take(self, message: Message) -> None:
        attempt = attempt_of(message)
        live = self._liveness(attempt)
        if not live() or (attempt is not None and attempt == self._broken_attempt):
            return
        if not isinstance(message, self.handles):
            self._emit(message)
            return
        self.context.records.taken(message)
        try:
            with contextlib.closing(self._outputs(message, live)) as outputs:
                for output in outputs:
                    if not live() or not self._emit(output):
                        return
        except CancelledError:
            return  # the attempt went stale while an engine was at work on it
        except Exception:
            logger.exception("%s failed on %s", type(self).__name__, type(message).__name__)
            self.recover()
            self._fail(attempt)

    def _outputs(self, message: Message, live: Live) -> Any:
        return self.process(message, live)

    def _liveness(self, attempt: int | None) -> Live:
        turns = self.context.turns
        if attempt is None:
            return lambda: not turns.closed
        return lambda: turns.live(attempt)

    def _fail(self, attempt: int | None) -> None:
        """Nothing else of this attempt passes this stage. What was made of its reply is heard, and then the reply ends.

        Where nothing was made, the turns are told at once: an end that came after a held reply would never be reached.
        """
        if attempt is None:
            return
        self._broken_attempt = attempt
        if self._outbox is None:
            self.context.turns.finish(attempt)
        elif attempt in self._given:
            self._emit(ReplyEnd(attempt, failed=True))
        else:
            if not self.context.turns.doubtful(attempt):
                self.context.records.observe(ReplyEnd(attempt, failed=True))
            turns = self.context.turns
            if turns.fail(attempt) and turns.state(attempt) is State.DONE:
                logger.warning("turn %d ended early: a stage failed", turns.turn_of(attempt))

    def _emit(self, message: Message) -> bool:
        self.context.records.observe(message)
        if (attempt := attempt_of(message)) is not None and attempt not in self._given:
            self._given.append(attempt)
        return self._outbox is None or self._outbox.put(message)
