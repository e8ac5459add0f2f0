"""Tables and figures of the benchmarks."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report import machine, print_json, summary, summary_table, table


def test_a_summary_is_the_median_and_how_far_it_strays():
    assert summary([]) == {}
    assert summary([3.0]) == {"median": 3.0, "p95": 3.0, "min": 3.0, "max": 3.0}
    assert summary(list(range(101))) == {"median": 50.0, "p95": 95.0, "min": 0.0, "max": 100.0}


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_the_figures_of_a_summary_are_in_order(values):
    figures = summary(values)
    assert figures["min"] <= figures["median"] <= figures["p95"] <= figures["max"]


def test_columns_stand_in_line():
    assert table([["", "a"], ["long name", "1"], ["b", "1,000"]]).splitlines() == [
        "               a",
        "----------------",
        "long name      1",
        "b          1,000",
    ]
    lines = summary_table("ms", {"STT": summary([1.0, 3.0]), "LM": {}}).splitlines()
    assert lines[0].split() == ["ms", "median", "p95", "min", "max"]
    assert lines[2].split() == ["STT", "2.0", "2.9", "1.0", "3.0"]
    assert lines[3].split() == ["LM", "-", "-", "-", "-"]


def test_the_last_line_is_one_json_object(capsys):
    print_json({"benchmark": "x", **machine()})
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["benchmark"] == "x"
