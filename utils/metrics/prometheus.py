"""The figures of all turns as Prometheus metrics: histograms in seconds, counters and gauges.

Nothing here says who spoke or what was said. The only labels are a stage, an outcome and versions of programs.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib import metadata

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from utils.metrics.figures import OUTCOMES, TurnMetrics

# Times that a person waits. People answer each other after 0.2 s, and wonder what is wrong after 1.5 s. Between these
# no bucket is wider than a fifth of its upper bound: a median read from the buckets is off by a fifth at most.
WAITS_S = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
# Times between two threads. On an idle machine that is half a millisecond.
HAND_OVERS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
# How long a reply is: from "Yes." to a story.
REPLIES_S = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 60.0, 120.0)

HISTOGRAMS: Mapping[str, tuple[str, str, tuple[float, ...]]] = {
    "voice_to_voice_ms": ("s2s_voice_to_voice", "Last voiced sample of the user to first byte of the reply.", WAITS_S),
    "commit_ms": ("s2s_silence_window", "Last voiced sample of the user to the turn being over.", WAITS_S),
    "begun_ms": (
        "s2s_begun",
        "Last voiced sample of the user to the begin of the attempt that became the reply.",
        WAITS_S,
    ),
    "between_stages_ms": (
        "s2s_between_stages",
        "The part of voice to voice that passed between the stages.",
        HAND_OVERS_S,
    ),
    "reply_audio_ms": ("s2s_reply_audio", "Audio sent of a reply.", REPLIES_S),
    "interrupted_at_ms": ("s2s_interrupted_at", "Audio heard of a reply that was interrupted.", REPLIES_S),
}  # field of TurnMetrics → name without its unit, what it says, buckets
STAGES: Mapping[str, str] = {
    "stt_ms": "stt",
    "lm_first_sentence_ms": "lm_first_sentence",
    "tts_first_audio_ms": "tts_first_audio",
}  # field of TurnMetrics → label
COUNTERS: Mapping[str, tuple[str, str]] = {
    "false_interruptions": ("s2s_false_interruptions", "Pauses of a reply for a sound that was no interruption."),
    "speculative_attempts": ("s2s_speculative_attempts", "Attempts begun in a pause, before the turn was over."),
    "speculation_hit": ("s2s_speculation_hits", "Turns answered by an attempt that was begun in a pause."),
    "underruns": ("s2s_underruns", "Gaps in replies: everything was heard before more was ready."),
}  # field of TurnMetrics → name, what it says
LIBRARIES = ("torch", "transformers", "onnxruntime")


class ExportedMetrics:
    """Takes turns, and writes them as a scraper reads them. It has a registry of its own, apart from other libraries.

    build: what `s2s_build_info` tells besides versions, such as the chosen backends.
    """

    def __init__(self, build: Mapping[str, str] | None = None) -> None:
        disable_created_metrics()  # else each series gets a second one that says when it began: nothing needs that
        self.registry = registry = CollectorRegistry()
        self._histograms = {
            field: Histogram(name, text, unit="seconds", buckets=buckets, registry=registry)
            for field, (name, text, buckets) in HISTOGRAMS.items()
        }
        stages = Histogram(
            "s2s_stage", "From the input of a stage to its first output.", ["stage"],
            unit="seconds", buckets=WAITS_S, registry=registry,
        )  # fmt: skip
        self._histograms |= {field: stages.labels(label) for field, label in STAGES.items()}
        self._counters = {field: Counter(name, text, registry=registry) for field, (name, text) in COUNTERS.items()}
        turns = Counter("s2s_turns", "Turns that are over, by how they ended.", ["outcome"], registry=registry)
        self._turns = {outcome: turns.labels(outcome) for outcome in OUTCOMES}
        self._conversations = Gauge("s2s_conversations", "Conversations in progress.", registry=registry)
        Info("s2s_build", "Backends and versions of the server.", registry=registry).info(
            {**versions(), **(build or {})}
        )

    def watch_conversations(self, count: Callable[[], int]) -> None:
        """Ask `count` at each scrape for the number of conversations in progress."""
        self._conversations.set_function(lambda: float(count()))

    def write(self, metrics: TurnMetrics) -> None:
        self._turns[metrics.outcome].inc()
        for field, histogram in self._histograms.items():
            if (milliseconds := getattr(metrics, field)) is not None:
                histogram.observe(milliseconds / 1_000)
        for field, counter in self._counters.items():
            counter.inc(getattr(metrics, field))

    def close(self) -> None:
        """Nothing has to be closed."""

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """(all metrics, their content type). accept: the request's header, which may ask for OpenMetrics."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


def versions() -> dict[str, str]:
    """The versions of Python and of the installed libraries that models run on. Imports none of them."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found
