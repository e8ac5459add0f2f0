"""Talking over the real server's reply, in real time: what stops it, what does not, and where a turn ends."""

from __future__ import annotations

import json
import socket
import time
import urllib.request

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.timeline import main, read
from tests.server_process import ServerProcess
from tests.spoken import assert_understood, words
from tests.waiting import wait_until

STORY = "Tell me a long story about a dog and a cat."
QUESTION = "What is the capital of France?"
RATE = 16_000


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    metrics = tmp_path_factory.mktemp("metrics") / "turns.jsonl"
    options = ["--log_level", "debug", "--metrics_file", str(metrics), "--metrics_port", "0"]
    with ServerProcess(*options) as server:
        server.metrics = metrics
        yield server


@pytest.fixture(scope="module")
def interrupted(running, say):
    """Two turns of one conversation are over and written: a story, and the question that has interrupted it."""
    ended = len(turns(running))
    with running.connect() as client:
        over_a_story(running, client, say, trimmed(say(QUESTION)), 0.6)
        client.end_input()
        assert client.wait_end(60)
    running.wait_until_idle()
    assert len(turns(running)) == ended + 2


def trimmed(audio: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(np.abs(audio) > 0.01)
    return audio[loud[0] : loud[-1] + 1]


def gaps(received: list[tuple[float, bytes]], since: float) -> list[tuple[float, float]]:
    """(from, to) of each silence of a player that plays what it has, from a moment on; the last has no end."""
    found, end = [], received[0][0]
    for at, data in received:
        if at > end:
            found.append((end, at))
            end = at
        end += len(data) / 2 / 44_100
    return [(start - since, stop - since) for start, stop in [*found, (end, np.inf)] if start > since]


def over_a_story(server: ServerProcess, client, say, sound: np.ndarray, then_s: float) -> float:
    """Asks for a story, and makes a sound when some of it has been heard; when the sound began."""
    client.say(say(STORY))
    client.silence(0.6)
    assert client.wait_bytes(66_000)
    began = time.monotonic()
    client.say(sound)
    client.silence(then_s)
    return began


def turns(server: ServerProcess) -> list[dict]:
    return [json.loads(line) for line in server.metrics.read_text().splitlines()] if server.metrics.exists() else []


def next_turn(server: ServerProcess, before: int) -> dict:
    """The figures of the turn that ended last, once there are more than `before`."""
    wait_until(lambda: len(turns(server)) > before, "the turn's figures")
    return turns(server)[-1]


@pytest.mark.alone  # the sound is heard for a moment only: what it is has to be found out in time
@pytest.mark.parametrize("sound", ["Uh.", "Mm-hm.", "Yeah.", "Okay."])
def test_a_listeners_sound_holds_the_reply_and_it_goes_on(server, say, sound):
    mark, ended = len(server.lines), len(turns(server))
    with server.connect() as client:
        began = over_a_story(server, client, say, trimmed(say(sound)), 3.0)
        held = [gap for gap in gaps(client.received, began) if gap[1] < 3.0]
        assert client.wait_bytes(client.byte_count + 1)  # it goes on
    assert held
    assert next_turn(server, ended)["false_interruptions"] == 1
    assert sum(line.startswith("USER:") for line in server.lines[mark:]) == 1  # and the sound is not answered


@pytest.mark.parametrize("kind", ["noise", "click"])
def test_a_noise_does_not_stop_the_reply(server, say, kind):
    sound = np.random.default_rng(0).normal(0, 0.3, {"noise": 4_800, "click": 160}[kind]).astype(np.float32)
    mark, ended = len(server.lines), len(turns(server))
    with server.connect() as client:
        over_a_story(server, client, say, sound, 2.0)
        assert client.wait_bytes(client.byte_count + 1)
    next_turn(server, ended)
    assert sum(line.startswith("USER:") for line in server.lines[mark:]) == 1


@pytest.mark.parametrize("words_over", [QUESTION, "Stop!", "No, wait."])
def test_words_stop_the_reply_at_once_and_are_answered(server, say, words_over):
    mark = len(server.lines)
    with server.connect() as client:
        began = over_a_story(server, client, say, trimmed(say(words_over)), 2.0)
        understood_at, heard = server.wait_nth("USER:", 2, mark)
        silent, _ = gaps(client.received, began)[0]
    assert_understood(words_over, heard)
    assert any("(interrupted)" in line for line in server.lines[mark:])
    assert silent < understood_at - began  # it stops as soon as they are heard: after 0.2 s on a quiet machine


@pytest.mark.parametrize("pause_s", [0.5, 0.8])
def test_a_pause_for_thought_is_one_turn_with_one_reply(server, say, pause_s):
    mark, ended = len(server.lines), len(turns(server))
    pause = np.zeros(int(pause_s * RATE), dtype=np.float32)
    with server.connect() as client:
        client.say(
            np.concatenate([trimmed(say("I was wondering if you could")), pause, say("tell me the capital of France.")])
        )
        client.end_input()
        assert client.wait_end()
    next_turn(server, ended)
    assert len(turns(server)) == ended + 1
    [heard] = [line for line in server.lines[mark:] if line.startswith("USER:")]
    assert "wondering" in words(heard)
    assert "capital of france" in words(heard)


def test_a_question_that_sounds_complete_is_scored_so(server, say):
    ended = len(turns(server))
    with server.connect() as client:
        client.say(say(QUESTION))
        client.silence(0.6)
        assert client.wait_bytes(20_000)
    turn = next_turn(server, ended)
    assert turn["end_of_turn_score"] > 0.5
    assert turn["interrupted"]  # the client has left
    assert turn["interrupted_at_ms"] is not None


def scrape(server: ServerProcess) -> dict[tuple[str, str], float]:
    """(name, its label's value) → value of all that the server exports."""
    address = next(line.rpartition(" ")[2] for line in server.log if "metrics on http://" in line)
    with urllib.request.urlopen(address, timeout=10) as response:
        text = response.read().decode()
    assert not any(word in text.lower() for word in ("france", "story", "dog", "127.0.0.1"))  # nothing of who said what
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.usefixtures("interrupted")
def test_what_was_measured_can_be_scraped(server):
    """After a turn that is interrupted, and all before it: the port says in sum what the file says turn by turn."""
    found, written = scrape(server), turns(server)
    for outcome in ("answered", "interrupted", "failed", "unanswered"):
        assert found["s2s_turns_total", outcome] == sum(outcome_of(turn) == outcome for turn in written)
    assert found["s2s_turns_total", "interrupted"] >= 1
    for name, figure in (("false_interruptions", "false_interruptions"), ("underruns", "underruns")):
        assert found[f"s2s_{name}_total",] == sum(turn[figure] for turn in written)
    assert found["s2s_speculative_attempts_total",] == sum(turn["speculative_attempts"] for turn in written)
    assert found["s2s_speculation_hits_total",] == sum(turn["speculation_hit"] for turn in written)
    waits = [turn["voice_to_voice_ms"] / 1_000 for turn in written if turn["voice_to_voice_ms"] is not None]
    assert found["s2s_voice_to_voice_seconds_count",] == len(waits)
    assert found["s2s_voice_to_voice_seconds_sum",] == pytest.approx(sum(waits))
    transcripts = [turn["stt_ms"] / 1_000 for turn in written if turn["stt_ms"] is not None]
    assert found["s2s_stage_seconds_sum", "stt"] == pytest.approx(sum(transcripts))


def outcome_of(turn: dict) -> str:
    if turn["failed"]:
        return "failed"
    return "interrupted" if turn["interrupted"] else "unanswered" if turn["voice_to_voice_ms"] is None else "answered"


def test_scrapers_that_hang_do_not_disturb_who_talks(server, say):
    ended = len(turns(server))
    port = int(next(line for line in server.log if "metrics on http://" in line).rpartition(":")[2].partition("/")[0])
    hanging = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(40)]
    with server.connect() as client:
        wait_until(lambda: scrape(server)["s2s_conversations",] == 1, "the conversation to be counted")
        client.say(say(QUESTION))
        client.end_input()
        assert client.wait_end(60)
    assert next_turn(server, ended)["voice_to_voice_ms"] is not None
    wait_until(lambda: scrape(server)["s2s_conversations",] == 0, "its end to be counted")
    for scraper in hanging:
        scraper.close()


