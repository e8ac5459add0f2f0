"""Bad input on the microphone's connection of the real server: it is bounded, and the next client notices nothing."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from tests.abused_server import FRANCE, STORY, pcm, quick
from tests.raw_client import BLOCK_S
from tests.server_process import ServerProcess
from tests.spoken import assert_understood, words
from utils.system.local_server import ROOT

FLOOD_BYTES = 20_000_000  # over ten minutes of audio


def calls_of_the_language_model(log: list[str]) -> int:
    return sum("is asked" in line for line in log)


@pytest.mark.parametrize("sizes", [[1], [3, 1, 1_021, 7], [64_001]])
def test_writes_of_any_size_are_heard(watched, say, sizes):
    """Samples cut in two anywhere; single bytes; all at once."""
    data, mark, written, turn = pcm(say(FRANCE)), len(watched.lines), 0, 0
    with watched.connect() as client:
        began = time.monotonic()
        while written < len(data):
            size = sizes[turn % len(sizes)]
            client.microphone.sendall(data[written : written + size])
            written, turn = written + size, turn + 1
            ahead = began + written / 32_000 - time.monotonic() - BLOCK_S
            if ahead > 0:
                time.sleep(ahead)  # a microphone's own pace
        client.end_input()
        assert_understood(FRANCE, watched.wait_line("USER:", mark))


def test_half_a_sample_is_no_harm(watched):
    with watched.connect() as client:
        client.microphone.sendall(b"\x01")
        client.end_input()
        assert client.wait_end()
        assert client.byte_count == 0


def test_random_bytes_are_no_harm(watched):
    with watched.connect() as client:
        client.microphone.sendall(np.random.default_rng(0).bytes(2_000_001))
        client.end_input()
        assert client.wait_end(60)


def test_half_a_minute_of_speech_at_once_is_heard_and_answered(watched, say):
    said = pcm(np.concatenate([say(FRANCE), np.zeros(3_200, dtype=np.float32)]))
    times = 30 * 32_000 // len(said)
    mark = len(watched.lines)
    with watched.connect() as client:
        client.microphone.sendall(said * times)
        client.end_input()
        assert client.wait_end(120)
        assert client.byte_count > 20_000
    users = [line for line in watched.lines[mark:] if line.startswith("USER:")]
    assert sum(words(line).count("capital of france") for line in users) >= times - 1


@pytest.mark.timeout(600)  # two minutes of work, where nothing else runs
@pytest.mark.parametrize("what", ["silence", "noise", "speech"])
def test_twenty_megabytes_at_once_are_taken_as_they_can_be(watched, say, what):
    """The socket keeps the writer waiting. Afterwards it is listened to as before; its leaving ends what is left."""
    said = np.concatenate([say(FRANCE), np.zeros(8_000, dtype=np.float32)])
    noise = np.random.default_rng(1).normal(0, 0.1, 160_000).astype(np.float32)
    data = {"silence": bytes(32_000), "noise": pcm(noise), "speech": pcm(said)}[what]
    mark = len(watched.lines)
    with watched.connect() as client:
        client.microphone.settimeout(120)
        for _ in range(FLOOD_BYTES // len(data)):
            client.microphone.sendall(data)
        if what != "speech":
            client.microphone.sendall(bytes(32_000) + pcm(say(FRANCE)) + bytes(32_000))
            assert_understood(FRANCE, watched.wait_line("USER:", mark, 60))
    watched.assert_has_room()


def test_a_flood_that_has_left_before_it_was_looked_at_is_nobody_else_s(watched, say):
    """Its end waits behind what nobody reads: the next client must not be taken for its second half."""
    for _ in range(3):
        microphone, speaker = quick(watched.microphone_port), quick(watched.speaker_port)
        microphone.sendall(pcm(say(STORY)) * 4)
        for connection in (speaker, microphone):
            connection.close()
        watched.ask(FRANCE, say(FRANCE))


def test_noise_is_no_turn_and_speech_after_it_is(watched, say):
    rng, mark, log_mark = np.random.default_rng(1), len(watched.lines), len(watched.log)
    with watched.connect() as client:
        for _ in range(3):
            client.say(rng.normal(0, 0.2, 4_000).astype(np.float32))
            client.silence(0.4)
        assert calls_of_the_language_model(watched.log[log_mark:]) == 0
        client.say(say(FRANCE))
        client.end_input()
        assert client.wait_end(60)
    users = [line for line in watched.lines[mark:] if line.startswith("USER:")]
    assert len(users) == 1
    assert words(users[0].removeprefix("USER:")).endswith("capital of france")
    assert calls_of_the_language_model(watched.log[log_mark:]) == 1


def test_words_that_whisper_takes_for_silence_are_no_turn(watched, say):
    """The VAD is sure of a hum like a voice's, Whisper hears no words in it: the language model is not asked."""
    mark, log_mark = len(watched.lines), len(watched.log)
    t = np.arange(16_000) / 16_000
    vibrato = 140 * t + 0.5 * np.sin(2 * np.pi * 5 * t)
    hum = sum(np.sin(2 * np.pi * k * vibrato) / k for k in range(1, 12)) * 0.15
    with watched.connect() as client:
        for _ in range(2):
            client.say(hum.astype(np.float32))
            client.silence(0.5)
        client.end_input()
        assert client.wait_end(60)
    assert calls_of_the_language_model(watched.log[log_mark:]) == 0
    assert not any(line.startswith("USER:") for line in watched.lines[mark:])


def test_a_stage_that_breaks_costs_one_turn(say):
    """Speech to text, the language model and the voice break once each, one turn after another."""
    options = ["--speculative_silence_ms", "0"]  # or the ear would break while it hears ahead, which costs nothing
    with ServerProcess(*options, program=ROOT / "tests" / "broken_server.py") as server, server.connect() as client:
        for turn, stage in zip(itertools.count(1), ("ear", "mind", "voice")):
            client.say(say(FRANCE))
            client.silence(0.4)
            ended = f"turn {turn} ended early: a stage failed"
            server.wait_for(server.log, lambda log, ended=ended: any(ended in line for line in log))
            assert sum(f"RuntimeError: the {stage} breaks" in line for line in server.log) == 1
            assert client.byte_count == 0
        mark = len(server.lines)
        client.say(say(FRANCE))
        client.end_input()
        assert_understood(FRANCE, server.wait_line("USER:", mark))
        assert client.wait_end(60)
        assert client.byte_count > 20_000
    assert sum("Traceback" in line for line in server.log) == 3
