"""The bounded queue between two stages."""

from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.waiting import DEADLINE_S
from utils.conversation.messages import InputEnded, ReplyEnd, Shutdown, Transcript
from utils.conversation.queue import StageQueue


def started(target, *arguments):
    result: list[object] = []
    thread = threading.Thread(target=lambda: result.append(target(*arguments)), daemon=True)
    thread.start()
    return thread, result


@given(st.lists(st.integers(0, 9), max_size=30))
def test_first_in_first_out(attempts):
    queue = StageQueue(30, lambda attempt: True)
    for attempt in attempts:
        assert queue.put(ReplyEnd(attempt))
    assert [queue.get().attempt for _ in attempts] == attempts


def test_nothing_is_lost_between_two_threads():
    queue = StageQueue(3, lambda attempt: True)
    thread, _ = started(lambda: [queue.put(ReplyEnd(number)) for number in range(2_000)])
    got = []
    for _ in range(2_000):
        got.append(queue.get().attempt)
        assert len(queue) <= 3
    thread.join(DEADLINE_S)
    assert got == list(range(2_000))


def test_a_stale_message_is_not_taken():
    queue = StageQueue(3, {1}.__contains__)
    assert not queue.put(ReplyEnd(2))
    assert queue.put(ReplyEnd(1))
    assert queue.put(InputEnded())
    assert len(queue) == 2


def test_a_full_queue_waits_until_there_is_room():
    queue = StageQueue(1, lambda attempt: True)
    queue.put(ReplyEnd(1))
    thread, result = started(queue.put, ReplyEnd(2))
    assert queue.get() == ReplyEnd(1)
    thread.join(DEADLINE_S)
    assert result == [True]
    assert queue.get() == ReplyEnd(2)


def test_a_wait_ends_when_the_message_goes_stale():
    live = {1, 2}
    queue = StageQueue(1, live.__contains__)
    queue.put(ReplyEnd(1))
    thread, result = started(queue.put, ReplyEnd(2))
    live.discard(2)
    queue.drop_stale()
    thread.join(DEADLINE_S)
    assert result == [False]
    assert queue.get() == ReplyEnd(1)


def test_what_is_stale_is_dropped_and_makes_room():
    live = {1, 2}
    queue = StageQueue(2, live.__contains__)
    queue.put(ReplyEnd(1))
    queue.put(InputEnded())
    thread, result = started(queue.put, ReplyEnd(2))
    live.discard(1)
    queue.drop_stale()
    thread.join(DEADLINE_S)
    assert result == [True]
    assert [queue.get(), queue.get()] == [InputEnded(), ReplyEnd(2)]


def test_shutdown_wakes_both_sides_and_stays():
    queue = StageQueue(1, lambda attempt: True)
    getter, got = started(queue.get)
    queue.shut_down()
    getter.join(DEADLINE_S)
    assert got == [Shutdown()]
    assert queue.get() == Shutdown()
    assert not queue.put(ReplyEnd(1))
    full = StageQueue(1, lambda attempt: True)
    full.put(ReplyEnd(1))
    putter, result = started(full.put, ReplyEnd(2))
    full.shut_down()
    putter.join(DEADLINE_S)
    assert result == [False]
    assert full.get() == Shutdown()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=60), st.sets(st.integers(0, 5)), st.integers(1, 4))
def test_what_stays_wanted_arrives_once_and_in_order_while_other_attempts_end(attempts, ending, capacity):
    live = set(range(6))
    queue = StageQueue(capacity, live.__contains__)
    messages = [Transcript(attempt, number, "x") for number, attempt in enumerate(attempts)]
    producer, _ = started(lambda: [queue.put(message) for message in [*messages, InputEnded()]])

    def end_attempts():
        for attempt in ending:
            live.discard(attempt)
            queue.drop_stale()

    canceller, _ = started(end_attempts)
    got = []
    while not isinstance(message := queue.get(), InputEnded):
        assert len(queue) <= capacity
        got.append(message.turn)
    for thread in (producer, canceller):
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
    assert got == sorted(set(got))
    assert set(got) >= {number for number, attempt in enumerate(attempts) if attempt not in ending}


def test_a_shutdown_goes_before_what_waits():
    queue = StageQueue(5, lambda attempt: True)
    queue.put(InputEnded())
    queue.shut_down()
    assert len(queue) == 0
    assert queue.get() == Shutdown()


def test_the_users_side_waits_for_room_but_never_goes_stale():
    queue = StageQueue(1, lambda attempt: False)
    assert queue.put(InputEnded())
    thread, result = started(queue.put, InputEnded())
    queue.drop_stale()
    assert queue.get() == InputEnded()
    thread.join(DEADLINE_S)
    assert result == [True]
    assert len(queue) == 1
