"""Which two connections make a conversation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.server.pairing import FRESH_S, MOST_WAITING, PATIENCE_S, Pairing, same_host


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "127.0.0.1"),
        ("127.0.0.9", "127.0.0.1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("10.0.0.7", "10.0.0.7"),
        ("somewhere", "somewhere"),
    ],
)
def test_one_name_for_one_machine(host, name):
    assert same_host(host) == name


def test_the_second_finds_the_first_of_its_address():
    pairing = Pairing(Clock())
    pairing.first("a", "10.0.0.1")
    pairing.first("b", "::1")
    assert pairing.second("10.0.0.2") is None
    assert pairing.second("127.0.0.1") == "b"
    assert pairing.second("127.0.0.1") is None
    assert pairing.second("10.0.0.1") == "a"
    assert pairing.waiting() == []


def test_of_two_clients_that_start_together_the_first_is_first():
    pairing = Pairing(Clock())
    pairing.first("one", "127.0.0.1")
    pairing.first("two", "127.0.0.1")
    assert [pairing.second("127.0.0.1"), pairing.second("127.0.0.1")] == ["one", "two"]


def test_one_that_was_left_does_not_take_a_client_s_place():
    clock = Clock()
    pairing = Pairing(clock)
    pairing.first("left", "127.0.0.1")
    clock.now = FRESH_S + 0.1
    pairing.first("client", "127.0.0.1")
    assert pairing.second("127.0.0.1") == "client"


def test_a_slow_second_connection_goes_to_the_newest():
    clock = Clock()
    pairing = Pairing(clock)
    pairing.first("left", "127.0.0.1")
    pairing.first("client", "127.0.0.1")
    clock.now = FRESH_S + 0.1
    assert pairing.second("127.0.0.1") == "client"


def test_waiting_ends():
    clock = Clock()
    pairing = Pairing(clock)
    pairing.first("a", "10.0.0.1")
    clock.now = PATIENCE_S
    assert pairing.expired() == []
    pairing.first("b", "10.0.0.1")
    clock.now += 0.1
    assert pairing.expired() == ["a"]
    pairing.forget("b")
    assert pairing.second("10.0.0.1") is None


def test_the_number_that_waits_is_bounded():
    pairing = Pairing(Clock())
    dropped = [gone for number in range(MOST_WAITING + 5) for gone in pairing.first(number, "10.0.0.1")]
    assert dropped == [0, 1, 2, 3, 4]
    assert len(pairing.waiting()) == MOST_WAITING


HOSTS = st.sampled_from(["10.0.0.1", "10.0.0.2", "::1", "127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0"])
EVENTS = st.lists(
    st.tuples(st.sampled_from(["first", "second", "forget", "wait"]), HOSTS, st.integers(0, 7)), max_size=60
)


@given(EVENTS)
def test_over_any_history_it_is_the_oldest_fresh_one_or_the_newest(events):
    clock = Clock()
    pairing: Pairing[int] = Pairing(clock)
    waiting: list[tuple[int, str, float]] = []
    for number, (event, host, amount) in enumerate(events):
        name = same_host(host)
        if event == "first":
            waiting.append((number, name, clock.now))
            assert pairing.first(number, host) == [gone[0] for gone in waiting[:-MOST_WAITING]]
            waiting = waiting[-MOST_WAITING:]
        elif event == "second":
            same = [entry for entry in waiting if entry[1] == name]
            fresh = [entry for entry in same if clock.now - entry[2] <= FRESH_S]
            found = fresh[0] if fresh else same[-1] if same else None
            assert pairing.second(host) == (None if found is None else found[0])
            waiting = [entry for entry in waiting if entry is not found]
        elif event == "forget" and waiting:
            gone = waiting.pop(amount % len(waiting))
            pairing.forget(gone[0])
        elif event == "wait":
            clock.now += amount
            late = [entry for entry in waiting if clock.now - entry[2] > PATIENCE_S]
            assert pairing.expired() == [entry[0] for entry in late]
            waiting = [entry for entry in waiting if entry not in late]
        assert pairing.waiting() == [entry[0] for entry in waiting]


DOUBTS = {"scan": 2, "flood": 1, "client": 0}


def test_the_least_doubtful_is_chosen():
    pairing = Pairing(Clock())
    for name in DOUBTS:
        pairing.first(name, "127.0.0.1")
    assert [pairing.second("127.0.0.1", DOUBTS.get) for _ in range(4)] == ["client", "flood", "scan", None]


def test_a_fresh_one_that_has_sent_much_comes_before_an_old_one_that_says_nothing():
    clock = Clock()
    pairing = Pairing(clock)
    pairing.first("scan", "127.0.0.1")
    pairing.first("silent", "127.0.0.1")
    clock.now = FRESH_S + 0.1
    pairing.first("client", "127.0.0.1")
    doubts = {"scan": 2, "silent": 0, "client": 1}
    assert [pairing.second("127.0.0.1", doubts.get) for _ in doubts] == ["client", "silent", "scan"]


def test_of_several_that_are_doubtful_the_newest_is_chosen():
    pairing = Pairing(Clock())
    for name in ("flood", "client"):
        pairing.first(name, "127.0.0.1")
    assert pairing.second("127.0.0.1", lambda _: 1) == "client"
