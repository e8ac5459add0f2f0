"""The oldest clients go on working: three turns with one that reads whole chunks, mutes itself and falls silent."""

from __future__ import annotations

import re

import pytest

from handlers.vad.silero import STT_RATE, voiced_seconds
from tests.old_client import CHUNK, REPLY_RATE, OldClient
from tests.server_process import ServerProcess
from tests.spoken import QUESTIONS, assert_understood
from utils.audio.resampling import resample

VOICED_S = 0.3  # a reply with less speech in it is none
REPLY_S = 60.0  # the longest reply, and what a busy machine needs for it


@pytest.fixture(scope="module")
def server():
    with ServerProcess() as running:
        yield running


def test_three_turns_are_heard_and_answered_whole(server, say):
    mark, announced = len(server.lines), []
    with OldClient(server.microphone_port, server.speaker_port) as client:
        for question in QUESTIONS:
            turn, before = len(server.lines), len(client.chunks)
            assert client.say(say(question)) == 0  # no reply plays any more
            assert_understood(question, server.wait_line("USER:", turn))
            announced.append(reply_seconds(server.wait_line("LATENCY:", turn, REPLY_S)))
            whole = chunks_of(announced[-1])
            assert client.wait_for(lambda before=before, whole=whole: len(client.chunks) - before >= whole)
            client.wait_until_played()
            assert client.pending == 0
            assert voiced_seconds(resample(client.reply(before), REPLY_RATE, STT_RATE)) > VOICED_S
        client.end_input()
        assert client.wait_for(lambda: client.ended)
        assert client.pending == 0
        lines = [line.partition(":")[0] for line in server.lines[mark:]]
    assert len(client.chunks) * CHUNK / 2 / REPLY_RATE == pytest.approx(sum(announced), abs=0.1 * len(QUESTIONS))
    assert [lines.count(kind) for kind in ("USER", "LATENCY")] == [len(QUESTIONS)] * 2


def reply_seconds(latency: str) -> float:
    assert not latency.endswith("(interrupted)")
    return float(re.search(r"reply ([\d.]+) s", latency)[1])


def chunks_of(seconds: float) -> int:
    """Chunks that a reply has at least, whose length was rounded to tenths of a second."""
    return int((seconds - 0.05) * REPLY_RATE * 2 / CHUNK)
