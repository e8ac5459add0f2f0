"""The figures of `benchmarks.gpu` for people: a table for each part, what they add up to, a plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cells import Outcome
from benchmarks.report import plots, table

WINDOW_MS = 341.0
"""The silence window: from the last audible sample to the end of the turn, as `benchmarks.latency` measured it."""

BEGUN_MS = 110.0
"""From the last audible sample to an attempt that is begun before the turn is over: silero hears a voice 80 ms after
its end, and one silent frame more has 32 ms."""

STAGES = (("whisper", "short_ms"), ("lm", "first_clause_ms"), ("parler", "first_audio_ms"))


def tables(outcomes: Sequence[Outcome]) -> str:
    """One for each part; then the cells that were not measured, and why."""
    parts: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.figures is not None:
            parts.setdefault(str(outcome.cell.arguments["part"]), []).append(outcome)
    shown = [_table(part, measured) for part, measured in parts.items()]
    missing = [f"not measured: {outcome.cell.name}: {outcome.why_not}" for outcome in outcomes if outcome.why_not]
    return "\n\n".join([*shown, *(["\n".join(missing)] if missing else [])])


def projected(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Voice to voice in milliseconds, from the quickest of each stage; empty where a stage was not measured."""
    quickest = [min(_figures(outcomes, part, figure), default=None) for part, figure in STAGES]
    if any(stage is None for stage in quickest):
        return {}
    stages = sum(stage for stage in quickest if stage is not None)
    return {
        "begun at the turn's end": round(WINDOW_MS + stages, 1),
        "begun before": round(max(WINDOW_MS, BEGUN_MS + stages), 1),
    }


def draw(outcomes: Sequence[Outcome], card: str, file: Path) -> None:
    """The time to first output of each stage, and how far each voice is from real time."""
    bars = [
        (outcome.cell.name, float(outcome.figures[figure]))
        for part, figure in STAGES
        for outcome in _measured(outcomes, part)
        if outcome.figures and outcome.figures.get(figure) is not None
    ]
    voices = [
        (outcome.cell.name, float(outcome.figures["real_time_factor"]))
        for outcome in _measured(outcomes, "parler")
        if outcome.figures
    ]
    with plots(file, 9, [1 + 0.3 * len(bars), 1 + 0.3 * len(voices)]) as (first, factors):
        for axes, values, label in (
            (first, bars, "ms to the first output (STT: of 3 s; LM: first clause; TTS: first audio)"),
            (factors, voices, "real-time factor of the voice (1 is as fast as it is heard)"),
        ):
            axes.barh([name for name, _ in values], [value for _, value in values])
            axes.invert_yaxis()
            axes.set(xlabel=label)
            axes.grid(True, axis="x", alpha=0.3)
        factors.axvline(1.0, color="C3")
        first.set(title=card)


def _measured(outcomes: Sequence[Outcome], part: str) -> Iterator[Outcome]:
    return (outcome for outcome in outcomes if outcome.figures and outcome.cell.arguments["part"] == part)


def _figures(outcomes: Sequence[Outcome], part: str, figure: str) -> Iterator[float]:
    for outcome in _measured(outcomes, part):
        if outcome.figures and outcome.figures.get(figure) is not None:
            yield float(outcome.figures[figure])


def _table(part: str, measured: Sequence[Outcome]) -> str:
    columns = list(dict.fromkeys(name for outcome in measured for name in outcome.figures or {}))
    rows = [[part, *(column.replace("_", " ") for column in columns)]]
    for outcome in measured:
        name = outcome.cell.name.partition(" ")[2]
        rows.append([name, *(_cell((outcome.figures or {}).get(column)) for column in columns)])
    return table(rows)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
