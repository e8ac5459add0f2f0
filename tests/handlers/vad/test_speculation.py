"""Whether an attempt in a pause pays."""

from __future__ import annotations

import pytest

from handlers.vad.speculation import NEXT_ATTEMPT_MS, REMEMBERED, Speculation


def account(gain_ms=180.0, right=0, wrong=0):
    made = Speculation(gain_ms)
    for outcome in [True] * right + [False] * wrong:
        made.pause()
        made.settle(outcome)
    return made


@pytest.mark.parametrize("gain_ms", [0.0, -10.0])
def test_without_anything_to_gain_it_never_pays(gain_ms):
    assert not account(gain_ms, right=8).pays(0.0)


def test_the_first_one_pays():
    assert account().pays(0.0)


@pytest.mark.parametrize("wrong", [1, 5, 50])
def test_where_the_transcription_is_fast_it_pays_however_often_it_was_wrong(wrong):
    assert account(wrong=wrong).pays(NEXT_ATTEMPT_MS)


@pytest.mark.parametrize(
    ("stt_ms", "right", "wrong", "pays"),
    [
        (400, 0, 0, True), (400, 0, 1, False), (400, 1, 1, True), (2_000, 0, 0, False), (2_000, 8, 0, True),
        (2_000, 7, 1, False), (1_000, 7, 1, True), (1_000, 4, 4, False),
    ],
)  # fmt: skip
def test_a_slow_transcription_needs_good_hope(stt_ms, right, wrong, pays):
    assert account(right=right, wrong=wrong).pays(stt_ms) == pays


def test_only_the_last_outcomes_count():
    made = account(wrong=20)
    assert not made.pays(1_000)
    for _ in range(REMEMBERED):
        made.pause()
        made.settle(True)
    assert made.pays(1_000)


def test_only_what_happens_in_a_pause_counts_and_once():
    made = account(right=8)
    made.settle(False)
    made.pause()
    made.forget()
    made.settle(False)
    assert made.pays(2_000.0)
    made.pause()
    made.settle(False)
    assert not made.pays(2_000.0)
