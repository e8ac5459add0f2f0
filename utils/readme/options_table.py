"""Every option of server and client in tables, for docs/options.md (`python -m utils.readme.parts`)."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from arguments.client_arguments import ClientArguments
from utils.options.parser import default_text, option_fields
from utils.options.server import all_dataclasses


def options_table() -> str:
    """Markdown: one table for each part of the server, and one for the client."""
    groups = [(cls, (cls.__doc__ or "").splitlines()[0].rstrip(".")) for cls in all_dataclasses()]
    groups.append((ClientArguments, "Client: `python listen_and_play.py [--option value …]`"))
    tables = []
    for cls, title in groups:
        rows = [f"| `--{field.name}` | {_default(field)} | {_help(field)} |" for field in option_fields(cls)]
        tables.append("\n".join([f"**{title}**", "", "| option | default | |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(tables)


def _default(field: dataclasses.Field[Any]) -> str:
    return default_text(field).replace("|", "\\|")


def _help(field: dataclasses.Field[Any]) -> str:
    limits, words = field.metadata, [str(field.metadata.get("help", ""))]
    if choices := limits.get("choices"):
        words.append("One of " + ", ".join("none" if choice is None else str(choice) for choice in choices) + ".")
    low, high = limits.get("min", limits.get("exclusive_min")), limits.get("max", limits.get("exclusive_max"))
    if low is not None and high is not None and not math.isinf(high):
        words.append(f"{low} to {high}.")
    return " ".join(words).replace("|", "\\|")
