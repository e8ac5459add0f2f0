"""Draws the turns of a conversation: above who spoke when, below where the time went until each answer was heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import plots
from utils.metrics.figures import TurnMetrics
from utils.metrics.moments import Moments

Span = tuple[float, float]  # from, to: seconds

# Colours that colour-blind people can tell apart.
YOU, ASSISTANT, HELD = "#4477AA", "#AA3377", "#E8CFDD"
STAGES: dict[str, str] = {"silence window": "#BBBBBB", "STT": "#66CCEE", "LM": "#DDAA33", "TTS": "#228833"}
LANES = ("you", "at work", "assistant")
WIDTH = 10.0  # inches
ROW = 0.62  # inches, of one turn below
BEFORE_S = 0.3  # of the user's last words, below
AFTER_S = 0.25  # of the reply, below


@dataclass(frozen=True)
class TimedTurn:
    """A turn of which it is known when things happened."""

    metrics: TurnMetrics
    moments: Moments

    @property
    def spoke_s(self) -> float | None:
        """How long the user spoke, pauses for thought included."""
        return None if self.moments.spoke_from is None else self.moments.spoke_until - self.moments.spoke_from

    @property
    def heard_s(self) -> float:
        """How much of the reply was heard."""
        metrics = self.metrics
        return (metrics.reply_audio_ms if metrics.interrupted_at_ms is None else metrics.interrupted_at_ms) / 1_000

    @property
    def spoke(self) -> Span:
        """When the user spoke; where the beginning is not known, only the end of it."""
        end = self.moments.spoke_until
        return (end if self.moments.spoke_from is None else self.moments.spoke_from), end

    def stages(self) -> dict[str, Span]:
        """When each ran, by its name in STAGES, as far as the turn came."""
        m = self.moments
        bounds = {
            "silence window": (m.spoke_until, m.committed),
            "STT": (m.begun, m.transcript),
            "LM": (m.transcript, m.first_sentence),
            "TTS": (m.first_sentence, m.first_audio),
        }
        return {name: (a, b) for name, (a, b) in bounds.items() if a is not None and b is not None}

    def heard(self) -> list[Span]:
        """When the reply was heard: without the times in which it was held."""
        start, end = self.moments.first_byte, self.moments.heard_until
        if start is None or end is None:
            return []
        spans = []
        for held_from, held_until in self.moments.holds:
            spans.append((start, held_from))
            start = held_until
        return [span for span in [*spans, (start, end)] if span[1] > span[0]]


def draw(turns: Sequence[TimedTurn], file: Path) -> None:
    """A PNG of at least one turn; its folder is made."""
    heights = [2.3, ROW * len(turns) + 0.9]
    with plots(file, WIDTH, heights) as (above, below):
        _conversation(above, turns)
        _waits(below, turns)
        above.figure.legend(handles=list(_legend()), loc="outside lower center", ncols=5, frameon=False, fontsize=9)


def _conversation(axes: Any, turns: Sequence[TimedTurn]) -> None:
    """Three lanes over the whole conversation."""
    you, work, assistant = range(len(LANES))
    for turn in turns:
        moments = turn.moments
        start, end = turn.spoke
        _bar(axes, you, turn.spoke, YOU)
        axes.text((start + end) / 2, you, str(turn.metrics.turn), color="w", ha="center", va="center", weight="bold")
        for name, span in turn.stages().items():
            _bar(axes, work, span, STAGES[name], 0.8 if name == "silence window" else 0.45)
        for span in moments.holds:
            _bar(axes, assistant, span, HELD, hatch="////", edgecolor=ASSISTANT)
        for span in turn.heard():
            _bar(axes, assistant, span, ASSISTANT)
        _early(axes, [(moment, you - 0.52) for moment in moments.begun_early])
        if moments.cancelled is not None:
            axes.plot(moments.cancelled, assistant, **_cancel())
    axes.set_yticks(range(len(LANES)), LANES)
    axes.set_ylim(len(LANES) - 0.4, -0.85)
    axes.use_sticky_edges = False  # the first bar does not touch the axis
    axes.margins(x=0.01)
    axes.set_xlabel("seconds since the conversation began")
    axes.set_title("Who spoke when", loc="left", weight="bold", fontsize=11)
    _plain(axes)


def _waits(axes: Any, turns: Sequence[TimedTurn]) -> None:
    """A row for each turn, on the clock that starts with the user's last sound."""
    ends = [moment for turn in turns for moment in _known_waits(turn)]
    right = max(ends, default=0.0) + AFTER_S
    for row, turn in enumerate(turns):
        zero = turn.moments.spoke_until
        _bar(axes, row, (-BEFORE_S, 0.0), YOU, 0.78)
        for step, (name, (start, end)) in enumerate(turn.stages().items()):
            _bar(axes, row - 0.3 + 0.2 * step, (start - zero, end - zero), STAGES[name], 0.18)
        _early(axes, [(m - zero, row - 0.1) for m in turn.moments.begun_early if m - zero > -BEFORE_S], size=5)
        if turn.moments.first_byte is None:
            axes.text(right, row, "no answer ", ha="right", va="center", fontsize=9)
            continue
        heard = turn.moments.first_byte - zero
        _bar(axes, row, (heard, right), ASSISTANT, 0.78)
        axes.text(
            heard,
            row,
            f" {turn.metrics.voice_to_voice_ms or 0.0:,.0f} ms",
            color="w",
            va="center",
            fontsize=9,
            weight="bold",
        )
    axes.set_yticks(range(len(turns)), [f"turn {turn.metrics.turn}" for turn in turns])
    axes.set_xlim(-BEFORE_S, right)
    axes.set_ylim(len(turns) - 0.5, -0.5)
    axes.set_xlabel("seconds after your last sound")
    axes.set_title("What passed until the answer was heard", loc="left", weight="bold", fontsize=11)
    axes.grid(True, axis="x", alpha=0.3)
    _plain(axes)


def _known_waits(turn: TimedTurn) -> Iterator[float]:
    """Seconds after the user's last sound at which something ended or began."""
    moments = turn.moments
    known = [moments.committed, moments.transcript, moments.first_sentence, moments.first_audio, moments.first_byte]
    return (moment - moments.spoke_until for moment in known if moment is not None)


def _bar(axes: Any, lane: float, span: Span, colour: str, height: float = 0.8, **style: Any) -> None:
    axes.barh(lane, span[1] - span[0], height, left=span[0], color=colour, **{"linewidth": 0.0, **style})


def _early(axes: Any, places: Sequence[tuple[float, float]], size: int = 6) -> None:
    for x, y in places:
        axes.plot(x, y, "v", color="k", markersize=size, clip_on=False)


def _cancel() -> dict[str, Any]:
    return {"marker": "X", "color": "k", "markersize": 9, "linestyle": "none"}


def _legend() -> Iterator[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    yield Patch(color=YOU, label="you speak")
    for name, colour in STAGES.items():
        yield Patch(color=colour, label={"LM": "LM, first words", "TTS": "TTS, first audio"}.get(name, name))
    yield Patch(color=ASSISTANT, label="the answer is heard")
    yield Patch(facecolor=HELD, edgecolor=ASSISTANT, hatch="////", linewidth=0, label="held for a sound")
    yield Line2D([], [], marker="v", color="k", linestyle="none", label="begun early")
    yield Line2D([], [], **_cancel(), label="interrupted")


def _plain(axes: Any) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
