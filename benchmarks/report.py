"""What every benchmark prints: a table for people, then one JSON line for programs."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and extremes, rounded to a tenth; empty where there are no values."""
    if not values:
        return {}
    figures = {
        "median": np.median(values), "p95": np.percentile(values, 95), "min": np.min(values), "max": np.max(values)
    }  # fmt: skip
    return {name: round(float(figure), 1) for name, figure in figures.items()}


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows, the first of them the heading, in columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def summary_table(heading: str, figures: Mapping[str, Mapping[str, float]]) -> str:
    """One row for each name, with the columns of `summary`."""
    columns = ("median", "p95", "min", "max")
    rows = [[heading, *columns]]
    for name, figure in figures.items():
        rows.append([name, *(f"{figure[column]:,.1f}" if figure else "-" for column in columns)])
    return table(rows)


@contextlib.contextmanager
def plot(file: Path, width: float = 8, height: float = 5) -> Iterator[Any]:
    """Axes of width × height inches to draw on, then a PNG; its folder is made."""
    with plots(file, width, [height]) as (axes,):
        yield axes


@contextlib.contextmanager
def plots(file: Path, width: float, heights: Sequence[float]) -> Iterator[Sequence[Any]]:
    """The same with several axes, one below the other, each of its own height."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        len(heights), figsize=(width, sum(heights)), height_ratios=heights, layout="constrained", squeeze=False
    )
    yield axes[:, 0]
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)
    pyplot.close(figure)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}


def print_json(figures: Mapping[str, Any]) -> None:
    """The last line."""
    print(json.dumps(figures), flush=True)
