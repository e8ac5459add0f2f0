"""Tables and figures of the benchmarks."""

from __future__ import annotations

import json
import platform

from hypothesis import given
from hypothesis import strategies as st

from benchmarks import report
from benchmarks.report import has_avx512, machine, print_json, processor, summary, summary_table, table


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


def test_the_last_line_is_one_json_object_after_one_that_says_what_it_ran_on(capsys):
    print_json("x", {"figure": 1})
    ran_on, figures = capsys.readouterr().out.splitlines()
    assert json.loads(figures) == {"benchmark": "x", **machine(), "figure": 1}
    assert ran_on.startswith(f"on {processor()}, ")
    assert ("with AVX-512" if has_avx512() else "without AVX-512") in ran_on
    assert processor()


def test_the_processor_is_the_one_of_the_system(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: A Fast One @ 9 GHz\nflags\t\t: fpu avx2 avx512f\n")
    assert report.cpuinfo("model name", file) == "A Fast One @ 9 GHz"
    assert "avx512f" in report.cpuinfo("flags", file).split()
    assert report.cpuinfo("nothing", file) == report.cpuinfo("flags", tmp_path / "absent") == ""


def test_without_a_name_it_is_the_platforms(monkeypatch):
    monkeypatch.setattr(report, "cpuinfo", lambda field: "")
    monkeypatch.setattr(report.sys, "platform", "linux")
    monkeypatch.setattr(platform, "processor", lambda: "x86 of some kind")
    assert processor() == "x86 of some kind"
    assert not has_avx512()
