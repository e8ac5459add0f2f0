"""A network that stalls in mid-speech: the turn is the same as without the stall."""

from __future__ import annotations

import logging
import socket

import numpy as np
import pytest

from handlers.sockets.receiver import SocketReceiver
from handlers.vad.handler import VADEngine, VADHandler
from tests.fakes import RunningStage, Surroundings
from tests.handlers.vad.test_handler import OPTIONS, PAUSE, SPEECH, Scripted, Vad, frames, utterances
from utils.audio.wire import encode, to_pcm
from utils.conversation.messages import ConversationStarted, InputAudio, InputEnded, InputGap, Message
from utils.transports.tcp_pair import TcpPair, TcpPairOptions

FRAME_S = 0.032


class Stalled(Vad):
    """A client whose network stalls."""

    def __init__(self, **options) -> None:
        super().__init__(Scripted(), **{"speech_pad_ms": 0.0, **options})

    def stall(self, seconds: float) -> list:
        """Nothing arrives."""
        out: list = []
        self.world.clock.advance(0.2)
        for _ in range(round((seconds - 0.2) / 0.05)):
            out += self.world.process(self.stage, [InputGap(self.world.clock())])
            self.world.clock.advance(0.05)
        return out

    def burst(self, *probabilities: float, block: int = 1_024) -> list:
        """What was spoken in the meantime arrives, all of it now."""
        audio, now = frames(*probabilities), self.world.clock()
        blocks = [audio[start : start + block] for start in range(0, len(audio), block)]
        return self.world.process(self.stage, [InputAudio(each, now) for each in blocks])

    def pauses_once(self) -> None:
        """It pauses its stream, as while a reply plays."""
        self.hear(frames(*PAUSE))
        self.stall(2.0)
        self.hear(frames(*[0.0] * 40))


@pytest.mark.parametrize("at", [2, 6, 9])
@pytest.mark.parametrize("block", [512, 1_024, 32_000])
def test_a_stall_of_a_second_tears_no_word_and_ends_no_turn(at, block):
    vad, words = Stalled(), [*[0.9] * 10, *[0.1] * 4, *[0.8] * 20]
    start = vad.world.clock()
    assert utterances(vad.hear(frames(*PAUSE, *words[:at]))) == []
    assert utterances(vad.stall(0.8)) == []
    assert utterances(vad.burst(*words[at : at + 25], block=block)) == []
    (utterance,) = utterances(vad.hear(frames(*words[at + 25 :], *PAUSE)))
    assert utterance.audio.tolist() == frames(*words).tolist()
    assert utterance.first_voiced_at == pytest.approx(start + len(PAUSE) * FRAME_S, abs=0.1)
    assert utterance.last_voiced_at == pytest.approx(start + (len(PAUSE) + len(words)) * FRAME_S, abs=0.1)


@pytest.mark.parametrize("silent", [0, 3, 7])
def test_the_silence_after_the_last_word_is_as_long_as_without_the_stall(silent):
    """250 ms of it end the turn, which are 8 frames: they count from the audio, whenever it comes."""
    vad = Stalled()
    vad.hear(frames(*PAUSE, *SPEECH))
    spoken = vad.world.clock()
    vad.stall(1.0)
    assert utterances(vad.burst(*[0.9] * 20, *[0.0] * silent)) == []
    assert utterances(vad.hear(frames(*[0.0] * (7 - silent)))) == []
    (utterance,) = utterances(vad.hear(frames(0.0)))
    assert utterance.last_voiced_at == pytest.approx(spoken + 20 * FRAME_S, abs=0.1)


def test_a_turn_that_ended_in_the_stall_ends_as_soon_as_its_audio_is_there():
    vad = Stalled()
    vad.hear(frames(*PAUSE, *SPEECH))
    spoken = vad.world.clock()
    vad.stall(1.0)
    (utterance,) = utterances(vad.burst(*[0.9] * 5, *[0.0] * 26))
    assert utterance.last_voiced_at == pytest.approx(spoken + 5 * FRAME_S, abs=0.01)


