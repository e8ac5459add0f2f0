"""Every option of server and client in tables, for docs/options.md (`python -m utils.readme.parts`)."""

from __future__ import annotations

import dataclasses
from typing import Any

from arguments.client_arguments import ClientArguments
from utils.options.parser import default_text, field_type, option_fields
from utils.options.server import all_dataclasses


def options_table() -> str:
    """Markdown: one table for each part of the server, and one for the client."""
    groups = [(cls, (cls.__doc__ or "").splitlines()[0].rstrip(".")) for cls in all_dataclasses()]
    groups.append((ClientArguments, "Client: `python listen_and_play.py [--option value …]`"))
    head = "| option | default | values | |\n| --- | --- | --- | --- |"
    return "\n\n".join(f"### {title}\n\n{head}\n{_rows(cls)}" for cls, title in groups)


def _rows(cls: type) -> str:
    cells = (
        [f"`--{field.name}`", default_text(field), values(cls, field), _help(field)] for field in option_fields(cls)
    )
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)


def values(cls: type, field: dataclasses.Field[Any]) -> str:
    """The values that an option takes, in words; "" for any text, and for any number."""
    limits = field.metadata
    if choices := limits.get("choices"):
        return ", ".join("none" if choice is None else str(choice) for choice in choices)
    if field_type(cls, field)[0] is bool:
        return "true, false"
    low, high = limits.get("min"), limits.get("max")
    if low is not None and high is not None:
        return f"{low} to {high}"
    bounds = [(low, "at least"), (limits.get("exclusive_min"), "more than"), (high, "at most")]
    bounds.append((limits.get("exclusive_max"), "less than"))
    return ", ".join(f"{words} {bound}" for bound, words in bounds if bound is not None)


def _help(field: dataclasses.Field[Any]) -> str:
    return str(field.metadata.get("help", ""))
