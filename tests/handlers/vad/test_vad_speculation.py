"""An attempt that is begun in a pause: when, what becomes of it, and that nobody hears a wrong one."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from handlers.sockets.sender import SocketSender
from handlers.stt import STTHandler
from tests.fakes import RunningStage, Surroundings
from tests.fakes_transport import FakeTransport
from tests.handlers.vad.test_handler import frames
from tests.handlers.vad.test_turn_taking import SILENCE, SPEECH, Judge, Speaker, voiced
from utils.conversation.dialogue import SURELY_MORE_MS
from utils.conversation.messages import (
    InputEnded,
    InputGap,
    ReplyAudio,
    ReplyEnd,
    ReplyHeard,
    SpeechStarted,
    Transcript,
    Utterance,
)
from utils.turns.turns import State

PAUSE = [0.0] * 2  # 64 ms
BREATH = [0.9] * 3
MORE = [0.9] * (SURELY_MORE_MS // 32 + 1)


def early_speaker(*arguments, **options) -> Speaker:
    return Speaker(*arguments, **{"speculative_silence_ms": 64.0, **options})


# --- the VAD


def test_an_attempt_begins_in_the_first_pause_and_is_committed_when_the_turn_is_over():
    user = early_speaker()
    assert user.say(*SPEECH, 0.0) == []
    (early,) = user.say(0.0)
    assert early.speculative
    assert voiced(early) == len(SPEECH)
    assert user.turns.state(early.attempt) is State.PREPARING
    assert user.say(*[0.0] * 5) == []
    assert user.turns.state(early.attempt) is State.PREPARING
    assert user.say(0.0) == []
    assert user.turns.state(early.attempt) is State.COMMITTED


def test_a_new_turn_is_told_when_it_begins_and_once():
    user = early_speaker()
    heard = user.hear(frames(*SPEECH, *PAUSE, *SPEECH, *SILENCE))
    assert [message for message in heard if isinstance(message, SpeechStarted)] == [SpeechStarted(1)]
    heard = user.hear(frames(*SPEECH, *SILENCE))  # more of the same turn
    assert not any(isinstance(message, SpeechStarted) for message in heard)


@pytest.mark.parametrize(
    "clear", [lambda user, reply: user.turns.finish(reply), lambda user, reply: user.turns.cancel(reply)]
)
def test_that_a_reply_is_not_heard_any_more_is_told_once(clear):
    user = early_speaker()
    reply = user.assistant_speaks()
    assert user.hear(frames(0.0)) == []
    clear(user, reply)
    assert user.hear(frames(0.0, 0.0)) == [ReplyHeard()]
    assert user.hear(frames(0.0)) == []


def test_a_reply_is_heard_until_its_last_sample_has_been_played():
    user = early_speaker()
    user.turns.finish(user.assistant_speaks(), plays_until=user.world.clock() + 0.1)
    assert user.hear(frames(0.0)) == []
    user.world.clock.advance(0.2)
    assert user.world.process(user.stage, [InputGap(user.world.clock())]) == [ReplyHeard()]


def test_it_waits_for_a_turn_that_does_not_sound_complete():
    user = early_speaker(Judge(0.1), max_pause_ms=1_000.0)
    (early,) = user.say(*SPEECH, *[0.0] * 31)
    assert user.turns.state(early.attempt) is State.PREPARING
    assert user.say(0.0) == []
    assert user.turns.state(early.attempt) is State.COMMITTED


@pytest.mark.parametrize("silence_ms", [0.0, 250.0, 1_000.0])
def test_without_a_pause_that_is_shorter_than_the_silence_at_the_end_there_is_none(silence_ms):
    user = early_speaker(speculative_silence_ms=silence_ms)
    (utterance,) = user.say(*SPEECH, *SILENCE)
    assert not utterance.speculative
    assert user.turns.state(utterance.attempt) is State.COMMITTED


def test_speech_that_goes_on_ends_it_and_the_next_one_has_all_that_was_said():
    user = early_speaker()
    (first,) = user.say(*SPEECH, *PAUSE)
    user.turns.confirm(first.attempt)
    assert user.say(*MORE) == []
    assert not user.turns.live(first.attempt)
    (second,) = user.say(*SILENCE)
    assert voiced(second) == len(SPEECH) + len(MORE)
    assert second.turn == first.turn == 1
    assert user.turns.state(second.attempt) is State.COMMITTED


def test_what_is_not_understood_yet_ends_with_the_first_sound():
    user = early_speaker()
    (first,) = user.say(*SPEECH, *PAUSE)
    user.say(0.9)
    assert not user.turns.live(first.attempt)


def test_a_breath_does_not_end_it():
    user = early_speaker()
    (first,) = user.say(*SPEECH, *PAUSE)
    user.turns.confirm(first.attempt)
    (second,) = user.say(*BREATH, *PAUSE)
    assert user.turns.live(first.attempt)
    assert voiced(second) == len(SPEECH) + len(BREATH)
    assert user.turns.keep_spared(second.attempt)
    assert user.say(*SILENCE) == []
    assert user.turns.state(first.attempt) is State.COMMITTED


def test_a_sound_after_the_turn_and_before_the_answer_does_not_end_it():
    user = early_speaker()
    (first,) = user.say(*SPEECH, *SILENCE)
    user.turns.confirm(first.attempt)
    (second,) = user.say(*[0.9] * 5, *SILENCE)
    assert user.turns.keep_spared(second.attempt)
    assert user.turns.live_attempts() == [first.attempt]
    assert user.turns.play(first.attempt)
    (third,) = user.say(*SPEECH, *SILENCE)  # over the reply
    assert third.turn == 2
    assert voiced(third) == len(SPEECH)


def test_where_nothing_was_understood_it_is_heard_again_with_the_whole_silence():
    user = early_speaker()
    (first,) = user.say(*SPEECH, *PAUSE)
    user.turns.discard(first.attempt)
    (second,) = user.say(*SILENCE)
    assert voiced(second) == len(SPEECH)
    assert not second.speculative
    assert user.turns.state(second.attempt) is State.COMMITTED


def test_speech_after_an_attempt_in_which_nothing_was_understood_is_not_cut():
    user = early_speaker()
    (first,) = user.say(*SPEECH, *PAUSE)
    user.turns.discard(first.attempt)
    user.say(0.0)
    (second, *_) = user.say(*SPEECH, *PAUSE)
    assert voiced(second) == 2 * len(SPEECH)


def test_a_long_pause_has_one_attempt():
    user = early_speaker(Judge(0.1), max_pause_ms=3_000.0)
    assert len(user.say(*SPEECH, *[0.0] * 90)) == 1


def test_on_a_slow_machine_a_speaker_of_many_pauses_has_few():
    user = early_speaker()
    begun = []
    for _ in range(6):
        begun.append(len(user.say(*SPEECH, *PAUSE, 0.0)))
        user.world.context.interim.took(2_000.0)
    assert begun == [1, 0, 0, 0, 0, 0]
    (utterance,) = user.say(*SPEECH, *SILENCE)
    assert voiced(utterance) == 7 * len(SPEECH)


@pytest.mark.parametrize("stt_ms", [600.0, 1_200.0])
def test_on_a_slow_machine_a_speaker_without_pauses_soon_has_one_in_every_turn(stt_ms):
    user = early_speaker()
    user.world.context.interim.took(stt_ms)
    early = []
    for _ in range(6):
        (utterance,) = user.say(*SPEECH, *SILENCE)
        early.append(utterance.speculative)
        assert user.turns.play(utterance.attempt)
        user.turns.finish(utterance.attempt)
    assert not early[0]
    assert early[3:] == [True] * 3


def test_more_of_a_turn_after_its_commit_has_all_of_it():
    user = early_speaker()
    (first,) = user.say(*SPEECH, *SILENCE)
    user.turns.confirm(first.attempt)
    (second,) = user.say(*SPEECH, *PAUSE)
    assert second.turn == first.turn
    assert voiced(second) == 2 * len(SPEECH)


def test_the_end_of_the_input_commits_it():
    user = early_speaker()
    (early,) = user.say(*SPEECH, *PAUSE)
    out = user.end()
    assert [type(message) for message in out] == [InputEnded]
    assert user.turns.state(early.attempt) is State.COMMITTED


# --- the transcription


class Words:
    """An STT engine that hears the next of these texts."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)

    def new_memo(self):
        return None

    def transcribe(self, audio, live, over_reply, memo):
        return self.texts.pop(0)


