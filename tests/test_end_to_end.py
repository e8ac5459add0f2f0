"""The real server process with the real bundled models, over real sockets, in real time."""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import time
from dataclasses import dataclass

import jiwer
import numpy as np
import pytest

from tests.server_process import ServerProcess
from tests.spoken import assert_understood, words

QUESTIONS = [
    "What is the capital of France?",
    "Who wrote the play Hamlet?",
    "How far away is the moon?",
    "Why is the sky blue?",
    "Tell me a short story about a dog.",
    "Which planet is the largest in our solar system?",
    "Can you explain how bread is made?",
    "Name three animals that live in the ocean.",
    "How many days are there in a week?",
]
LEAD_S = 0.2


@dataclass(frozen=True)
class Answered:
    """A question that was answered. reply: float32 [n], its beginning; turn: the figures."""

    heard: str
    reply: np.ndarray
    turn: dict


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    metrics = tmp_path_factory.mktemp("metrics") / "turns.jsonl"
    with ServerProcess("--log_level", "debug", "--metrics_file", str(metrics)) as server:
        server.metrics = metrics
        yield server


@pytest.fixture(scope="module")
def answer(running, say):
    """answer(question) → what the server made of it. Each question is asked once, by the test that needs it first."""

    @functools.cache
    def ask(question: str) -> Answered:
        mark, before = len(running.lines), len(turns(running))
        with running.connect() as client:
            client.say(say(question))
            client.silence(0.6)
            assert client.wait_bytes(44_100)
            reply = client.reply
        heard = running.wait_line("USER:", mark)
        assert running.wait_line("ASSISTANT:", mark)
        assert running.wait_line("LATENCY:", mark)
        running.wait_until_idle()
        [turn] = turns(running)[before:]
        return Answered(heard, reply, turn)

    return ask


def turns(server: ServerProcess) -> list[dict]:
    """The figures of all turns that have ended."""
    return [json.loads(line) for line in server.metrics.read_text().splitlines()] if server.metrics.exists() else []


def conversation_over(server: ServerProcess, mark: int) -> None:
    server.wait_for(server.log, lambda log: any("over:" in line for line in log[mark:]))


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_are_understood_and_answered(answer, question):
    answered = answer(question)
    assert_understood(question, answered.heard)
    assert np.sqrt(np.mean(answered.reply**2)) > 0.005


def test_the_end_of_the_input_is_answered_before_both_ends_close(server, say):
    mark = len(server.lines)
    with server.connect() as client:
        client.say(say("What is the capital of France?"))
        client.end_input()
        assert client.wait_end(60)
        assert client.byte_count % 2_048 == 0
        assert client.byte_count > 44_100
    assert "capital of france" in words(server.wait_line("USER:", mark))
    assert not server.wait_line("LATENCY:", mark).endswith("(interrupted)")


@pytest.mark.timeout(600)  # alone it asks all of them
def test_word_error_rate_over_all_questions(answer):
    heard = [answer(question).heard for question in QUESTIONS]
    assert jiwer.wer([words(q) for q in QUESTIONS], [words(h) for h in heard]) <= 0.1


def test_yes_is_a_turn(server, say):
    mark = len(server.lines)
    with server.connect() as client:
        client.silence(0.3)
        client.say(say("Yes."))
        client.silence(1.0)
        assert words(server.wait_line("USER:", mark)).startswith("yes")


def test_a_pause_before_the_reply_extends_the_turn(server, say):
    mark = len(server.lines)
    with server.connect() as client:
        client.say(say("I have a question about a city."))
        client.silence(0.05)  # and what the voice leaves around its words: a third of a second ends the turn
        client.say(say("What is the capital of France?"))
        client.silence(1.0)
        heard = words(server.wait_line("USER:", mark))
        server.wait_line("ASSISTANT:", mark)
    assert "question about a city" in heard
    assert "capital of france" in heard
    assert sum(line.startswith("USER:") for line in server.lines[mark:]) == 1


