"""The real server with Parler-TTS as its voice: a tiny checkpoint, whose sentences are all as long as each other."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

from tests.parler_checkpoint import DELAY, HOP, build
from tests.server_process import ServerProcess
from tests.spoken import assert_understood, words

QUESTION = "What is the capital of France?"
LONG_QUESTION = "Tell me a long story about a dog and a cat."
STEPS = 400
SENTENCE = (STEPS - DELAY) * HOP  # samples
CHUNK = 2_048  # bytes; a reply is padded to whole ones


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return build(tmp_path_factory.mktemp("parler"))


def serve(checkpoint, *options):
    lengths = ["--tts_gen_min_new_tokens", str(STEPS), "--tts_gen_max_new_tokens", str(STEPS)]
    return ServerProcess("--tts", "parler", "--tts_model_name", str(checkpoint), *lengths, *options)


@pytest.fixture(scope="module")
def server(checkpoint):
    with serve(checkpoint, "--log_level", "debug") as running:
        yield running


def ask(client, audio):
    client.say(audio)
    client.silence(0.6)


def test_a_question_is_answered_with_every_sample_of_every_sentence(server, say):
    mark = len(server.lines)
    with server.connect() as client:
        client.say(say(QUESTION))
        client.end_input()
        assert client.wait_end(60)
        reply = client.reply
    assert_understood(QUESTION, server.wait_line("USER:", mark))
    sentences = sum(line.startswith("ASSISTANT:") for line in server.lines[mark:])
    assert sentences
    whole = sentences * SENTENCE * 2
    assert len(reply) * 2 == whole + -whole % CHUNK
    assert np.sqrt(np.mean(reply[: sentences * SENTENCE] ** 2)) > 0.05


def test_speech_during_a_reply_stops_it_and_is_answered(server, say):
    mark = len(server.lines)
    with server.connect() as client:
        ask(client, say(LONG_QUESTION))
        assert client.wait_bytes(44_100)
        spoke = time.monotonic()
        ask(client, say(QUESTION))
        server.wait_for(server.lines, lambda lines: any("(interrupted)" in line for line in lines[mark:]))
        understood_at, heard = server.wait_nth("USER:", 2, mark)
        client.silence(0.5)
        later = [at for at, _ in client.received if at > spoke]
        silent = next(a for a, b in zip(later, [*later[1:], np.inf], strict=True) if b - a > 0.4)
        assert silent < understood_at  # it stops as soon as it is heard
    assert "capital of france" in words(heard)


def test_a_client_that_leaves_in_mid_reply_leaves_nothing_to_be_spoken(server, say):
    with server.connect() as client:
        ask(client, say(LONG_QUESTION))
        assert client.wait_bytes(20_000)
        mark = len(server.lines)
    server.wait_line("LATENCY:", mark)  # the last line about it
    test_a_question_is_answered_with_every_sample_of_every_sentence(server, say)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_speaks_ends_the_server(checkpoint, say, number):
    with serve(checkpoint) as server:
        with server.connect() as client:
            ask(client, say(QUESTION))
            assert client.wait_bytes(20_000)
            status, _ = server.stop(number)
        assert status == 0
        assert not any("Traceback" in line for line in server.log)
