"""The client as a user runs it: a process of its own, real sockets, files or a sound card that is none."""

from __future__ import annotations

import re
import signal
import wave
from pathlib import Path

import numpy as np
import pytest

from listen_and_play import underscored
from tests.client_process import CLOCKED, POISON, Client
from tests.fake_server import FakeServer
from tests.waiting import DEADLINE_S, wait_until

ROOT = Path(__file__).resolve().parent.parent
QUESTION = np.arange(-2_400, 2_400, dtype="<i2")  # 0.3 s
REPLY = bytes(index % 251 for index in range(30_000))


def write_wav(path: Path, samples: np.ndarray, rate: int = 16_000) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return str(path)


def read_wav(path: Path) -> tuple[bytes, tuple[int, int, int]]:
    with wave.open(str(path), "rb") as file:
        return file.readframes(file.getnframes()), (file.getnchannels(), file.getsampwidth(), file.getframerate())


def wait_for_frames(path: Path, count: int) -> None:
    """Until the file holds so many bytes of audio."""
    wait_until(lambda: path.exists() and path.stat().st_size >= 44 + count, f"{count} bytes of audio in {path}")


@pytest.fixture
def question(tmp_path) -> str:
    return write_wav(tmp_path / "question.wav", QUESTION)


@pytest.fixture
def server():
    with FakeServer() as made:
        yield made


def test_a_question_from_a_file_and_its_answer_into_one(tmp_path, question, server):
    with Client(tmp_path, *server.options, "--input", question, "--output", "reply.wav") as client:
        side = server.accept()
        assert side.read_to_end() == QUESTION.tobytes() + bytes(2 * 16_000)  # then a second of silence, then the end
        side.reply(REPLY[:1], REPLY[1:2_048], REPLY[2_048:])
        side.close()
        status, output, errors = client.end()
    assert (status, errors) == (0, "")
    assert output == "reply.wav: 0.34 s of reply\n"
    assert read_wav(tmp_path / "reply.wav") == (REPLY, (1, 2, 44_100))


def test_rates_are_those_of_the_options(tmp_path, question, server):
    options = ["--send_rate", "8000", "--recv-rate", "22050", "--input", question, "--output=reply.wav"]
    with Client(tmp_path, *server.options, *options) as client:
        side = server.accept()
        assert len(side.read_to_end()) == 2 * (2_400 + 8_000)
        side.reply(REPLY)
        side.close()
        assert client.end()[0] == 0
    assert read_wav(tmp_path / "reply.wav") == (REPLY, (1, 2, 22_050))


def test_a_server_that_answers_nothing(tmp_path, question, server):
    with Client(tmp_path, *server.options, "--input", question, "--output", "reply.wav") as client:
        side = server.accept()
        side.read_to_end()
        side.close()
        assert client.end() == (1, "", "listen_and_play.py: error: no reply came\n")
    assert read_wav(tmp_path / "reply.wav")[0] == b""


@pytest.mark.parametrize("listening", [True, False])
def test_a_server_that_is_busy_or_not_there(tmp_path, question, listening):
    says = "is busy" if listening else "is not there"
    with FakeServer(listening) as server:
        options = ["--input", question, "--output", "reply.wav", "--connect_timeout_s", "0.2"]
        with Client(tmp_path, *server.options, *options) as client:
            if listening:
                server.accept().close()
            status, output, errors = client.end()
    assert (status, output) == (1, "")
    assert errors == f"listen_and_play.py: error: server at 127.0.0.1:{server.send_port} {says}\n"


def test_a_server_that_is_busy_at_first_gets_the_whole_question(tmp_path, question, server):
    with Client(tmp_path, *server.options, "--input", question, "--output", "reply.wav") as client:
        server.accept().close()
        side = server.accept()
        assert side.read_to_end() == QUESTION.tobytes() + bytes(2 * 16_000)
        side.reply(REPLY)
        side.close()
        assert client.end()[0] == 0
    assert read_wav(tmp_path / "reply.wav")[0] == REPLY


