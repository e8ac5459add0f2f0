"""Writes into README.md what the code knows better: the table of every option.

python -m utils.readme.parts

A test holds the README against `with_parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from utils.readme.options_table import options_table

README = Path(__file__).resolve().parents[2] / "README.md"
PARTS: Mapping[str, Callable[[], str]] = {
    "options": options_table,
}


def with_parts(readme: str) -> str:
    """The README with each part between its two marks. ValueError where they are missing."""
    for name, written in PARTS.items():
        start, end = f"<!-- {name}: written by python -m utils.readme.parts -->", f"<!-- end of {name} -->"
        before, rest = readme[: readme.index(start)], readme[readme.index(end) :]
        readme = f"{before}{start}\n\n{written()}\n\n{rest}"
    return readme


if __name__ == "__main__":
    README.write_text(with_parts(README.read_text(encoding="utf-8")), encoding="utf-8")
