"""Tables of what is measured, for docs/metrics.md: the fields of the metrics file, and what Prometheus reads."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Metric

from utils.metrics.figures import TurnMetrics
from utils.metrics.moments import Moments
from utils.metrics.prometheus import ExportedMetrics
from utils.readme.field_docs import field_docs, field_types

VALUES = {
    "bool": "true or false",
    "int": "number",
    "float": "number",
    "float | None": "number or null",
    "tuple[float, ...]": "list of numbers",
    "tuple[tuple[float, float], ...]": "list of pairs",
    "Moments | None": "object or null",
}  # type of a field → how JSON writes it


def turn_table() -> str:
    """Markdown: every field of a line of the metrics file."""
    return _fields(TurnMetrics)


def moments_table() -> str:
    """Markdown: every field of `moments` in such a line."""
    return _fields(Moments)


def prometheus_table() -> str:
    """Markdown: every metric that /metrics serves, with its kind and its labels."""
    families: Sequence[Metric] = sorted(ExportedMetrics().registry.collect(), key=lambda family: family.name)
    rows = [f"| `{_exported_name(family)}` | {family.type} | {_labels(family)} | {family.documentation} |"
            for family in families]  # fmt: skip
    return "\n".join(["| metric | kind | labels | |", "| --- | --- | --- | --- |", *rows])


def _fields(cls: type) -> str:
    docs, types = field_docs(cls), field_types(cls)
    rows = [f"| `{name}` | {VALUES[kind]} | {docs[name]} |" for name, kind in types.items()]
    return "\n".join(["| field | value | |", "| --- | --- | --- |", *rows])


def _exported_name(family: Metric) -> str:
    """The name that a query uses: Prometheus adds an ending to counters and to infos."""
    return family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")


def _labels(family: Metric) -> str:
    """A metric's own labels, with their values where they are few; the versions of an info are not listed."""
    if family.type == "info":
        return "versions"
    values: dict[str, list[str]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            if label != "le" and value not in values.setdefault(label, []):
                values[label].append(value)
    return "; ".join(f"`{label}`: {', '.join(named)}" for label, named in values.items())
