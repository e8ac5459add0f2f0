"""The benchmarks themselves, run as the README says, on the real server with the real models; small."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.latency import QUESTIONS, STAGES, Turn, summarize, words
from utils.local_server import ROOT


def run(*words: str) -> tuple[list[str], dict]:
    """(the lines of its output, the last of them as an object)."""
    ran = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    return lines, json.loads(lines[-1])


def test_latency(tmp_path):
    plot = tmp_path / "made" / "latency.png"
    lines, figures = run("benchmarks.latency", "--turns", "2", "--plot", str(plot), "--min_silence_ms", "300")
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert figures["turns"] == figures["first_words_kept"] == 2
    assert figures["unanswered"] == 0
    assert figures["silence_window_ms"]["min"] >= 300  # the server's option got there
    parts = sum(figures[f"{name}_ms"]["median"] for name in ("silence_window", "stt", "lm_first_sentence"))
    assert parts < figures["voice_to_voice_ms"]["median"]
    assert any(line.startswith("voice to voice") for line in lines)


def test_startup():
    lines, figures = run("benchmarks.startup", "--runs", "1")
    assert 0 < figures["help_s"] < figures["ready_s"]
    assert figures["client_s"] > 0
    assert 100 < figures["memory_ready_mib"] <= figures["memory_most_mib"]
    assert any(line.startswith("ready_s") for line in lines)


@pytest.mark.parametrize(
    ("asked", "heard", "understood", "kept"),
    [
        ("Who wrote it?", "who wrote it.", True, True),
        ("Who wrote it?", "Who wrote them?", False, True),
        ("Who wrote it?", "wrote it", False, False),
        ("Who wrote it?", "", False, False),
    ],
)
def test_what_counts_as_understood(asked, heard, understood, kept):
    turn = Turn(asked, heard, 1_000.0, 40.0, [], {"voice_to_voice_ms": 900.0})
    assert (turn.understood, turn.first_word_kept) == (understood, kept)
    assert turn.outside_ms == 60.0


def test_a_stage_that_some_turns_did_not_reach_is_summed_up_over_the_others():
    server = dict.fromkeys(STAGES, 10.0) | {"voice_to_voice_ms": 100.0}
    turns = [Turn("a", "a", 200.0, 5.0, [], server), Turn("b", "b", 300.0, 5.0, [], server | {"stt_ms": None})]
    figures = summarize(turns)
    assert figures["STT"]["median"] == 10.0
    assert figures["voice to voice"] == {"median": 250.0, "p95": 295.0, "min": 200.0, "max": 300.0}
    assert summarize([])["voice to voice"] == {}


def test_the_questions_differ():
    assert len({tuple(words(question)) for question in QUESTIONS}) == len(QUESTIONS) >= 20