def revised(*texts: str):
    """Two early attempts at one turn, with a sound between them → (world, what STT gave out for each, numbers)."""
    world = Surroundings()
    stage = world.stage(STTHandler, Words(*texts))
    out, attempts = [], []
    for _ in texts:
        attempts.append(world.turns.begin())
        utterance = Utterance(attempts[-1], 1, np.zeros(1, dtype=np.float32), world.clock(), speculative=True)
        world.records.observe(utterance)
        made = world.process(stage, [utterance])
        for message in made:
            world.records.observe(message)
        out.append(made)
        world.turns.user_speaks(words=False)
    return world, out, attempts


@pytest.mark.parametrize("again", ["What time is it?", "what time is it", "", "What time, is it?"])
def test_a_transcription_that_says_the_same_keeps_the_attempt_that_is_running(again):
    world, out, (first, second) = revised("What time is it?", again)
    assert out == [[Transcript(first, 1, "What time is it?")], []]
    assert world.turns.live_attempts() == [first]
    assert world.turns.number_of(second) == first


def test_a_transcription_that_says_more_does_not():
    world, out, (first, second) = revised("What time is it?", "What time is it in Rome?")
    assert out[1] == [Transcript(second, 1, "What time is it in Rome?")]
    assert world.turns.live_attempts() == [second]
    assert not world.turns.live(first)


# --- the records


