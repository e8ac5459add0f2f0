"""The simulation of many people on one card, small."""

from __future__ import annotations

import json

import pytest

from benchmarks.scheduler_simulation import TABLE, figures, main, most_without_gaps
from benchmarks.simulated_streams import read_card
from utils.engines.demands import Order


def test_it_prints_tables_and_figures(capsys, tmp_path):
    plot = tmp_path / "made" / "streams.png"
    main(["--streams", "1", "8", "--seconds", "5", "--plot", str(plot)])
    assert plot.read_bytes().startswith(b"\x89PNG")
    lines = capsys.readouterr().out.splitlines()
    result = json.loads(lines[-1])
    assert result["most_without_gaps"] == {"latest-start": 8, "first-come": 1}
    latest, first_come = (result["orders"][order.value]["8"] for order in Order)
    assert latest["gap_p95_ms"] == 0 < first_come["gap_p95_ms"]
    assert latest["first_sound_p95_ms"] < first_come["first_sound_p95_ms"]
    assert sum(line.startswith("people") for line in lines) == 2


def test_the_same_people_come_again():
    card = read_card(TABLE)
    assert figures(card, 3, Order.LATEST_START, 5.0, 7) == figures(card, 3, Order.LATEST_START, 5.0, 7)


def test_another_card(tmp_path):
    """One that is ten times as slow serves nobody in time; nobody else should be let in."""
    table = json.loads(TABLE.read_text())
    for step in table["steps"].values():
        step["ms"], step["more_ms"] = 10 * step["ms"], 10 * step["more_ms"]
    file = tmp_path / "slow.json"
    file.write_text(json.dumps(table))
    row = figures(read_card(file), 2, Order.LATEST_START, 5.0, 1)
    assert row["gap_p95_ms"] is None or row["gap_p95_ms"] > 0
    assert row["first_sound_ms"] > 1_000
    assert not row["admits"]


@pytest.mark.parametrize(
    ("gaps", "most"),
    [({1: 0.0, 2: 0.0, 4: 0.1, 8: 0.0}, 2), ({1: 5.0}, 0), ({4: 0.0, 2: 0.0, 8: None}, 4)],
)
def test_most_without_gaps(gaps, most):
    assert most_without_gaps({people: {"gap_p95_ms": gap} for people, gap in gaps.items()}) == most
