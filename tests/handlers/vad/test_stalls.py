"""What a gap in the stream is, and when the audio after it was spoken: times that the test passes in."""

from __future__ import annotations

import pytest

from handlers.vad.stalls import LONGEST_STALL_S, Gap, Stalls

BLOCK_S = 0.032


def live(stalls: Stalls, start: float, seconds: float) -> float:
    """A client that sends in real time; returns when its last block arrives."""
    now = start
    while now + BLOCK_S <= start + seconds + 1e-9:
        now += BLOCK_S
        assert stalls.audio(BLOCK_S, now) == pytest.approx(now, abs=0.1)
    return now


def missing(stalls: Stalls, since: float, seconds: float, speaking: bool = True) -> list[Gap]:
    """Nothing arrives; what the stream is taken for, as the receiver asks."""
    count = int((seconds - 0.2) / 0.05 + 1e-9) + 1
    return [stalls.gap(since + 0.2 + 0.05 * index, speaking) for index in range(count)]


@pytest.mark.parametrize(
    ("seconds", "speaking", "pauses", "expected"),
    [
        (1.0, True, False, Gap.WAIT),
        (LONGEST_STALL_S - 0.1, True, False, Gap.WAIT),
        (LONGEST_STALL_S + 0.1, True, False, Gap.LOST),
        (1.0, False, False, Gap.SILENCE),
        (9.0, False, False, Gap.SILENCE),
        (0.2, True, True, Gap.SILENCE),
        (9.0, True, True, Gap.SILENCE),
    ],
)
def test_what_a_gap_is_taken_for(seconds, speaking, pauses, expected):
    stalls = Stalls()
    now = live(stalls, 100.0, 1.0)
    stalls.pauses = pauses
    assert missing(stalls, now, seconds, speaking)[-1] is expected


def test_before_the_first_audio_there_is_silence():
    assert Stalls().gap(5.0, False) is Gap.SILENCE


@pytest.mark.parametrize("stall_s", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("block_s", [0.01, BLOCK_S, 5.0])
def test_the_audio_of_a_stall_is_dated_by_its_own_clock(stall_s, block_s):
    stalls = Stalls()
    spoken = live(stalls, 100.0, 1.0)
    back = spoken + stall_s
    missing(stalls, spoken, stall_s)
    while spoken < back - 1e-9:
        block = min(block_s, back - spoken)
        spoken += block
        assert stalls.audio(block, back) == pytest.approx(spoken, abs=0.1)
    live(stalls, back, 3.0)
    assert not stalls.pauses


def test_a_stall_that_is_caught_up_slowly_is_a_stall():
    stalls = Stalls()
    spoken = now = live(stalls, 100.0, 1.0)
    missing(stalls, spoken, 0.8)
    now += 0.8
    while spoken < now - 0.1:  # twice as fast as real time
        now, spoken = now + BLOCK_S / 2, spoken + BLOCK_S
        assert stalls.audio(BLOCK_S, now) == pytest.approx(spoken, abs=0.1)
    assert not stalls.pauses


def test_a_second_stall_before_the_first_is_caught_up_is_part_of_it():
    stalls = Stalls()
    spoken = live(stalls, 100.0, 1.0)
    missing(stalls, spoken, 1.0)
    assert stalls.audio(0.5, spoken + 1.0) == pytest.approx(spoken + 0.5)
    assert missing(stalls, spoken + 1.0, 0.5)[-1] is Gap.WAIT
    assert stalls.audio(1.0, spoken + 1.5) == pytest.approx(spoken + 1.5)
    assert not stalls.pauses


@pytest.mark.parametrize("speaking", [True, False])
def test_a_client_that_goes_on_in_real_time_had_paused_its_stream(speaking):
    stalls = Stalls()
    now = live(stalls, 100.0, 1.0)
    missing(stalls, now, 2.0, speaking)
    first = stalls.audio(BLOCK_S, now + 2.0)
    assert first == pytest.approx(now + (BLOCK_S if speaking else 2.0))
    for number in range(1, 40):
        last = stalls.audio(BLOCK_S, now + 2.0 + number * BLOCK_S)
    assert stalls.pauses
    assert last == pytest.approx(now + 2.0 + 39 * BLOCK_S)
    assert missing(stalls, last, 0.3) == [Gap.SILENCE] * 3


def test_a_client_that_sends_only_while_a_key_is_held_is_waited_for_once():
    stalls = Stalls()
    now = live(stalls, 100.0, 0.6)
    assert missing(stalls, now, 3.1)[-1] is Gap.LOST
    now += 10.0
    for _ in range(15):
        now += BLOCK_S
        stalls.audio(BLOCK_S, now)
    assert missing(stalls, now, 0.2) == [Gap.SILENCE]
