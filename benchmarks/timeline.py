"""A picture of a conversation: who spoke when, and where the time went until each answer was heard.

python -m benchmarks.timeline turns.jsonl [-o out/timeline.png] [--conversation N] [--turns 10]

turns.jsonl is what a server wrote with --metrics_file turns.jsonl. Of several conversations in it the last is drawn, or
the one whose number is given; of one that is long, its last turns. Prints a table, draws the picture and ends with one
JSON line. What the table says of each turn:

    you, s              from the user's first voiced sample to the last one
    window, STT …       milliseconds, see utils/metrics/figures.py; with speculation the stages run within the window
    voice to voice      last voiced sample of the user → first byte of the reply sent
    heard, s            of the reply
    early               attempts begun before the turn was over
    held                how often the reply was held for a sound that was nothing, and went on
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks.report import summary, table
from benchmarks.timeline_picture import TimedTurn, draw
from utils.metrics.figures import TurnMetrics
from utils.metrics.moments import Moments

PROGRAM = "timeline.py"
HEADING = ("turn", "you, s", "window", "STT", "LM", "TTS", "voice to voice", "heard, s", "early", "held", "ended")


class TimelineError(Exception):
    """There is nothing to draw; the message is one line for the user."""


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0, or 1 and one line on stderr where there is nothing to draw."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Draws a conversation from the server's metrics file.")
    parser.add_argument("file", type=Path, help="what the server wrote with --metrics_file")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/timeline.png"), help="the picture, a PNG")
    parser.add_argument("--conversation", type=int, help="its number in the file, from 1 on; otherwise the last one")
    parser.add_argument("--turns", type=int, default=10, help="draw so many at most, the last ones")
    options = parser.parse_args(argv)
    try:
        conversations = read(options.file)
        turns = chosen(conversations, options.conversation)[-max(1, options.turns) :]
        draw(turns, options.output)
    except (TimelineError, OSError) as error:
        print(f"{PROGRAM}: error: {error}", file=sys.stderr)
        return 1
    print(report(turns))
    print(f"picture: {options.output}")
    print(json.dumps(json_figures(turns, len(conversations))))
    return 0


def read(file: Path) -> list[list[TimedTurn]]:
    """The conversations of a metrics file, oldest first, with their turns in order. Raises TimelineError, OSError."""
    conversations: dict[float, list[TimedTurn]] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            turn = _turn(line, f"{file}, line {number}")
            conversations.setdefault(turn.moments.conversation_at, []).append(turn)
    return [sorted(conversations[began], key=lambda turn: turn.moments.spoke_until) for began in sorted(conversations)]


def chosen(conversations: Sequence[list[TimedTurn]], number: int | None) -> list[TimedTurn]:
    """The turns of one conversation, numbered from 1 on; None is the last. Raises TimelineError."""
    if not conversations:
        raise TimelineError("the file has no turns")
    if number is not None and not 1 <= number <= len(conversations):
        raise TimelineError(f"there is no conversation {number}, only 1 to {len(conversations)}")
    return conversations[-1 if number is None else number - 1]


def report(turns: Sequence[TimedTurn]) -> str:
    """The table, a row for each turn."""
    return table([HEADING, *map(_row, turns)])


def json_figures(turns: Sequence[TimedTurn], conversations: int) -> dict[str, Any]:
    """The same for programs, in sum."""
    waited = [turn.metrics.voice_to_voice_ms for turn in turns]
    return {
        "benchmark": "timeline",
        "conversations": conversations,
        "turns": len(turns),
        "voice_to_voice_ms": summary([value for value in waited if value is not None]),
        "you_s": round(sum(turn.spoke_s or 0.0 for turn in turns), 3),
        "heard_s": round(sum(turn.heard_s for turn in turns), 3),
        "early_begins": sum(len(turn.moments.begun_early) for turn in turns),
        "false_interruptions": sum(turn.metrics.false_interruptions for turn in turns),
        "interruptions": sum(turn.metrics.interrupted for turn in turns),
    }


def _turn(line: str, where: str) -> TimedTurn:
    try:
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError
    except ValueError:
        raise TimelineError(f"{where}: this is no turn of a metrics file") from None
    if not isinstance(found.get("moments"), dict):
        raise TimelineError(f"{where}: it does not say when things happened; an older server wrote it, record anew")
    try:
        moments = Moments(**{name: _frozen(value) for name, value in _known(found["moments"], Moments).items()})
        return TimedTurn(TurnMetrics(**{**_known(found, TurnMetrics), "moments": moments}), moments)
    except TypeError as error:
        raise TimelineError(f"{where}: the turn is not complete: {error}") from None


def _known(values: dict[str, Any], cls: type) -> dict[str, Any]:
    """Without what another version of the server may have added."""
    names = {field.name for field in dataclasses.fields(cls)}
    return {name: value for name, value in values.items() if name in names}


def _frozen(value: Any) -> Any:
    """Tuples where JSON has lists."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _row(turn: TimedTurn) -> list[str]:
    metrics = turn.metrics
    milliseconds = (
        metrics.commit_ms, metrics.stt_ms, metrics.lm_first_sentence_ms, metrics.tts_first_audio_ms,
        metrics.voice_to_voice_ms,
    )  # fmt: skip
    return [
        str(metrics.turn),
        "-" if turn.spoke_s is None else f"{turn.spoke_s:.1f}",
        *("-" if value is None else f"{value:,.0f}" for value in milliseconds),
        f"{turn.heard_s:.1f}",
        str(len(turn.moments.begun_early)),
        str(metrics.false_interruptions),
        metrics.outcome,
    ]


if __name__ == "__main__":
    sys.exit(main())
