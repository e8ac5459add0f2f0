"""The picture of a conversation: what is read from a metrics file, what is said where that can't be, what is drawn."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.timeline import TimelineError, chosen, main, read, report
from benchmarks.timeline_picture import ASSISTANT, HELD, STAGES, YOU, TimedTurn, draw
from utils.metrics.figures import MetricsFile, TurnMetrics
from utils.metrics.moments import Moments
from utils.system.local_server import ROOT

ANSWERED = Moments(
    conversation_at=1_764_000_000.0, spoke_from=0.5, spoke_until=2.0, begun_early=(1.0, 2.03), begun=2.03,
    committed=2.26, transcript=2.3, first_sentence=2.5, first_audio=2.6, first_byte=2.6, heard_until=6.0,
    holds=((3.0, 4.0),), cancelled=None,
)  # fmt: skip
INTERRUPTED = dataclasses.replace(ANSWERED, holds=((3.0, 4.0), (5.0, 5.6)), heard_until=5.2, cancelled=5.6)


def turn(moments: Moments, number: int = 1, later: float = 0.0) -> TurnMetrics:
    """A turn whose moments are so much later in the conversation."""

    def shifted(value):
        return tuple(map(shifted, value)) if isinstance(value, tuple) else None if value is None else value + later

    changed = {field.name: shifted(getattr(moments, field.name)) for field in dataclasses.fields(Moments)}
    cancelled = moments.cancelled is not None
    return TurnMetrics(
        number, 260.0, 270.0, 200.0, 100.0, 1.0, None if moments.first_byte is None else 600.0, 2_400.0, cancelled,
        1_400.0 if cancelled else None, len(moments.holds) - cancelled, 0.9, 2, True,
        moments=Moments(**{**changed, "conversation_at": moments.conversation_at}),
    )  # fmt: skip


@pytest.fixture
def written(tmp_path):
    """written(*turns) → the metrics file with them."""

    def write(*turns: TurnMetrics) -> Path:
        file = MetricsFile(tmp_path / "turns.jsonl")
        for each in turns:
            file.write(each)
        file.close()
        return tmp_path / "turns.jsonl"

    return write


def colours(picture: Path) -> set[str]:
    from matplotlib import image

    pixels = (image.imread(picture)[:, :, :3] * 255).round().astype(int)
    return {"#{:02X}{:02X}{:02X}".format(*colour) for colour in np.unique(pixels.reshape(-1, 3), axis=0)}


def test_a_file_becomes_a_table_a_picture_and_one_json_line(written, tmp_path):
    file = written(turn(ANSWERED), turn(INTERRUPTED, 2, 10.0))
    picture = tmp_path / "made" / "turn.png"
    command = [sys.executable, str(ROOT / "benchmarks" / "timeline.py"), str(file), "-o", str(picture)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    *lines, told, last = ran.stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["1", "2"]
    assert [line.split()[-1] for line in lines[2:]] == ["answered", "interrupted"]
    assert told == f"picture: {picture}"
    figures = json.loads(last)
    assert {name: figures[name] for name in ("turns", "early_begins", "false_interruptions", "interruptions")} == {
        "turns": 2, "early_begins": 4, "false_interruptions": 2, "interruptions": 1,
    }  # fmt: skip
    assert (figures["you_s"], figures["heard_s"]) == (3.0, 3.8)
    assert figures["voice_to_voice_ms"]["median"] == 600.0
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("count", "held"), [(1, False), (1, True), (10, True)])
def test_everything_that_happened_has_its_colour(tmp_path, count, held):
    moments = ANSWERED if held else dataclasses.replace(ANSWERED, holds=())
    turns = [turn(moments, number, 10.0 * number) for number in range(1, count + 1)]
    draw([TimedTurn(each, each.moments) for each in turns], tmp_path / "turn.png")
    found = colours(tmp_path / "turn.png")
    assert {YOU, ASSISTANT, *STAGES.values()} <= {colour.upper() for colour in found}
    assert HELD in found  # in the legend at least
    assert (tmp_path / "turn.png").stat().st_size < 150_000


@pytest.mark.parametrize("last", ["committed", "transcript", "first_sentence", "first_audio"])
def test_a_turn_that_did_not_come_far_is_drawn_as_far_as_it_came(tmp_path, last):
    order = ["transcript", "first_sentence", "first_audio", "first_byte", "heard_until"]
    missing = order[order.index(last) + 1 :] if last in order else order
    moments = dataclasses.replace(ANSWERED, holds=(), spoke_from=None, **dict.fromkeys(missing))
    timed = TimedTurn(turn(moments), moments)
    assert len(timed.stages()) == 4 - len(set(missing) & {"transcript", "first_sentence", "first_audio"})
    assert (timed.heard(), timed.spoke_s) == ([], None)
    draw([timed], tmp_path / "turn.png")
    assert "unanswered" in report([timed])


@pytest.mark.parametrize(
    ("changes", "spans"),
    [
        ({"holds": ()}, [(2.6, 6.0)]),
        ({}, [(2.6, 3.0), (4.0, 6.0)]),
        ({"holds": ((3.0, 4.0), (5.0, 5.5))}, [(2.6, 3.0), (4.0, 5.0), (5.5, 6.0)]),
        ({"holds": ((3.0, 4.0), (5.0, 5.6)), "heard_until": 5.2, "cancelled": 5.6}, [(2.6, 3.0), (4.0, 5.0)]),
        ({"heard_until": 4.9, "cancelled": 4.7}, [(2.6, 3.0), (4.0, 4.9)]),  # hung up
        ({"holds": (), "heard_until": 3.2, "cancelled": 3.0}, [(2.6, 3.2)]),
        ({"holds": (), "first_byte": None}, []),
    ],
)
def test_when_the_reply_was_heard(changes, spans):
    moments = dataclasses.replace(ANSWERED, **changes)
    assert TimedTurn(turn(moments), moments).heard() == spans


def test_conversations_are_told_apart_and_turns_are_in_order(written):
    other = dataclasses.replace(ANSWERED, conversation_at=1_763_000_000.0)
    found = read(written(turn(ANSWERED, 2, 20.0), turn(other), turn(ANSWERED)))
    assert [[each.metrics.turn for each in turns] for turns in found] == [[1], [1, 2]]
    assert chosen(found, None) == found[1]
    assert chosen(found, 1) == found[0]
    assert found[1][0].moments == ANSWERED


@pytest.mark.parametrize("number", [0, -1, 3])
def test_a_conversation_that_is_not_there(written, number):
    with pytest.raises(TimelineError, match=f"no conversation {number}, only 1 to 1"):
        chosen(read(written(turn(ANSWERED))), number)


def test_what_a_newer_server_adds_is_no_matter(written):
    file = written(turn(ANSWERED))
    file.write_text(file.read_text().replace('"turn": 1', '"turn": 1, "mood": 3').replace('"begun"', '"x": 1, "begun"'))
    assert len(read(file)) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"turn": 1, "commit_ms": 258.5}', "line 1: it does not say when things happened; an older server wrote it"),
        ("\nnonsense", "line 2: this is no turn of a metrics file"),
        ("[1]", "line 1: this is no turn of a metrics file"),
        ('{"turn": 1, "moments": {"begun": 1}}', "line 1: the turn is not complete"),
        ("", "the file has no turns"),
    ],
)
def test_what_can_t_be_drawn_is_one_line(tmp_path, capsys, text, line):
    file = tmp_path / "old.jsonl"
    file.write_text(text)
    assert main([str(file), "-o", str(tmp_path / "turn.png")]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("timeline.py: error: ")
    assert line in output.err
    assert output.err.count("\n") == 1
    assert not (tmp_path / "turn.png").exists()


def test_a_file_that_is_not_there_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none.jsonl")]) == 1
    assert "No such file" in capsys.readouterr().err