def test_speech_that_began_in_a_stall_is_dated_by_what_followed():
    vad = Stalled()
    vad.hear(frames(*PAUSE))
    quiet = vad.world.clock()
    vad.stall(1.0)
    assert utterances(vad.burst(*[0.0] * 10, *[0.9] * 20)) == []
    (utterance,) = utterances(vad.hear(frames(*PAUSE)))
    assert utterance.first_voiced_at == pytest.approx(quiet + 10 * FRAME_S, abs=0.1)


def test_it_is_waited_for_three_seconds_and_then_the_turn_ends_with_a_line(caplog):
    vad = Stalled()
    vad.hear(frames(*PAUSE, *SPEECH))
    with caplog.at_level(logging.INFO):
        assert utterances(vad.stall(2.9)) == []
        assert caplog.messages == []
        (utterance,) = utterances(vad.stall(0.5))
    assert caplog.messages == ["no audio has arrived for 3 s in mid-speech: the turn ends"]
    assert utterance.audio.tolist() == frames(*SPEECH).tolist()
    (more,) = utterances(vad.burst(*[0.8] * 10, *[0.0] * 100))
    assert more.turn == utterance.turn
    assert more.audio.tolist() == frames(*SPEECH, *[0.8] * 10).tolist()


def test_a_client_that_has_paused_its_stream_before_is_silent_by_the_clock():
    vad = Stalled()
    vad.pauses_once()
    vad.hear(frames(*SPEECH))
    spoken = vad.world.clock()
    assert utterances(vad.stall(0.25)) == []
    (utterance,) = utterances(vad.stall(0.3))
    assert utterance.last_voiced_at == pytest.approx(spoken, abs=0.05)


def test_a_sound_in_doubt_over_a_reply_does_not_hold_it_for_the_length_of_a_stall():
    vad = Stalled()
    turns = vad.world.turns
    vad.hear(frames(*PAUSE))
    reply = vad.world.transcribed()
    assert turns.play(reply)
    vad.hear(frames(0.9))
    assert turns.reply_is_held()
    vad.stall(0.5)
    assert not turns.reply_is_held()
    assert turns.live(reply)


def _connected(world: Surroundings) -> tuple[TcpPair, socket.socket, socket.socket]:
    """The server's end, and the client's two."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        ends = [(socket.create_connection(listener.getsockname()), listener.accept()[0]) for _ in range(2)]
    options = TcpPairOptions(input_rate=16_000, lead_s=0.2, read_bytes=2_048)
    return TcpPair(ends[0][1], ends[1][1], options, world.clock), ends[0][0], ends[1][0]


def test_over_sockets_a_question_with_a_stall_in_it_is_the_question(say):
    speech = np.concatenate([np.zeros(8_000), say("What is the capital of France?"), np.zeros(16_000)])
    data = encode(to_pcm(speech.astype(np.float32)))
    world = Surroundings()
    transport, client, speaker = _connected(world)
    heard: list[Message] = []
    with client, speaker, RunningStage(world, SocketReceiver, transport) as stage:
        stage.inbox.put(ConversationStarted())
        client.sendall(data[:40_000])  # in mid-word
        while sum(isinstance(message, InputGap) for message in heard) < 4:
            heard.append(stage.outbox.get())
        world.clock.advance(1.0)
        client.sendall(data[40_000:])
        client.shutdown(socket.SHUT_WR)
        while heard[-1] != InputEnded():
            heard.append(stage.outbox.get())
    transport.close()
    vad = world.stage(VADHandler, VADEngine(None, **OPTIONS))
    (utterance,) = utterances(world.process(vad, heard))
    (expected,) = utterances(Vad().hear(speech.astype(np.float32)))
    assert utterance.audio == pytest.approx(expected.audio, abs=1e-4)
