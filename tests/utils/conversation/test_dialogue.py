"""What a sound was, and what becomes of the attempts because of it: tables, without models, threads or sockets."""

from __future__ import annotations

import pytest

from utils.conversation.dialogue import (
    SURELY_INTERRUPTS_MS,
    SURELY_MORE_MS,
    Dialogue,
    Sound,
    classify,
    may_interrupt,
    surely_interrupts,
    surely_more,
)
from utils.turns.turns import Ended, State, Turns

PARIS = "The capital of France is Paris."


@pytest.mark.parametrize(
    ("text", "answered", "reply", "sound"),
    [
        ("", "", None, Sound.NOTHING),
        ("", "Hello.", PARIS, Sound.NOTHING),
        ("Mm-hm.", "", None, Sound.WORDS),  # in silence it is a turn
        ("Mm-hm.", "", "", Sound.BACKCHANNEL),
        ("Yeah, yeah.", "", PARIS, Sound.BACKCHANNEL),
        ("Yeah but why?", "", PARIS, Sound.WORDS),
        ("capital of France", "", PARIS, Sound.ECHO),
        ("capital of France", "", None, Sound.WORDS),
        ("Paris?", "", PARIS, Sound.WORDS),
        ("Stop!", "", PARIS, Sound.WORDS),
        ("what time is it", "What time is it?", None, Sound.SAME),
        ("What time is it in Rome?", "What time is it?", None, Sound.WORDS),
        ("Mm-hm.", "Mm-hm.", PARIS, Sound.BACKCHANNEL),  # what it is over a reply comes first
        ("Stop!", "Stop!", PARIS, Sound.SAME),
    ],
)
def test_what_a_sound_was(text, answered, reply, sound):
    assert classify(text, answered, reply) is sound


@pytest.mark.parametrize(
    ("voiced_ms", "least_ms", "extends", "interrupts"),
    [(199, 200, False, False), (200, 200, False, True), (10, 200, True, True), (0, 0, False, True)],
)
def test_how_long_a_sound_over_a_reply_has_to_be(voiced_ms, least_ms, extends, interrupts):
    assert may_interrupt(voiced_ms, least_ms, extends) is interrupts


@pytest.mark.parametrize(
    ("certain", "bound"), [(surely_interrupts, SURELY_INTERRUPTS_MS), (surely_more, SURELY_MORE_MS)]
)
def test_how_long_a_sound_has_to_be_to_hold_words_for_certain(certain, bound):
    assert [certain(bound - 1), certain(bound)] == [False, True]


class Talk:
    """A dialogue and its turns."""

    def __init__(self) -> None:
        self.ended: list[Ended] = []
        self.turns = Turns(self.ended.append)
        self.dialogue = Dialogue(self.turns)

    def understood(self, text: str, reply: str | None = None) -> tuple[int, bool]:
        """A new attempt, and whether its words are to be answered."""
        attempt = self.turns.begin()
        return attempt, self.dialogue.understood(attempt, text, reply)


def test_words_are_answered():
    talk = Talk()
    attempt, answered = talk.understood("Hello.")
    assert answered
    assert talk.turns.live_attempts() == [attempt]


def test_nothing_is_discarded():
    talk = Talk()
    attempt, answered = talk.understood("")
    assert not answered
    assert talk.turns.state(attempt) is State.CANCELLED


@pytest.mark.parametrize(
    ("text", "answered", "kept"),
    [("Hello.", False, True), ("hello", False, True), ("", False, True), ("Hello you.", True, False)],
)
def test_an_attempt_is_revised(text, answered, kept):
    talk = Talk()
    older, _ = talk.understood("Hello.")
    talk.turns.user_speaks(words=False)
    younger, found = talk.understood(text)
    assert found is answered
    assert talk.turns.live_attempts() == [older if kept else younger]
    assert talk.turns.number_of(younger) == (older if kept else younger)
    assert talk.ended[-1].superseded


def test_the_user_may_say_the_same_again():
    talk = Talk()
    first, _ = talk.understood("Hello.")
    talk.turns.commit(first)
    talk.turns.play(first)
    talk.turns.finish(first)
    again, answered = talk.understood("Hello.")
    assert answered
    assert talk.turns.live_attempts() == [again]


@pytest.mark.parametrize(
    ("text", "interrupts"), [("Stop!", True), ("Mm-hm.", False), ("", False), ("capital of France", False)]
)
def test_a_reply_goes_on_or_is_over(text, interrupts):
    talk = Talk()
    reply, _ = talk.understood("What is the capital of France?")
    talk.turns.commit(reply)
    talk.turns.play(reply)
    talk.turns.user_speaks()
    attempt, answered = talk.understood(text, PARIS)
    assert answered is interrupts
    assert talk.turns.live_attempts() == [attempt if interrupts else reply]
    assert talk.turns.state(reply) is (State.CANCELLED if interrupts else State.PLAYING)


@pytest.mark.parametrize("text", ["", "Hello.", "Mm-hm."])
def test_an_attempt_that_has_ended_is_not_answered(text):
    talk = Talk()
    attempt = talk.turns.begin()
    talk.turns.cancel(attempt)
    assert not talk.dialogue.understood(attempt, text, PARIS)
    following, answered = talk.understood("Hello.")  # and its words are not taken for those that are answered
    assert answered
    assert talk.turns.live_attempts() == [following]
