"""What a sound was, and what becomes of the attempts because of it: tables, without models, threads or sockets."""

from __future__ import annotations

import pytest

from utils.conversation.dialogue import (
    SURELY_INTERRUPTS_MS,
    SURELY_MORE_MS,
    Dialogue,
    Overlap,
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
        ("Stop!", "", PARIS, Sound.STOP),
        ("Stop!", "", None, Sound.WORDS),
        ("what time is it", "What time is it?", None, Sound.SAME),
        ("What time is it in Rome?", "What time is it?", None, Sound.WORDS),
        ("Mm-hm.", "Mm-hm.", PARIS, Sound.BACKCHANNEL),  # what it is over a reply comes first
        ("And Rome?", "And Rome?", PARIS, Sound.SAME),
    ],
)
def test_what_a_sound_was(text, answered, reply, sound):
    assert classify(text, answered, None if reply is None else Overlap(reply)) is sound


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
        over = None if reply is None else Overlap(reply)
        return attempt, self.dialogue.understood(attempt, text, over) is Sound.WORDS


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
    ("text", "interrupts"), [("And Rome?", True), ("Mm-hm.", False), ("", False), ("capital of France", False)]
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
    assert talk.dialogue.understood(attempt, text, Overlap(PARIS)) not in (Sound.WORDS, Sound.STOP)
    following, answered = talk.understood("Hello.")  # and its words are not taken for those that are answered
    assert answered
    assert talk.turns.live_attempts() == [following]


DRINK, GO_ON = (
    "We have green tea or black coffee. Would you like green tea or black coffee?",
    "There is more. Shall I go on?",
)


@pytest.mark.parametrize(
    ("text", "over", "sound"),
    [
        ("Yes.", Overlap(GO_ON), Sound.WORDS),
        ("Sure.", Overlap(GO_ON), Sound.WORDS),
        ("Mm-hm.", Overlap(GO_ON), Sound.WORDS),
        ("Oui.", Overlap("Je continue ?"), Sound.WORDS),
        ("Um...", Overlap(GO_ON), Sound.BACKCHANNEL),
        ("Yes.", Overlap(GO_ON + " It is short."), Sound.WORDS),
        ("Yes.", Overlap(GO_ON + " It is short. It begins in Rome."), Sound.BACKCHANNEL),
        ("Black coffee.", Overlap(DRINK), Sound.WORDS),
        ("black coffee", Overlap("We have black coffee."), Sound.ECHO),
        ("black coffee", Overlap("We have black coffee.", lasted_s=1.5), Sound.WORDS),
        ("black coffee", Overlap("We have black coffee.", as_loud=True), Sound.WORDS),
    ],
)
def test_answers_to_what_the_reply_has_asked(text, over, sound):
    assert classify(text, "", over) is sound


def test_who_is_as_loud_as_before_is_the_user():
    talk = Talk()
    assert not talk.dialogue.as_loud(0.0)  # nobody has spoken yet
    for level_db in (-20.0, -24.0):
        attempt = talk.turns.begin()
        talk.dialogue.understood(attempt, f"At {level_db}", None, level_db)
        talk.turns.finish(attempt)
    assert [talk.dialogue.as_loud(level) for level in (-24.0, -24.3, -30.0)] == [True, False, False]


def test_a_stop_ends_the_reply():
    talk = Talk()
    reply, _ = talk.understood("Tell me a story.")
    talk.turns.commit(reply)
    talk.turns.play(reply)
    attempt = talk.turns.begin()
    assert talk.dialogue.understood(attempt, "Stop.", Overlap("Once upon a time")) is Sound.STOP
    assert talk.turns.live_attempts() == [attempt]
