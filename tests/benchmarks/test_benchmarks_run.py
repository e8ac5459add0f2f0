"""The benchmarks themselves, run as the README says, on the real server with the real models; small."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.asking import MODELS, QUESTIONS, Turn, words
from benchmarks.latency import STAGES, comparison, gains, summarize
from benchmarks.parler_streaming import summed_decodes
from benchmarks.reply_player import Answer, Voice, answer, play
from tests.parler_checkpoint import build
from utils.system.local_server import ROOT


def run(*words: str) -> tuple[list[str], dict]:
    """(the lines of its output, the last of them as an object)."""
    ran = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    return lines, json.loads(lines[-1])


def test_latency(tmp_path):
    plot = tmp_path / "made" / "latency.png"
    lines, figures = run("benchmarks.latency", "--turns", "1", "--plot", str(plot), "--min_silence_ms", "300")
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert figures["unanswered"] == 0
    for mode in ("off", "on"):
        found = figures[mode]
        assert found["turns"] == found["first_words_kept"] == 1
        assert found["silence_window_ms"]["min"] >= 300  # the server's option got there
    assert figures["off"]["speculative_attempts"] == figures["off"]["speculation_hits"] == 0
    assert figures["on"]["speculative_attempts"] >= figures["on"]["speculation_hits"] == 1
    assert figures["off"]["window_and_stages_ms"]["median"] < figures["off"]["voice_to_voice_ms"]["median"]
    assert sum(line.startswith("voice to voice") for line in lines) == 3


def test_startup():
    lines, figures = run("benchmarks.startup", "--runs", "1")
    assert 0 < figures["help_s"] < figures["ready_s"]
    assert figures["client_s"] > 0
    assert 100 < figures["memory_ready_mib"] <= figures["memory_most_mib"]
    assert any(line.startswith("ready_s") for line in lines)


@pytest.mark.more
def test_stt_windows():
    lines, figures = run("benchmarks.stt_windows", "--windows", "8", "--every", "60")
    whole, short = figures["windows"]["30"], figures["windows"]["8"]
    assert whole["same"] == whole["of"] > 2
    assert short["false_texts"] == whole["false_texts"] == 0
    assert abs(short["wrong_words_percent"] - whole["wrong_words_percent"]) < 5
    assert any(line.startswith("8 s") for line in lines)


@pytest.mark.more
def test_first_clauses():
    lines, figures = run("benchmarks.first_clauses", "--questions", "3", "--rates", "25", "60")
    assert figures["replies"] == 3
    assert figures["tokens_per_s"] > 0
    assert 0 < figures["voice"]["factor"] <= figures["voice"]["factor_beside"]
    for rule in figures["rules"].values():
        assert rule["60"]["first_audio_ms"]["median"] < rule["25"]["first_audio_ms"]["median"]
    assert any(line.startswith("3 words, growth") for line in lines)


VOICE = Voice(pause_s=0.0, letter_s=0.1, start_s=0.5, factor=0.5, factor_beside=1.0, slows=0.5)


@pytest.mark.parametrize(
    ("pieces", "tokens", "first_s", "gaps_s"),
    [
        ([(4, "x" * 10)], 4, 1.4, []),  # 0.4 s of writing, 0.5 s + half of 1 s
        ([(3, "x" * 10)], 4, 1.8, []),  # while the model writes
        ([(1, "x" * 10), (3, "x" * 10)], 4, 1.6, [0.5]),  # made one after the other
        ([(1, "x" * 10), (21, "x" * 10)], 21, 1.6, [1.3]),  # 8 tokens of 0.2 s, then 12 of 0.1 s, then 1 s of making
        ([], 4, float("inf"), []),
    ],
)
def test_what_the_player_hears_of_a_reply(pieces, tokens, first_s, gaps_s):
    heard = play(pieces, tokens, 10.0, VOICE)
    assert heard.first_s == pytest.approx(first_s)
    assert heard.gaps_s == pytest.approx(gaps_s)


def test_a_word_is_known_with_the_token_that_follows_it():
    assert answer(["It ", "is ", "so."], [0, 2, 5, 7]) == Answer([(2, "It "), (3, "is "), (5, "so.")], 5)


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
    server = dict.fromkeys([*STAGES, *MODELS], 10.0) | {"voice_to_voice_ms": 100.0}
    turns = [Turn("a", "a", 200.0, 5.0, [], server), Turn("b", "b", 300.0, 5.0, [], server | {"stt_ms": None})]
    figures = summarize(turns)
    assert figures["STT"]["median"] == 10.0
    assert figures["voice to voice"] == {"median": 250.0, "p95": 295.0, "min": 200.0, "max": 300.0}
    assert figures["window and stages"]["median"] == 40.0
    assert figures["beyond the window"]["median"] == 190.0
    assert summarize([])["voice to voice"] == {}


def test_what_speculation_gains():
    server = {**dict.fromkeys([*STAGES, *MODELS], 100.0), "commit_ms": 250.0, "voice_to_voice_ms": 100.0}
    runs = {mode: [Turn("a", "a", heard_ms, 5.0, [], server)] for mode, heard_ms in (("off", 850.0), ("on", 340.0))}
    assert gains(runs) == {"voice_to_voice_ratio": 0.4, "beyond_share_off": 2.0, "beyond_share_on": 0.3}
    assert comparison(runs).splitlines()[-1].split()[-2:] == ["200%", "30%"]


def test_the_questions_differ():
    assert len({tuple(words(question)) for question in QUESTIONS}) == len(QUESTIONS) >= 20


@pytest.mark.more
def test_parler_streaming(reference, tmp_path):
    plot = tmp_path / "cost.png"
    lines, figures = run("benchmarks.parler_streaming", "--size", "tiny", "--plot", str(plot))
    assert figures["max_abs_diff"] < 1e-4
    assert figures["step_greedy_ms"] > 0
    assert figures["step_overhead_ratio"] == pytest.approx(figures["step_ms"] / figures["step_library_ms"], rel=0.5)
    assert 0 <= figures["cancel_ms"] <= figures["cancel_worst_ms"]
    assert any(line.startswith("step_overhead_ratio") for line in lines)


def test_the_librarys_codec_work_is_summed_up_as_its_streamer_does_it(reference, tmp_path):
    lengths = reference.measure(build(tmp_path), "decoded_lengths", frames=300)
    cost = dict(zip((100, 200, 300), (1.0, 2.0, 3.0), strict=True))  # a hundredth of a second a frame
    assert summed_decodes(cost, 300) == pytest.approx(sum(lengths) / 100)
