"""Which two connections make a conversation."""

from __future__ import annotations

import pytest

from utils.pairing import MOST_WAITING, PATIENCE_S, Pairing, same_host


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


def test_the_newest_wins_over_one_that_was_left():
    pairing = Pairing(Clock())
    pairing.first("left", "127.0.0.1")
    pairing.first("client", "127.0.0.1")
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
