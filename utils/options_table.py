"""Writes the table of every option into README.md.

python -m utils.options_table

A test holds the README against `options_table()`.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from arguments.client_arguments import ClientArguments
from utils.option_parser import default_text, option_fields
from utils.server_options import all_dataclasses

README = Path(__file__).resolve().parent.parent / "README.md"
START = "<!-- options: written by python -m utils.options_table -->"
END = "<!-- end of options -->"


def options_table() -> str:
    """Markdown: one table for each part of the server, and one for the client."""
    groups = [(cls, (cls.__doc__ or "").splitlines()[0].rstrip(".")) for cls in all_dataclasses()]
    groups.append((ClientArguments, "Client: `python listen_and_play.py [--option value …]`"))
    tables = []
    for cls, title in groups:
        rows = [f"| `--{field.name}` | {_default(field)} | {_help(field)} |" for field in option_fields(cls)]
        tables.append("\n".join([f"**{title}**", "", "| option | default | |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(tables)


def with_table(readme: str) -> str:
    """The README with the table between its two marks. ValueError where they are missing."""
    before, rest = readme[: readme.index(START)], readme[readme.index(END) :]
    return f"{before}{START}\n\n{options_table()}\n\n{rest}"


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


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