def test_a_discarded_attempt_leaves_nothing_in_the_turn_but_its_number(tmp_path):
    world, _, (_, second) = revised("What time is it?", "What time is it in Rome?")
    world.turns.begin()  # words of which nobody knows yet
    world.turns.discard(second)
    assert world.lines == []
    assert world.chat.messages("now") == [{"role": "user", "content": "now"}]


def answered(world: Surroundings, attempt: int) -> None:
    """The reply is heard to its end."""

    class Heard:
        def heard(self, now):
            return 0

        def ends_at(self):
            return world.clock()

    world.turns.commit(attempt)
    world.records.turn_over(world.turns.number_of(attempt), None)
    world.turns.play(attempt)
    world.records.reply_starts(world.turns.number_of(attempt), Heard())
    world.turns.finish(attempt)


def metrics_of(world: Surroundings, attempt: int):
    written = []

    class File:
        write = staticmethod(written.append)

    world.records._sink = File()
    answered(world, attempt)
    return written


@pytest.mark.parametrize(
    ("texts", "attempts"), [(["Hi."], 1), (["Hi.", "Hi there."], 2), (["Hi.", "Hi."], 2), (["Hi.", "Oh.", "Oh no."], 3)]
)
def test_the_attempts_of_a_turn_are_counted(texts, attempts):
    world, _, numbers = revised(*texts)
    world.turns.doubt(False)
    world.turns._machine._spared = None
    (turn,) = metrics_of(world, numbers[-1])
    assert turn.speculative_attempts == attempts
    assert turn.speculation_hit
    following = world.transcribed()
    world.records.observe(Transcript(following, 2, "And now?"))
    (turn,) = metrics_of(world, following)
    assert turn.speculative_attempts == 0
    assert not turn.speculation_hit
    assert [line for line in world.lines if line.startswith("USER")] == [f"USER: {texts[-1]}", "USER: And now?"]


def test_the_silence_counts_from_the_last_sound_of_the_user():
    world = Surroundings()
    first = world.turns.begin()
    world.records.observe(Utterance(first, 1, np.zeros(0, dtype=np.float32), world.clock(), speculative=True))
    world.records.observe(Transcript(first, 1, "Hi."))
    world.turns.confirm(first)
    world.turns.user_speaks(words=False)
    world.clock.advance(0.5)
    second = world.turns.begin()
    world.records.observe(Utterance(second, 1, np.zeros(0, dtype=np.float32), world.clock(), speculative=True))
    assert world.turns.keep_spared(second)
    world.clock.advance(0.25)
    (turn,) = metrics_of(world, second)
    assert (turn.commit_ms, turn.voice_to_voice_ms) == (250.0, 250.0)


# --- the sender


def test_nothing_of_an_early_attempt_is_sent_before_the_turn_is_over():
    world = Surroundings()
    transport = FakeTransport(world.clock)
    with RunningStage(world, SocketSender, transport, last=True) as sender:
        wrong = world.turns.begin()
        sender.inbox.put(ReplyAudio(wrong, np.full(441, 7, dtype=np.int16), "Wrong.", True))
        sender.inbox.put(ReplyEnd(wrong))
        world.turns.user_speaks()
        right = world.turns.begin()
        sender.inbox.put(ReplyAudio(right, np.full(441, 9, dtype=np.int16), "Right.", True))
        sender.inbox.put(ReplyEnd(right))
        assert not transport.received
        finished = threading.Event()
        world.turns.subscribe(lambda: finished.set() if not world.turns.live(right) else None)
        world.turns.commit(right)
        assert finished.wait(10)
    assert transport.received == np.full(441, 9, dtype="<i2").tobytes() + bytes(2_048 - 882)


def test_an_empty_reply_ends_the_turn_only_when_it_is_over():
    world = Surroundings()
    with RunningStage(world, SocketSender, FakeTransport(world.clock), last=True) as sender:
        attempt = world.turns.begin()
        sender.inbox.put(ReplyEnd(attempt))
        finished = threading.Event()
        world.turns.subscribe(lambda: finished.set() if not world.turns.live(attempt) else None)
        assert world.turns.state(attempt) is State.PREPARING
        assert world.turns.commit(attempt)
        assert finished.wait(10)
        assert world.turns.state(attempt) is State.DONE


@pytest.mark.parametrize(("late_s", "held", "underruns"), [(0.0, False, 0), (0.3, False, 1), (0.3, True, 0)])
def test_audio_that_comes_after_the_listener_has_heard_everything_is_an_underrun(late_s, held, underruns):
    world = Surroundings()
    stage = world.stage(SocketSender, FakeTransport(world.clock))
    attempt = world.transcribed()
    world.records.observe(Transcript(attempt, 1, "Hi."))
    block = np.ones(4_410, dtype=np.int16)  # 0.1 s
    world.process(stage, [ReplyAudio(attempt, block, "One. ", True)])
    if held:
        world.turns.doubt(True)
    world.clock.advance(0.1 + late_s)
    if held:
        world.turns.doubt(False)
    world.process(stage, [ReplyAudio(attempt, block, "Two.", True)])
    assert world.records._records[attempt].underruns == underruns
