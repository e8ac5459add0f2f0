"""What Prometheus reads: names, units, buckets, and that a turn's figures get there; nothing of what was said."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from utils.metrics.figures import OUTCOMES, TurnMetrics
from utils.metrics.prometheus import COUNTERS, HISTOGRAMS, STAGES, WAITS_S, ExportedMetrics, versions

TURN = TurnMetrics(
    turn=1, commit_ms=258.0, stt_ms=210.0, lm_first_sentence_ms=245.0, tts_first_audio_ms=81.0, between_stages_ms=0.6,
    voice_to_voice_ms=649.0, reply_audio_ms=1_930.0, interrupted=False, interrupted_at_ms=None, false_interruptions=2,
    end_of_turn_score=0.97, speculative_attempts=3, speculation_hit=True, underruns=1, begun_ms=32.0,
)  # fmt: skip


def samples(exported: ExportedMetrics) -> dict[tuple[str, tuple], float]:
    """(name, labels) → value, as a scraper reads them."""
    text, content_type = exported.text()
    assert content_type.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text.decode())
        for sample in family.samples
    }


def test_a_turn_is_counted_and_its_times_are_in_seconds():
    exported = ExportedMetrics()
    exported.write(TURN)
    found = samples(exported)
    sums = {name: value for (name, labels), value in found.items() if name.endswith("_sum") and not labels}
    assert sums == pytest.approx({
        "s2s_voice_to_voice_seconds_sum": 0.649, "s2s_silence_window_seconds_sum": 0.258,
        "s2s_begun_seconds_sum": 0.032, "s2s_between_stages_seconds_sum": 0.0006,
        "s2s_reply_audio_seconds_sum": 1.93, "s2s_interrupted_at_seconds_sum": 0.0,
    })  # fmt: skip
    stages = {labels: value for (name, labels), value in found.items() if name == "s2s_stage_seconds_sum"}
    assert stages == pytest.approx({
        (("stage", "stt"),): 0.21, (("stage", "lm_first_sentence"),): 0.245, (("stage", "tts_first_audio"),): 0.081
    })  # fmt: skip
    assert found["s2s_interrupted_at_seconds_count", ()] == 0  # there was no interruption
    assert found["s2s_false_interruptions_total", ()] == 2
    assert found["s2s_speculative_attempts_total", ()] == 3
    assert found["s2s_speculation_hits_total", ()] == 1
    assert found["s2s_underruns_total", ()] == 1
    assert found["s2s_voice_to_voice_seconds_bucket", (("le", "0.6"),)] == 0
    assert found["s2s_voice_to_voice_seconds_bucket", (("le", "0.7"),)] == 1


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "answered"),
        ({"interrupted": True, "interrupted_at_ms": 700.0}, "interrupted"),
        ({"failed": True}, "failed"),
        ({"failed": True, "interrupted": True}, "failed"),
        ({"voice_to_voice_ms": None}, "unanswered"),
    ],
)
def test_every_outcome_is_there_from_the_start_and_the_turns_is_counted(changes, outcome):
    exported = ExportedMetrics()
    exported.write(dataclasses.replace(TURN, **changes))
    counted = {name: samples(exported)["s2s_turns_total", (("outcome", name),)] for name in OUTCOMES}
    assert counted == {name: float(name == outcome) for name in OUTCOMES}


TIMES = st.none() | st.floats(0, 1e5)
TURNS = st.builds(
    TurnMetrics, st.integers(1), *[TIMES] * 6, st.floats(0, 1e6), st.booleans(), TIMES, st.integers(0, 9), TIMES,
    st.integers(0, 9), st.booleans(), st.integers(0, 9), TIMES, st.booleans(),
)  # fmt: skip


@given(st.lists(TURNS, max_size=5))
def test_counters_and_sums_are_those_of_the_turns(turns):
    exported = ExportedMetrics()
    for turn in turns:
        exported.write(turn)
    found = samples(exported)
    assert sum(value for (name, _), value in found.items() if name == "s2s_turns_total") == len(turns)
    for field, (name, _) in COUNTERS.items():
        assert found[f"{name}_total", ()] == sum(getattr(turn, field) for turn in turns)
    series = {field: (name, ()) for field, (name, *_) in HISTOGRAMS.items()}
    series |= {field: ("s2s_stage", (("stage", label),)) for field, label in STAGES.items()}
    for field, (name, labels) in series.items():
        values = [value / 1_000 for turn in turns if (value := getattr(turn, field)) is not None]
        assert found[f"{name}_seconds_count", labels] == len(values)
        assert found[f"{name}_seconds_sum", labels] == pytest.approx(sum(values))


def test_every_time_of_a_turn_is_exported():
    times = {field.name for field in dataclasses.fields(TurnMetrics) if field.name.endswith("_ms")}
    assert times == {*HISTOGRAMS, *STAGES}


def test_between_what_people_expect_and_what_they_wonder_at_a_bucket_is_a_fifth_at_most():
    bounds = [bound for bound in WAITS_S if 0.2 <= bound <= 1.5]
    widths = [(upper - lower) / upper for lower, upper in itertools.pairwise(bounds)]
    assert max(widths) <= 0.2 + 1e-9
    assert sorted(WAITS_S) == list(WAITS_S)


def test_how_many_talk_is_asked_at_each_scrape():
    exported, talking = ExportedMetrics(), [1, 2, 3]
    exported.watch_conversations(lambda: len(talking))
    assert samples(exported)["s2s_conversations", ()] == 3
    talking.clear()
    assert samples(exported)["s2s_conversations", ()] == 0


def test_what_runs_is_told():
    exported = ExportedMetrics({"tts": "piper"})
    (labels,) = [labels for name, labels in samples(exported) if name == "s2s_build_info"]
    assert dict(labels) == {**versions(), "tts": "piper"}
    assert {"python", "torch"} <= set(dict(labels))


def test_nothing_but_figures_leaves_the_machine():
    """Its registry is its own, nothing says when a series began, and labels have values that were known before."""
    exported = ExportedMetrics()
    exported.write(TURN)
    found = samples(exported)
    assert all(name.startswith("s2s_") and not name.endswith("_created") for name, _ in found)
    labels = {
        label: {dict(pairs)[label] for _, pairs in found if label in dict(pairs)} for label in ("stage", "outcome")
    }
    assert labels == {"stage": set(STAGES.values()), "outcome": set(OUTCOMES)}
    assert {label for name, pairs in found if name != "s2s_build_info" for label, _ in pairs} == {
        "le",
        "stage",
        "outcome",
    }
    assert not any(family.name.startswith("s2s_") for family in REGISTRY.collect())


def test_who_asks_for_openmetrics_gets_it():
    exported = ExportedMetrics()
    exported.write(TURN)
    text, content_type = exported.text("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text")
    families = {family.name: family for family in parse_openmetrics(text.decode())}
    assert families["s2s_voice_to_voice_seconds"].unit == "seconds"
