"""The figures of a turn, for people and for programs."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.metrics.figures import MetricsFile, TurnMetrics, latency_line

TIMES = st.none() | st.floats(0, 1e6)


def metrics(turn: int = 1) -> TurnMetrics:
    return TurnMetrics(turn, 250.0, 400.0, 300.0, 100.0, 5.0, 1_050.0, 2_000.0, False, None, 0, None)


@pytest.mark.parametrize(
    ("interrupted", "end"), [(False, "total 1050 ms; reply 2.0 s"), (True, "reply 2.0 s (interrupted)")]
)
def test_the_line_for_people(interrupted, end):
    line = latency_line(TurnMetrics(1, 250.0, 400.0, 300.0, 100.0, 5.0, 1_050.0, 2_000.0, interrupted, None, 0, None))
    assert line.startswith("LATENCY: turn 1: silence window 250 ms, STT 400 ms, LM first sentence 300 ms, ")
    assert line.endswith(end)


@given(
    st.builds(
        TurnMetrics, st.integers(1), *[TIMES] * 6, st.floats(0, 1e6), st.booleans(), TIMES, st.integers(0, 9), TIMES
    )
)
def test_the_line_is_one_line_with_a_figure_or_a_dash_for_each_part(turn):
    line = latency_line(turn)
    assert "\n" not in line
    times = [turn.commit_ms, turn.stt_ms, turn.lm_first_sentence_ms, turn.tts_first_audio_ms, turn.voice_to_voice_ms]
    parts = line.split("; ")[0].removeprefix(f"LATENCY: turn {turn.turn}: ").split(", ")
    assert [part.endswith(" -") for part in parts] == [time is None for time in times]
    assert [part.endswith(" ms") for part in parts] == [time is not None for time in times]


def test_a_file_is_continued_not_overwritten(tmp_path):
    path = tmp_path / "turns.jsonl"
    for turn in (1, 2):
        file = MetricsFile(path)
        file.write(metrics(turn))
        assert path.read_text().endswith("}\n")  # each line is there at once, for whoever follows the file
        file.close()
    assert [json.loads(line)["turn"] for line in path.read_text().splitlines()] == [1, 2]


def test_conversations_do_not_mix_their_lines(tmp_path):
    file = MetricsFile(tmp_path / "turns.jsonl")
    writers = [
        threading.Thread(target=lambda start=start: [file.write(metrics(start + n)) for n in range(100)])
        for start in (0, 1_000, 2_000)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(10)
    file.close()
    turns = [json.loads(line)["turn"] for line in (tmp_path / "turns.jsonl").read_text().splitlines()]
    assert sorted(turns) == [start + n for start in (0, 1_000, 2_000) for n in range(100)]


def test_after_the_close_a_turn_costs_a_warning(tmp_path, caplog):
    file = MetricsFile(tmp_path / "turns.jsonl")
    file.close()
    file.write(metrics(4))
    assert "the metrics of turn 4 could not be written" in caplog.text
    file.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_a_warning_when_writing_and_when_closing(caplog):
    caplog.set_level(logging.WARNING)
    file = MetricsFile("/dev/full")
    file.write(metrics(5))
    file.close()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "the metrics of turn 5 could not be written", "the last metrics could not be written",
    ]  # fmt: skip