@pytest.mark.alone  # when each part came is looked at
def test_a_reply_is_padded_paced_and_followed_by_silence(server, say):
    with server.connect() as client:
        client.say(say("What is the capital of France?"))
        mark = len(server.lines)
        deadline = time.monotonic() + 60
        while not any(line.startswith("LATENCY:") for line in server.lines[mark:]) and time.monotonic() < deadline:
            client.silence(0.2)
        client.silence(0.2)
        assert client.byte_count % 2_048 == 0
        started = client.received[0][0]
        total = 0
        for at, data in client.received:
            total += len(data)
            assert total / 2 / 44_100 <= at - started + LEAD_S + 0.15
        before = client.byte_count
        client.silence(0.5)
        assert client.byte_count == before


@pytest.mark.alone  # it stops within a second
def test_speech_during_a_reply_stops_it_and_is_answered(server, say):
    mark = len(server.lines)
    with server.connect() as client:
        client.say(say("Tell me a long story about a dog and a cat."))
        client.silence(0.6)
        assert client.wait_bytes(44_100)
        spoke = time.monotonic()
        client.say(say("What is the capital of France?"))
        server.wait_for(server.lines, lambda lines: any("(interrupted)" in line for line in lines[mark:]))
        client.silence(1.0)
        server.wait_for(server.lines, lambda lines: sum(line.startswith("USER:") for line in lines[mark:]) == 2, 30)
        second = [at for at, _ in client.received if at > spoke]
        gap_starts = next(a for a, b in zip(second, [*second[1:], np.inf], strict=True) if b - a > 0.4)
        assert gap_starts - spoke < 1.0
        users = [line for line in server.lines[mark:] if line.startswith("USER:")]
        assert "capital of france" in words(users[1])


@pytest.mark.alone
def test_a_client_that_leaves_in_mid_reply_makes_room_within_a_second(server, say):
    with server.connect() as client:
        client.say(say("Tell me a long story about a dog and a cat."))
        client.silence(0.6)
        assert client.wait_bytes(20_000)
        mark = len(server.log)
        left = time.monotonic()
    conversation_over(server, mark)
    mark = len(server.lines)
    with server.connect() as client:
        assert time.monotonic() - left < 1.5
        client.say(say("What is the capital of France?"))
        client.silence(0.6)
        assert client.wait_bytes(20_000)
    assert "capital of france" in words(server.wait_line("USER:", mark))


def test_one_client_more_is_refused_at_once(server):
    mark = len(server.log)
    with server.connect():
        server.wait_for(server.log, lambda log: any("conversation with" in line for line in log[mark:]))
        extra = socket.create_connection(("127.0.0.1", server.microphone_port), timeout=5)
        with extra, contextlib.suppress(ConnectionResetError):
            assert extra.recv(1) == b""
    server.wait_for(server.log, lambda log: any("refused" in line for line in log[mark:]))


@pytest.mark.timeout(600)  # alone it asks all questions
def test_metrics_are_one_object_a_turn(answer):
    asked = [answer(question).turn for question in QUESTIONS]
    assert set(asked[0]) == {
        "turn", "commit_ms", "stt_ms", "lm_first_sentence_ms", "tts_first_audio_ms",
        "between_stages_ms", "voice_to_voice_ms",
        "reply_audio_ms", "interrupted", "interrupted_at_ms", "false_interruptions", "end_of_turn_score",
        "speculative_attempts", "speculation_hit", "underruns", "begun_ms", "failed", "moments",
    }  # fmt: skip
    for turn in asked:
        stages = [turn[k] for k in ("begun_ms", "stt_ms", "lm_first_sentence_ms", "tts_first_audio_ms")]
        assert sum(stages) <= turn["voice_to_voice_ms"] + 1
        assert turn["commit_ms"] <= turn["voice_to_voice_ms"]
        assert turn["speculation_hit"]
        assert turn["speculative_attempts"] >= 1
        assert 0 <= turn["between_stages_ms"] <= turn["voice_to_voice_ms"]
    assert any(turn["interrupted"] for turn in asked)  # by the client, which has left
