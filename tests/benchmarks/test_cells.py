"""Cells: what takes too long or crashes costs its own cell and no other."""

from __future__ import annotations

import multiprocessing
import os
import threading

import pytest

from benchmarks.cells import Cell, Cells

LOADED: list[str] = []


def measure(arguments):
    """Runs in the worker."""
    LOADED.append(arguments["do"])
    if arguments["do"] == "hang":
        threading.Event().wait()
    if arguments["do"] == "crash":
        os._exit(7)
    if arguments["do"] == "raise":
        raise ValueError("a message\nof two lines")
    return {"process": os.getpid(), "seen": list(LOADED)}


@pytest.fixture
def cells():
    with Cells(measure, limit_s=60) as made:
        yield made


def test_cells_share_a_process_and_what_it_has_loaded(cells):
    first, second = (cells.run(Cell(name, {"do": name})) for name in ("one", "two"))
    assert first.figures["process"] == second.figures["process"] != os.getpid()
    assert second.figures["seen"] == ["one", "two"]
    assert first.why_not == second.why_not == ""


def test_a_cell_that_raises_says_why_in_one_line_and_the_process_goes_on(cells):
    raised, after = (cells.run(Cell(name, {"do": name})) for name in ("raise", "after"))
    assert raised.figures is None
    assert raised.why_not == "ValueError: a message of two lines"
    assert after.figures["seen"] == ["raise", "after"]


@pytest.mark.parametrize(("do", "limit", "why"), [("hang", 0.2, "took longer than 0 s"), ("crash", 60, "with 7")])
def test_a_cell_that_hangs_or_crashes_costs_itself_alone(cells, do, limit, why):
    lost = cells.run(Cell(do, {"do": do}), limit_s=limit)
    assert lost.figures is None
    assert lost.why_not.endswith(why)
    assert cells.run(Cell("after", {"do": "after"})).figures["seen"] == ["after"]


def test_no_process_is_left_behind():
    with Cells(measure, limit_s=60) as cells:
        cells.run(Cell("one", {"do": "one"}))
    assert multiprocessing.active_children() == []
