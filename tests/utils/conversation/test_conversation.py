"""A conversation's life: stages built, joined, started, hung up and ended, on real threads."""

from __future__ import annotations

import io
import logging
import threading
import time

import numpy as np
import pytest

from handlers.base import BaseHandler
from tests.fakes import FakeClock
from tests.fakes_transport import FakeTransport
from tests.waiting import DEADLINE_S
from utils.conversation import conversation as conversation_module
from utils.conversation.conversation import QUEUE_CAPACITY, Conversation, LoadedStage
from utils.conversation.messages import ConversationStarted, InputEnded, ReplyEnd, Transcript, Utterance
from utils.conversation.transcript import TranscriptOutput
from utils.turns.chat import Chat


class Source(BaseHandler):
    """Begins with what its engine says; then reads from its transport until that ends."""

    handles = (ConversationStarted,)

    def setup(self, engine):
        self.begin, self.transport = engine

    def process(self, message, live):
        yield from self.begin(self.context)
        self.transport.read(60)  # waits until the conversation ends
        yield InputEnded()


class Sink(BaseHandler):
    """Keeps what arrives; its engine is told."""

    handles = (ReplyEnd, Transcript, Utterance)

    def setup(self, engine):
        self.engine = engine

    def process(self, message, live):
        self.engine(message)
        yield from ()

    def cleanup(self):
        self.engine("cleaned up")


class World:
    def __init__(self, begin=lambda context: (), on_message=lambda message: None, middle=()) -> None:
        self.transport = FakeTransport(time.monotonic)
        self.got: list[object] = []
        self.arrived = threading.Semaphore(0)
        self.finished: list[str] = []
        self.output = io.StringIO()
        self.on_message = on_message
        self.conversation = Conversation(
            self.transport,
            "10.0.0.7",
            [LoadedStage("source", Source, (begin, self.transport)), *middle, LoadedStage("sink", Sink, self._keep)],
            chat=Chat(10),
            on_finished=lambda: self.finished.append(threading.current_thread().name),
            output=TranscriptOutput(self.output),
        )

    def _keep(self, message: object) -> None:
        self.got.append(message)
        self.arrived.release()
        self.on_message(message)


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setattr(conversation_module, "JOIN_S", DEADLINE_S)  # a busy machine's threads end late
    worlds: list[World] = []

    def build(**options) -> World:
        worlds.append(World(**options))
        return worlds[-1]

    yield build
    for world in worlds:
        world.conversation.close()


def turn(context):
    attempt = context.turns.begin()
    context.turns.commit(attempt)
    yield Utterance(attempt, context.turns.turn_of(attempt), np.zeros(0, dtype=np.float32), 0.0)
    yield Transcript(attempt, context.turns.turn_of(attempt), "Is it\nopen?")


def test_messages_go_from_the_first_stage_to_the_last_in_order(make):
    world = make(begin=turn)
    world.conversation.start()
    assert world.arrived.acquire(timeout=DEADLINE_S)
    assert world.arrived.acquire(timeout=DEADLINE_S)
    assert [type(message) for message in world.got] == [Utterance, Transcript]


def test_the_end_wakes_every_stage_and_shows_what_was_never_answered(make):
    world = make(begin=turn)
    world.conversation.start()
    assert world.arrived.acquire(timeout=DEADLINE_S)
    assert world.arrived.acquire(timeout=DEADLINE_S)
    assert world.conversation.close()
    assert world.got[-1] == "cleaned up"
    assert world.output.getvalue().splitlines()[0] == "USER: Is it open?"
    assert world.transport.closed
    assert not [thread for thread in threading.enumerate() if thread.name in ("source", "sink")]


def test_words_that_were_to_be_continued_are_shown_at_the_end(make):
    """The user spoke on, and the client left before that was an utterance."""
    interrupted = threading.Event()

    def begin(context):
        yield from turn(context)
        context.turns.user_speaks()
        interrupted.set()

    world = make(begin=begin)
    world.conversation.start()
    assert interrupted.wait(DEADLINE_S)
    assert world.output.getvalue() == ""
    assert world.conversation.close()
    assert world.output.getvalue() == "USER: Is it open?\n"