@pytest.mark.usefixtures("interrupted")
def test_all_of_it_can_be_drawn(server, tmp_path):
    """The timeline of every conversation so far, from what the real server wrote."""
    picture = tmp_path / "turn.png"
    conversations = read(server.metrics)
    assert sum(map(len, conversations)) == len(turns(server))
    for number, drawn in enumerate(conversations, 1):
        assert main([str(server.metrics), "-o", str(picture), "--conversation", str(number)]) == 0
        assert picture.read_bytes().startswith(b"\x89PNG")
        picture.unlink()
        for turn in drawn:
            moments = turn.moments
            if moments.first_byte is None:  # a stop, which is not answered
                continue
            assert moments.spoke_from < moments.spoke_until <= moments.first_byte <= moments.heard_until
            assert len(moments.holds) >= turn.metrics.false_interruptions
            assert len(moments.begun_early) == turn.metrics.speculative_attempts
    together = [turn for drawn in conversations for turn in drawn]
    assert any(turn.moments.cancelled and turn.moments.holds for turn in together)


def test_half_duplex_hears_nothing_while_it_speaks(say):
    with ServerProcess("--allow_interruptions", "false") as server, server.connect() as client:
        over_a_story(server, client, say, say(QUESTION), 0.5)
        assert client.wait_bytes(client.byte_count + 1)
        client.end_input()
        assert client.wait_end(60)
    assert sum(line.startswith("USER:") for line in server.lines) == 1
