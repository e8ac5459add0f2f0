"""Writes into docs/ what the code knows better: the tables of options and of metrics, and how things are read aloud.

python -m utils.readme.parts

A test compares each file with `with_parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from utils.readme.metrics_tables import moments_table, prometheus_table, turn_table
from utils.readme.options_table import options_table
from utils.readme.speaking_tables import english_table, languages_table, not_spoken_table

ROOT = Path(__file__).resolve().parents[2]
PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "docs/options.md": {"options": options_table},
    "docs/metrics.md": {"turn": turn_table, "moments": moments_table, "prometheus": prometheus_table},
    "docs/speaking.md": {"english": english_table, "languages": languages_table, "left": not_spoken_table},
}  # file → name of a part → what writes it


def with_parts(name: str, text: str) -> str:
    """The file's text with each of its parts between its two marks. Raises ValueError where a mark is missing."""
    for part, written in PARTS[name].items():
        start, end = f"<!-- {part}: written by python -m utils.readme.parts -->", f"<!-- end of {part} -->"
        before, rest = text[: text.index(start)], text[text.index(end) :]
        text = f"{before}{start}\n\n{written()}\n\n{rest}"
    return text


def main() -> None:
    """Write every part anew."""
    for name in PARTS:
        file = ROOT / name
        file.write_text(with_parts(name, file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