def test_a_blocked_stage_is_woken_by_the_end(make):
    """The sink is stuck and the queue before it full, so the source waits for room."""
    stuck, release = threading.Event(), threading.Event()

    def block(message):
        stuck.set()
        release.wait(DEADLINE_S)

    def flood(context):
        attempt = next(turn(context)).attempt
        for _ in range(QUEUE_CAPACITY + 5):
            yield ReplyEnd(attempt)

    world = make(begin=flood, on_message=block)
    world.conversation.start()
    assert stuck.wait(DEADLINE_S)
    source = next(thread for thread in threading.enumerate() if thread.name == "source")
    threading.Thread(target=lambda: (source.join(DEADLINE_S), release.set())).start()
    assert world.conversation.close()
    assert release.is_set()
    assert world.got[1:] == ["cleaned up"]


def test_a_thread_that_does_not_end_is_named(make, monkeypatch, caplog):
    monkeypatch.setattr(conversation_module, "JOIN_S", 0.0)
    release = threading.Event()
    world = make(begin=turn, on_message=lambda message: release.wait(DEADLINE_S))
    world.conversation.start()
    assert world.arrived.acquire(timeout=DEADLINE_S)
    sink = next(thread for thread in threading.enumerate() if thread.name == "sink")
    assert not world.conversation.close()
    assert "still busy after the conversation ended" in caplog.text
    release.set()
    sink.join(DEADLINE_S)


def test_hanging_up_is_told_once_by_however_many_threads(make, caplog):
    caplog.set_level(logging.INFO)
    world = make()
    barrier = threading.Barrier(8)

    def hang_up():
        barrier.wait(DEADLINE_S)
        world.conversation.hang_up("a reason")

    threads = [threading.Thread(target=hang_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    world.conversation.start()
    assert world.conversation.finished.is_set()
    assert len(world.finished) == 1
    assert [r.getMessage() for r in caplog.records] == ["conversation with 10.0.0.7 over: a reason"]


def test_whoever_is_told_of_the_end_may_hang_up_again(make):
    world = make()
    world.conversation._on_finished = lambda: (world.finished.append("x"), world.conversation.hang_up("again"))
    world.conversation.start()
    world.conversation.hang_up("once")
    assert world.finished == ["x"]


def test_a_stage_whose_loop_breaks_ends_the_conversation(make, caplog):
    class Broken(Sink):
        def run(self):
            raise RuntimeError("broken loop")

    over = threading.Event()
    world = make(middle=[LoadedStage("broken", Broken, lambda message: None)])
    world.conversation._on_finished = over.set
    world.conversation.start()
    assert over.wait(DEADLINE_S)
    assert "broken loop" in caplog.text
    assert world.conversation.close()


def test_a_stage_that_cannot_be_set_up_starts_no_thread(make):
    class Refuses(Sink):
        def setup(self, engine):
            raise RuntimeError("no engine")

    world = make()
    world.conversation.start()
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="no engine"):
        Conversation(
            world.transport, "10.0.0.7", [LoadedStage("refuses", Refuses, None)], Chat(10), on_finished=lambda: None
        )
    assert threading.active_count() == before


def test_the_transport_is_given_back_when_no_stage_uses_it_any_more(make, monkeypatch):
    world = make(begin=turn)
    world.conversation.start()
    assert world.arrived.acquire(timeout=DEADLINE_S)
    close, alive = world.transport.close, []
    stages = [thread for thread in threading.enumerate() if thread.name in ("source", "sink")]
    monkeypatch.setattr(world.transport, "close", lambda: (alive.extend(t for t in stages if t.is_alive()), close()))
    assert world.conversation.close()
    assert (len(stages), alive) == (2, [])


def test_its_times_are_on_the_transport_s_clock():
    clock, seen = FakeClock(77.0), []

    class Asks(Sink):
        def setup(self, engine):
            seen.append(self.context.clock())

    transport = FakeTransport(clock)
    Conversation(transport, "", [LoadedStage("asks", Asks, None)], Chat(10), on_finished=lambda: None).close()
    assert seen == [77.0]
