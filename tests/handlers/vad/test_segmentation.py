"""From voice probabilities to utterances."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.vad.segmentation import Dismissed, Onset, Paused, Resumed, Segmenter, Split, Started, Stopped


def segmenter(**options) -> Segmenter:
    defaults = {
        "frame_ms": 32, "thresh": 0.5, "min_silence_ms": 96, "min_speech_ms": 64, "max_speech_ms": math.inf,
    }  # fmt: skip
    return Segmenter(**{**defaults, **options})


def run(probabilities, flush=True, **options):
    """The events; how much was voiced is left out."""
    cutter = segmenter(**options)
    events = [event for p in probabilities for event in cutter.feed(p)]
    return [plain(event) for event in [*events, *(cutter.flush() if flush else [])]]


def plain(event):
    return replace(event, voiced_ms=0) if isinstance(event, Stopped | Paused) else event


V, S = 0.9, 0.0


@pytest.mark.parametrize(
    ("probabilities", "events"),
    [
        ([S] * 20, []),
        ([S, V, V, V, S, S, S], [Onset(1), Started(1), Stopped(1, 3, 0)]),
        ([V, S, S, S], [Onset(0), Dismissed()]),
        ([V, V, S, S, V, S, S, S], [Onset(0), Started(0), Stopped(0, 4, 0)]),
        (
            [V, V, S, S, S, V, V, S, S, S],
            [Onset(0), Started(0), Stopped(0, 1, 0), Onset(5), Started(5), Stopped(5, 6, 0)],
        ),
        ([V, 0.4, V, S, S, S], [Onset(0), Started(0), Stopped(0, 2, 0)]),
        ([V, V, 0.4, 0.4, 0.4, 0.4], [Onset(0), Started(0), Stopped(0, 1, 0)]),
        ([V, V, V], [Onset(0), Started(0), Stopped(0, 2, 0)]),
        ([S, V], [Onset(1), Dismissed()]),
    ],
)
def test_table(probabilities, events):
    assert run(probabilities) == events


@pytest.mark.parametrize(
    ("voiced", "quiet_from", "ends_at"),
    [
        (10, 10, 18),  # frames of 32 ms: 250 ms are eight, after the last voiced one
        (10, 8, 18),  # two late are usual
        (10, 7, 17),
        (10, 5, 15),
        (10, 4, 18),  # said quietly
        (10, 99, 18),  # a loud room
        (10, 12, 18),  # a noise at the end
    ],
)
def test_silence_counts_from_where_the_sound_was_gone(voiced, quiet_from, ends_at):
    cutter = segmenter(min_silence_ms=250)
    ended = next(
        frame
        for frame in range(99)
        if any(isinstance(e, Stopped) for e in cutter.feed(V if frame < voiced else S, frame >= quiet_from))
    )
    assert ended + 1 == ends_at


@pytest.mark.parametrize(
    ("levels", "voiced", "late"),
    [
        ("LLLLLqqqqqqqq", 8, 3),
        ("LLLLLqqqqqqqq", 5, 0),  # the network is in time
        ("LLLLLqqqqqqqqqq", 10, 5),
        ("LLLLLqqqqqqqqqqq", 11, 0),  # longer is a voice that is quiet
        ("LLLLLqqLqqqqq", 9, 1),  # the sound came back
        ("LLLLLqqLqqqqq", 6, 0),  # after the network's last: a noise
        ("LLLLLqqqqqLLL", 8, 0),
        ("LLLLLLLLLLLLL", 8, 0),  # a loud room
    ],
)
def test_the_events_say_how_late_the_network_was(levels, voiced, late):
    cutter = segmenter(min_silence_ms=10_000, marks=[32 * (len(levels) - voiced)])
    for number, level in enumerate(levels):
        events = cutter.feed(V if number < voiced else S, level == "q")
    assert [event.late for event in [*events, *cutter.flush()]] == [late, late]


def test_a_sound_in_the_silence_makes_it_as_long_as_ever():
    cutter = segmenter(min_silence_ms=250)
    quiet = [False] * 5 + [True] * 8 + [False] + [True] * 9
    ends = [any(isinstance(e, Stopped) for e in cutter.feed(V if n < 10 else S, q)) for n, q in enumerate(quiet)]
    assert ends.index(True) == 17


def test_between_the_thresholds_nothing_ends():
    assert run([V, V] + [0.4] * 50, flush=False) == [Onset(0), Started(0)]


@pytest.mark.parametrize(("silent", "ends"), [(7, False), (8, True), (9, True)])
def test_the_silence_that_ends_an_utterance_is_exact(silent, ends):
    events = run([V] * 5 + [S] * silent, flush=False, min_silence_ms=250)
    assert (Stopped(0, 4, 0) in events) == ends


def test_a_doubt_ends_also_between_the_thresholds():
    assert run([V] + [0.4] * 50, flush=False) == [Onset(0), Dismissed()]


def test_yes_is_speech_and_a_click_is_not():
    assert Started(3) in run([S] * 3 + [V] * 6 + [S] * 10, min_speech_ms=120)
    assert not any(
        isinstance(e, Started) for e in run([S, V, V, S, S, S, S, S, S, V, S, S, S, S, S, S], min_speech_ms=120)
    )


def test_a_long_utterance_is_split_at_its_quietest_stretch():
    probabilities = [V] * 14 + [0.6, 0.55, 0.6] + [V] * 13
    assert run(probabilities, flush=False, max_speech_ms=30 * 32) == [Onset(0), Started(0), Split(0, 15)]
    assert run([*probabilities, S, S, S], max_speech_ms=30 * 32)[-1] == Stopped(15, 29, 0)


PROBABILITIES = st.lists(st.sampled_from([0.0, 0.1, 0.36, 0.45, 0.55, 0.9, 0.9, 1.0]), max_size=300)


@given(PROBABILITIES, st.integers(1, 12), st.integers(1, 8), st.one_of(st.just(math.inf), st.integers(4, 60)))
def test_nothing_is_dropped_and_events_are_in_order(probabilities, silence, speech, longest):
    events = run(probabilities, min_silence_ms=silence * 32, min_speech_ms=speech * 32, max_speech_ms=longest * 32)
    open_at, sure, position = None, False, 0
    for event in events:
        if isinstance(event, Onset):
            assert open_at is None
            assert event.frame >= position
            open_at = event.frame
        elif isinstance(event, Dismissed):
            assert open_at is not None
            assert not sure
            open_at = None
        elif isinstance(event, Started):
            assert not sure
            assert event.frame == open_at
            sure, position = True, event.frame
        elif isinstance(event, Split):
            assert sure
            assert event.start == position < event.end
            position = event.end
        else:
            assert isinstance(event, Stopped)
            assert sure
            assert event.start == position
            position = max(event.last_voiced + 1, event.start)
            open_at, sure = None, False
    assert open_at is None


@given(PROBABILITIES)
def test_every_long_voiced_stretch_is_in_an_utterance(probabilities):
    stopped = [e for e in run(probabilities, min_speech_ms=96) if isinstance(e, Stopped)]
    covered = {frame for e in stopped for frame in range(e.start, e.last_voiced + 1)}
    for start in range(len(probabilities) - 2):
        if all(p >= 0.5 for p in probabilities[start : start + 3]):
            assert {start, start + 1, start + 2} <= covered


@given(PROBABILITIES, st.integers(4, 60))
def test_no_part_is_longer_than_allowed(probabilities, longest):
    for event in run(probabilities, max_speech_ms=longest * 32):
        if isinstance(event, Split):
            assert event.end - event.start <= longest


def test_a_split_in_the_closing_pause_leaves_a_last_part_without_a_voice():
    """Stopped.start may lie behind last_voiced: whoever cuts the audio must not cut backwards."""
    events = run([V] * 5 + [0.4] * 5 + [S] * 3, flush=False, max_speech_ms=10 * 32)
    assert events == [Onset(0), Started(0), Split(0, 8), Stopped(8, 4, 0)]


def test_frames_are_numbered_on_across_splits_and_utterances():
    events = run([V] * 40 + [S] * 3 + [V, V, S, S, S], flush=False, max_speech_ms=12 * 32)
    assert events[-3:] == [Onset(43), Started(43), Stopped(43, 44, 0)]
    splits = [event for event in events if isinstance(event, Split)]
    assert [split.start for split in splits[1:]] == [split.end for split in splits[:-1]]
    assert Stopped(splits[-1].end, 39, 0) in events


@given(PROBABILITIES, st.integers(4, 60))
def test_parts_of_one_utterance_tile_it_without_hole_or_overlap(probabilities, longest):
    at = None
    for event in run(probabilities, max_speech_ms=longest * 32):
        if isinstance(event, Started):
            at = event.frame
        elif isinstance(event, Split | Stopped):
            assert event.start == at
            at = event.end if isinstance(event, Split) else None


@given(PROBABILITIES)
def test_without_a_longest_the_same_speech_is_found_as_with_one(probabilities):
    """Splitting decides where audio is cut, never what is speech."""

    def voiced(events):
        return [
            (e.frame if isinstance(e, Started) else e.last_voiced) for e in events if isinstance(e, Started | Stopped)
        ]

    assert voiced(run(probabilities)) == voiced(run(probabilities, max_speech_ms=6 * 32))


def test_in_utterance_from_the_onset_to_the_end():
    cutter = segmenter()
    assert not cutter.in_utterance
    cutter.feed(V)
    assert cutter.in_utterance
    assert cutter.start == 0
    cutter.flush()
    assert not cutter.in_utterance
    assert cutter.flush() == []


@given(PROBABILITIES, st.integers(4, 60))
def test_what_is_not_cut_yet_is_never_longer_than_allowed(probabilities, longest):
    cutter, sure = segmenter(max_speech_ms=longest * 32), False
    for frame, probability in enumerate(probabilities):
        for event in cutter.feed(probability):
            sure = sure or isinstance(event, Started)
            sure = sure and not isinstance(event, Stopped)
        if sure:
            assert frame + 1 - cutter.start < longest


def test_the_splits_of_steady_speech_come_as_often_as_they_must():
    """After a cut, the speech behind it counts towards the next: 10 frames, cut at 8, so every 8 frames."""
    splits = [event for event in run([V] * 40, flush=False, max_speech_ms=10 * 32) if isinstance(event, Split)]
    assert splits == [Split(0, 8), Split(8, 16), Split(16, 24), Split(24, 32)]


def test_what_lies_between_the_thresholds_goes_on_as_silence_after_silence():
    assert run([V, V, S, 0.4, 0.4], flush=False)[-1] == Stopped(0, 1, 0)
    assert run([V, V, S, 0.4, V, 0.4, 0.4, 0.4, 0.4], flush=False) == [Onset(0), Started(0)]


def fed(cutter, probabilities):
    return [event for p in probabilities for event in cutter.feed(p)]


def paused(start, last_voiced, voiced_ms, *marks):
    return Paused(start, last_voiced, voiced_ms, frozenset(marks))


def test_lengths_of_silence_that_come_to_the_same_frame_are_told_together():
    cutter = segmenter(min_silence_ms=160, marks=[60, 64])
    assert fed(cutter, [V, V, S, S])[2:] == [paused(0, 1, 64, 60, 64)]


def test_each_length_of_silence_that_is_marked_is_told_once():
    cutter = segmenter(min_silence_ms=160, marks=[64, 128])
    assert fed(cutter, [V, V, S, S, S, S, S])[2:] == [paused(0, 1, 64, 64), paused(0, 1, 64, 128), Stopped(0, 1, 64)]


def test_speech_that_goes_on_after_a_pause_is_told():
    cutter = segmenter(min_silence_ms=160, marks=[64])
    assert fed(cutter, [V, V, S, V])[2:] == []
    assert fed(cutter, [S, S, S, 0.4, V, V]) == [paused(0, 3, 96, 64), Resumed()]
    assert fed(cutter, [S, S]) == [paused(0, 9, 160, 64)]


def test_a_doubtful_sound_has_no_pauses():
    assert fed(segmenter(marks=[32]), [V, S, S, S]) == [Onset(0), Dismissed()]


def test_the_silence_that_ends_speech_can_be_changed_while_it_lasts():
    cutter = segmenter(min_silence_ms=96, marks=[64])
    assert fed(cutter, [V, V, S, S])[-1] == paused(0, 1, 64, 64)
    cutter.wait_for(320)
    assert fed(cutter, [S] * 7) == []
    cutter.wait_for(96)
    assert fed(cutter, [S]) == [Stopped(0, 1, 64)]


def test_never_less_silence_than_the_least_ends_speech_and_patience_ends_with_it():
    cutter = segmenter(min_silence_ms=96, marks=[64])
    cutter.wait_for(0)
    assert fed(cutter, [V, V, S, S])[-1] == paused(0, 1, 64, 64)
    cutter.wait_for(3_200)
    assert fed(cutter, [V, S, S, S]) == [Resumed(), paused(0, 4, 96, 64), Stopped(0, 4, 96)]


@pytest.mark.parametrize("leave", ["forget", "skip"])
def test_speech_can_turn_out_to_be_none(leave):
    cutter = segmenter()
    fed(cutter, [V, V, V])
    getattr(cutter, leave)()
    assert not cutter.in_utterance
    start = 3 + (leave == "skip")
    assert fed(cutter, [V, V]) == [Onset(start), Started(start)]
