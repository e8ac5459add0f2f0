"""The real client on a sound card: microphone and speaker as its user has them, talking to the real server."""

from __future__ import annotations

import signal

import jiwer
import numpy as np
import pytest

from handlers.vad.silero import voiced_seconds
from handlers.whisper.engine import WhisperEngine
from tests.client_process import Client
from tests.fake_server import FakeServer
from tests.server_process import ServerProcess
from tests.sound_card import SoundCard
from tests.spoken import QUESTIONS, assert_understood, words
from tests.waiting import DEADLINE_S
from utils.system.engine_thread import EngineThread

REPLY_S = 60.0  # the longest reply, and what a busy machine needs for it
VOICED_S = 0.3  # a reply with less speech in it is none
GONE = "has gone; trying again until it is back"


@pytest.fixture(scope="module")
def server():
    with ServerProcess() as running:
        yield running


@pytest.fixture(scope="module")
def transcribe():
    """transcribe(float32 [n], 16 kHz) → text: the bundled Whisper."""
    thread = EngineThread("test-stt")
    generation = {"max_new_tokens": 128, "num_beams": 1, "return_timestamps": False, "task": "transcribe"}
    options = {"device": "cpu", "torch_dtype": "auto", "compile_mode": None}
    limits = {"no_speech_threshold": 0.6, "logprob_threshold": -1.0, "window_s": 30.0}
    name = "bundled:whisper-tiny.en"
    engine = thread.call(
        lambda: WhisperEngine(thread, model_name=name, **options, **limits, gen_kwargs={**generation, "language": "en"})
    )
    yield lambda audio: engine.transcribe(audio, lambda: True)
    assert thread.close(10)


@pytest.fixture
def card():
    with SoundCard() as made:
        yield made


def start(folder, card: SoundCard, server: ServerProcess | FakeServer, *options: str) -> Client:
    ports = (
        server.options
        if isinstance(server, FakeServer)
        else ["--send_port", str(server.microphone_port), "--recv_port", str(server.speaker_port)]
    )
    return Client(folder, *ports, *options, environment=card.environment, sounddevice=None)


def ask(card: SoundCard, server: ServerProcess, client: Client, question: str, audio: np.ndarray) -> str:
    """Say it, and wait until the answer has been played; what the server understood is the question. → the answer."""
    mark, said = len(server.lines), len(client.lines)
    card.speak(audio)
    assert_understood(question, server.wait_line("USER:", mark))
    server.wait_line("LATENCY:", mark, REPLY_S)
    client.wait_until(lambda lines: "speaking\n" in lines[said:] and lines[-1] == "listening\n")
    answer = [line.removeprefix("ASSISTANT: ") for line in server.lines[mark:] if line.startswith("ASSISTANT: ")]
    return " ".join(answer)


@pytest.mark.parametrize(("rate", "mute", "turns"), [(44_100, "true", 3), (48_000, "false", 1)])
def test_questions_are_heard_and_answers_are_played(tmp_path, server, say, transcribe, rate, mute, turns):
    with SoundCard(rate, rate) as card, start(tmp_path, card, server, "--mute_while_playing", mute) as client:
        client.wait_for("listening")
        recording = card.record()
        for question in QUESTIONS[:turns]:
            before = len(recording)
            answer = ask(card, server, client, question, say(question))
            played = recording.audio(before)
            assert voiced_seconds(played) > VOICED_S
            assert jiwer.cer(words(answer), words(transcribe(played))) <= 0.2
        client.interrupt()
        status, output, errors = client.end(DEADLINE_S)
    assert (status, output) == (0, "")
    begin = ["microphone: default", "speaker: default", f"connected to localhost:{server.microphone_port}"]
    assert errors.splitlines()[:3] == begin
    assert set(errors.splitlines()[3:]) <= {"heard", "listening", "speaking", "thinking"}  # and nothing of ALSA's


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AssertionError, match="apt install pulseaudio pulseaudio-utils libasound2-plugins"):
        SoundCard().__enter__()


def test_devices_are_listed(tmp_path, card):
    with Client(tmp_path, "--list_devices", environment=card.environment, sounddevice=None) as client:
        status, output, errors = client.end()
    assert (status, errors) == (0, "")
    assert "default  [microphone (default), speaker (default); 44100 Hz]" in output


def test_no_device_at_the_start_is_an_error(tmp_path, card):
    card.vanish()
    with FakeServer() as server, start(tmp_path, card, server) as client:
        status, output, errors = client.end(DEADLINE_S)
    assert (status, output) == (1, "")
    assert errors == "listen_and_play.py: error: there is no speaker: --list_devices shows what is there\n"


@pytest.mark.parametrize("moment", ["listening", "speaking"])
def test_a_device_that_disappears_is_waited_for(tmp_path, server, say, card, moment):
    question = QUESTIONS[0]
    with start(tmp_path, card, server) as client:
        client.wait_for("listening")
        if moment == "speaking":
            card.speak(say(QUESTIONS[1]))
            client.wait_for("speaking")
        card.vanish()
        client.wait_for(GONE)
        lost = len(client.lines)
        card.come_back()
        client.wait_for("listening", lost)
        recording = card.record()
        ask(card, server, client, question, say(question))
        assert voiced_seconds(recording.audio()) > VOICED_S
        client.interrupt()
        status, _, errors = client.end(DEADLINE_S)
    assert status == 0
    assert errors.count("gone") == 1
    assert errors.splitlines()[lost:][:2] == ["microphone: default", "speaker: default"]
    assert set(errors.splitlines()[lost + 3 :]) <= {"heard", "listening", "speaking", "thinking"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["listening", "speaking", "no server", "no device", "device hangs"])
def test_a_stop_always_ends_it(tmp_path, card, number, moment):
    with FakeServer(listening=moment != "no server") as server, start(tmp_path, card, server) as client:
        if moment == "no server":
            client.wait_for("is not there, trying again in 1 s")
        else:
            side = server.accept()
            client.wait_for("listening")
        if moment == "speaking":
            side.reply(bytes(2 * 44_100 * 60))
            client.wait_for("speaking")
        elif moment == "no device":
            card.vanish()
            client.wait_for(GONE)
        elif moment == "device hangs":
            card.hang()
        client.interrupt(number)
        status, output, errors = client.end(DEADLINE_S)
    assert (status, output) == (0, "")
    assert "Traceback" not in errors
    assert "ALSA" not in errors


def test_a_device_that_hangs_is_waited_for(tmp_path, card):
    with FakeServer() as server, start(tmp_path, card, server) as client:
        server.accept()
        client.wait_for("listening")
        card.hang()
        client.wait_for(GONE)
        lost = len(client.lines)
        card.vanish()
        card.come_back()
        server.accept()
        client.wait_for("listening", lost)
        client.interrupt()
        assert client.end(DEADLINE_S)[0] == 0
