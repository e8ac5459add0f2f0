"""The Grafana dashboard: it can be imported, and asks for nothing that the server does not export."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from utils.metrics.prometheus import ExportedMetrics

DASHBOARD = json.loads((Path(__file__).resolve().parent.parent / "dashboards" / "speech_to_speech.json").read_text())
PANELS = DASHBOARD["panels"]
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
QUERIES = [target["expr"] for _, target in TARGETS]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
SCRAPED = {"instance", "job"}  # labels that Prometheus itself gives
FIGURES = {  # what has to be seen, and in how many ways
    "s2s_voice_to_voice_seconds_bucket": {"0.5", "0.95"},
    "s2s_stage_seconds_bucket": {"0.5", "0.95"},
    "s2s_silence_window_seconds_bucket": {"0.5", "0.95"},
    "s2s_turns_total": set(),
    "s2s_false_interruptions_total": set(),
    "s2s_speculation_hits_total": set(),
    "s2s_underruns_total": set(),
    "s2s_conversations": set(),
}


def exported() -> dict[str, set[str]]:
    """Name of a series → its labels."""
    found: dict[str, set[str]] = {}
    for family in parse(ExportedMetrics().text()[0].decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_every_series_that_it_asks_for_is_exported_with_the_labels_that_it_names(query):
    known = exported()
    names = re.findall(r"\b(s2s_\w+)", query)
    assert names
    assert set(names) <= set(known)
    labels = set(re.findall(r"(\w+)=~?\"", query))
    for grouped in re.findall(r"by \(([^)]*)\)", query):
        labels |= {label.strip() for label in grouped.split(",")}
    assert labels <= SCRAPED.union(*(known[name] for name in names))
    assert query.count("(") == query.count(")")
    assert all(set(re.findall(r"\$(\w+)", query)) <= {*VARIABLES, "__range"} for query in QUERIES)


def test_what_a_legend_names_is_a_label_of_its_query():
    known = exported()
    for _, target in TARGETS:
        labels = SCRAPED.union(*(known[name] for name in re.findall(r"\b(s2s_\w+)", target["expr"])))
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= labels


@pytest.mark.parametrize(("name", "quantiles"), FIGURES.items())
def test_what_matters_is_seen(name, quantiles):
    asked = [query for query in QUERIES if re.search(rf"\b{name}\b", query)]
    assert asked
    assert quantiles <= {found for query in asked for found in re.findall(r"histogram_quantile\(([\d.]+)", query)}


def test_the_data_source_is_chosen_when_it_is_imported():
    assert (VARIABLES["datasource"]["type"], VARIABLES["datasource"]["query"]) == ("datasource", "prometheus")
    assert "s2s_conversations" in VARIABLES["instance"]["definition"]
    sources = [panel["datasource"] for panel in PANELS] + [target["datasource"] for _, target in TARGETS]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


def test_panels_have_numbers_and_places_of_their_own():
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        assert panel["title"]
        assert panel["description"]


def test_times_are_shown_as_times():
    for panel in PANELS:
        if any("_seconds_bucket" in target["expr"] for target in panel["targets"]):
            assert panel["fieldConfig"]["defaults"]["unit"] == "s", panel["title"]
