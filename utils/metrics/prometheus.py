"""The figures of all turns as Prometheus metrics: histograms in seconds, counters, and how many talk just now.

Nothing here says who spoke or what was said: the labels are a stage, an outcome, and versions of programs.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib import metadata

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from utils.metrics.figures import OUTCOMES, TurnMetrics

# What a person waits for. People answer each other after 0.2 s, and wonder after 1.5: between these no bucket is wider
# than a fifth of its upper bound, so that a median or p95 read from them is that exact at least.
WAITS_S = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
# What passes between threads: half a millisecond on an idle machine.
HAND_OVERS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
# How long a reply is: from "Yes." to a story.
REPLIES_S = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 60.0, 120.0)

HISTOGRAMS: Mapping[str, tuple[str, str, tuple[float, ...]]] = {
    "voice_to_voice_ms": ("s2s_voice_to_voice", "Last voiced sample of the user to first byte of the reply.", WAITS_S),
    "commit_ms": ("s2s_silence_window", "Last voiced sample of the user to the turn being over.", WAITS_S),
    "begun_ms": ("s2s_begun", "Last voiced sample of the user to the begin of the attempt that was heard.", WAITS_S),
    "between_stages_ms": ("s2s_between_stages", "Of voice to voice, what passed between the stages.", HAND_OVERS_S),
    "reply_audio_ms": ("s2s_reply_audio", "Audio sent of a reply.", REPLIES_S),
    "interrupted_at_ms": ("s2s_interrupted_at", "Audio heard of a reply that was interrupted.", REPLIES_S),
}  # field of TurnMetrics → name without its unit, what it says, buckets
STAGES: Mapping[str, str] = {
    "stt_ms": "stt",
    "lm_first_sentence_ms": "lm_first_sentence",
    "tts_first_audio_ms": "tts_first_audio",
}  # field of TurnMetrics → label
COUNTERS: Mapping[str, tuple[str, str]] = {
    "false_interruptions": ("s2s_false_interruptions", "Holds of a reply for a sound that turned out to be nothing."),
    "speculative_attempts": ("s2s_speculative_attempts", "Attempts begun in a pause, before the turn was over."),
    "speculation_hit": ("s2s_speculation_hits", "Turns answered by one of these attempts."),
    "underruns": ("s2s_underruns", "Gaps in replies: all was heard before more was there."),
}  # field of TurnMetrics → name, what it says
LIBRARIES = ("torch", "transformers", "onnxruntime")


class ExportedMetrics:
    """A sink of turns, and what a scraper reads. Its registry is its own: nothing else in the process gets into it.

    build: what else than versions is told of the program, such as the backends chosen.
    """

    def __init__(self, build: Mapping[str, str] | None = None) -> None:
        disable_created_metrics()  # when a series began is a series more for each of them, of no use here
        self.registry = registry = CollectorRegistry()
        self._histograms = {
            field: Histogram(name, text, unit="seconds", buckets=buckets, registry=registry)
            for field, (name, text, buckets) in HISTOGRAMS.items()
        }
        stages = Histogram(
            "s2s_stage", "What a stage is given to its first output.", ["stage"],
            unit="seconds", buckets=WAITS_S, registry=registry,
        )  # fmt: skip
        self._histograms |= {field: stages.labels(label) for field, label in STAGES.items()}
        self._counters = {field: Counter(name, text, registry=registry) for field, (name, text) in COUNTERS.items()}
        turns = Counter("s2s_turns", "Turns that are over, by what became of them.", ["outcome"], registry=registry)
        self._turns = {outcome: turns.labels(outcome) for outcome in OUTCOMES}
        self._conversations = Gauge("s2s_conversations", "Conversations in progress.", registry=registry)
        Info("s2s_build", "What runs here.", registry=registry).info({**versions(), **(build or {})})

    def watch_conversations(self, count: Callable[[], int]) -> None:
        """Have `count`, asked at each scrape, say how many there are."""
        self._conversations.set_function(lambda: float(count()))

    def write(self, metrics: TurnMetrics) -> None:
        self._turns[metrics.outcome].inc()
        for field, histogram in self._histograms.items():
            if (milliseconds := getattr(metrics, field)) is not None:
                histogram.observe(milliseconds / 1_000)
        for field, counter in self._counters.items():
            counter.inc(getattr(metrics, field))

    def close(self) -> None:
        """Nothing is open."""

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """(all metrics, their content type): in OpenMetrics where `accept`, the request's header, asks for that."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


def versions() -> dict[str, str]:
    """Of Python and of the libraries that models run on, which are not imported for it; where they are installed."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found