def test_a_server_that_dies_in_the_middle_leaves_a_whole_file(tmp_path, server):
    question = write_wav(tmp_path / "long.wav", np.zeros(16_000 * 60))
    with Client(tmp_path, *server.options, "--input", question, "--output", "reply.wav") as client:
        side = server.accept()
        side.reply(REPLY[:2_001])
        wait_for_frames(tmp_path / "reply.wav", 2_000)
        side.close()
        status, output, errors = client.end()
    assert (status, errors) == (1, "")
    assert re.fullmatch(r"reply.wav: 0.02 s of reply \(the server closed .* was sent\)\n", output)
    assert read_wav(tmp_path / "reply.wav")[0] == REPLY[:2_000]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_in_the_middle_leaves_a_whole_file(tmp_path, server, number):
    question = write_wav(tmp_path / "long.wav", np.zeros(16_000 * 60))
    with Client(tmp_path, *server.options, "--input", question, "--output", "reply.wav") as client:
        side = server.accept()
        side.reply(REPLY)
        wait_for_frames(tmp_path / "reply.wav", len(REPLY))
        client.interrupt(number)
        assert client.end(DEADLINE_S) == (0, "reply.wav: 0.34 s of reply (stopped)\n", "")
        assert side.client_has_left()
    assert read_wav(tmp_path / "reply.wav")[0] == REPLY


def test_a_kill_in_the_middle_leaves_a_whole_file(tmp_path, server):
    question = write_wav(tmp_path / "long.wav", np.zeros(16_000 * 60))
    with Client(tmp_path, *server.options, "--input", question, "--output", "reply.wav") as client:
        side = server.accept()
        side.reply(REPLY)
        wait_for_frames(tmp_path / "reply.wav", len(REPLY))
        client.interrupt(signal.SIGKILL)
        client.end(DEADLINE_S)
    data, _ = read_wav(tmp_path / "reply.wav")
    assert data
    assert REPLY.startswith(data)  # the last write's header may not have come


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_the_server_is_not_there(tmp_path, number):
    with FakeServer(listening=False) as server, Client(tmp_path, *server.options, sounddevice=CLOCKED) as client:
        client.wait_for("is not there, trying again in 2 s")
        client.interrupt(number)
        status, output, errors = client.end(DEADLINE_S)
    assert (status, output) == (0, "")
    assert errors.splitlines()[:3] == [
        "microphone: Fake headset",
        "speaker: Fake headset",
        f"server at 127.0.0.1:{server.send_port} is not there, trying again in 0.5 s",
    ]
    assert "Traceback" not in errors


def test_a_stop_in_a_file_s_wait_for_the_server(tmp_path, question):
    # It says nothing while it waits, so it is stopped once it has tried: its reply's file is opened before that.
    options = ["--input", question, "--output", "reply.wav"]
    with FakeServer(listening=False) as server, Client(tmp_path, *server.options, *options) as client:
        wait_for_frames(tmp_path / "reply.wav", 0)
        client.interrupt()
        assert client.end(DEADLINE_S) == (0, "", "")


def test_with_a_sound_card_it_talks_reconnects_and_ends(tmp_path):
    with FakeServer(listening=False) as server, Client(tmp_path, *server.options, sounddevice=CLOCKED) as client:
        client.wait_for("trying again in 0.5 s")
        server.listen()
        first = server.accept()
        assert first.read(4_096) == bytes(4_096)  # what the fake microphone hears
        client.wait_for("listening")
        first.close()
        client.wait_for("has closed the connection, trying again in 0.5 s")
        second = server.accept()
        second.reply(bytes(88_200 * 60))  # a server that doesn't pace: a minute at once
        client.wait_for("speaking")
        client.interrupt()
        status, output, errors = client.end(DEADLINE_S)
        assert second.client_has_left()
    assert (status, output) == (0, "")
    assert "Traceback" not in errors


NO_LIVEKIT = "raise ModuleNotFoundError('No module named livekit', name='livekit')"
MUTED = (
    "no echo cancellation: livekit is missing (pip install -r requirements-client.txt); "
    "the microphone is muted while a reply plays"
)


def test_without_the_echo_canceller_it_says_so_once_and_goes_on(tmp_path, server):
    with Client(tmp_path, *server.options, sounddevice=CLOCKED, livekit=NO_LIVEKIT) as client:
        side = server.accept()
        assert side.read(2_048) == bytes(2_048)
        side.reply(bytes(88_200 * 60))
        client.wait_for("speaking")
        client.interrupt()
        status, _, errors = client.end(DEADLINE_S)
    assert status == 0
    assert errors.splitlines()[2] == MUTED
    assert errors.count("livekit") == 1


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (NO_LIVEKIT, "livekit is missing (pip install -r requirements-client.txt)"),
        ("raise OSError('no library\\nfor this system')", "livekit can't be loaded: no library for this system"),
    ],
)
def test_an_echo_canceller_that_is_insisted_on_and_missing_is_one_line(tmp_path, source, says):
    with Client(tmp_path, "--echo_cancellation", "on", sounddevice=CLOCKED, livekit=source) as client:
        status, output, errors = client.end()
    assert (status, output, errors) == (1, "", f"listen_and_play.py: error: no echo cancellation: {says}\n")


