"""What every benchmark prints: a table for people, then one JSON line for programs."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
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
    """What the figures were taken on: those of one processor say little of another."""
    return {
        "processor": processor(),
        "avx512": has_avx512(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def processor() -> str:
    """Its name, as the system gives it."""
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or platform.processor()
    return cpuinfo("model name") or platform.processor() or "unknown"


def has_avx512() -> bool:
    """Whether it has AVX-512's foundation. False where the system does not say."""
    return "avx512f" in cpuinfo("flags").split()


def cpuinfo(field: str, file: Path = Path("/proc/cpuinfo")) -> str:
    """This field of the first processor; empty where there is none, or no such file."""
    with contextlib.suppress(OSError):
        for line in file.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == field:
                return value.strip()
    return ""


def print_json(benchmark: str, figures: Mapping[str, Any]) -> None:
    """The end of every benchmark: a line that says on what it ran, then all figures as one JSON object."""
    ran_on = machine()
    with_avx512 = "with AVX-512" if ran_on["avx512"] else "without AVX-512"
    print(f"on {ran_on['processor']}, {ran_on['cpus']} CPUs, {with_avx512}, Python {ran_on['python']}")
    print(json.dumps({"benchmark": benchmark, **ran_on, **figures}), flush=True)