def test_the_echo_canceller_is_not_loaded_for_headphones(tmp_path, server):
    options = [*server.options, "--echo_cancellation", "off"]
    with Client(tmp_path, *options, sounddevice=CLOCKED, livekit=POISON) as client:
        side = server.accept()
        side.reply(bytes(88_200 * 60))
        client.wait_for("speaking")
        assert side.read(2 * 16_000 * 2) == bytes(2 * 16_000 * 2)  # it goes on sending while it plays
        client.interrupt()
        assert client.end(DEADLINE_S)[0] == 0


def test_a_question_from_a_file_and_its_answer_aloud(tmp_path, question, server):
    with Client(tmp_path, *server.options, "--input", question, sounddevice=CLOCKED) as client:
        side = server.accept()
        side.read_to_end()
        side.reply(REPLY)
        side.close()
        assert client.end() == (0, "speaker: 0.34 s of reply\n", "")


def test_the_microphone_s_answer_into_a_file(tmp_path, server):
    with Client(tmp_path, *server.options, "--output", "reply.wav", sounddevice=CLOCKED) as client:
        side = server.accept()
        side.read(2_048)
        side.reply(REPLY)
        side.close()
        assert client.end() == (0, "reply.wav: 0.34 s of reply\n", "")
    assert read_wav(tmp_path / "reply.wav")[0] == REPLY


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (["--input", "none.wav", "--output", "r.wav"], 1, "none.wav: No such file"),
        (["--input", "sounddevice.py", "--output", "r.wav"], 1, "not a WAV file"),
        (["--input", "question.wav", "--output", "no/r.wav"], 1, "no/r.wav: No such file"),
        (["--send_port", "0"], 2, "--send_port"),
        (["--echo_cancellation", "perhaps"], 2, "--echo_cancellation"),
        (["--volume", "11"], 2, "unknown option --volume"),
        (["--input_device", "piano"], 1, "no microphone matches 'piano'"),
        (["--output_device", "7"], 1, "no speaker matches '7'"),
    ],
)
def test_what_does_not_work_is_one_line(tmp_path, question, options, status, says):
    with Client(tmp_path, *options, sounddevice=CLOCKED) as client:
        got, output, errors = client.end()
    assert (got, output, errors.count("\n")) == (status, "", 1)
    assert errors.startswith("listen_and_play.py: error: ")
    assert says in errors


@pytest.mark.parametrize("options", [[], ["--list_devices"]])
def test_no_portaudio_says_what_to_install(tmp_path, options):
    missing = "raise OSError('PortAudio library not found')"
    with Client(tmp_path, *options, sounddevice=missing) as client:
        status, output, errors = client.end()
    assert (status, output, errors.count("\n")) == (1, "", 1)
    assert "apt install libportaudio2" in errors


@pytest.mark.parametrize("option", ["--list_devices", "--list-devices"])
def test_devices_are_listed(tmp_path, option):
    with Client(tmp_path, option, sounddevice=CLOCKED) as client:
        assert client.end() == (0, "  0  Fake headset  [microphone (default), speaker (default); 44100 Hz]\n", "")


def test_help_imports_nothing_heavy(tmp_path):
    with Client(tmp_path, "--help", numpy=POISON) as client:
        status, output, errors = client.end()
    assert (status, errors) == (0, "")
    assert "--list_play_chunk_size 1024" in output


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--list-devices", "--list_devices"),
        ("--input=my-file.wav", "--input=my-file.wav"),
        ("--recv-port=1", "--recv_port=1"),
        ("my-file.wav", "my-file.wav"),
        ("-h", "-h"),
    ],
)
def test_hyphens_in_an_option_s_name_are_accepted(word, meant):
    assert underscored(word) == meant


def test_a_client_needs_neither_torch_nor_transformers():
    lines = (ROOT / "requirements-client.txt").read_text().splitlines()
    names = [re.match(r"[\w-]+", line)[0] for line in lines if line and not line.startswith("#")]
    assert names == ["numpy", "sounddevice", "livekit"]
