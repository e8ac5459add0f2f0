"""Text for a line of its own: on stdout, in the log."""

from __future__ import annotations


def one_line(text: str) -> str:
    """The text with every run of white space, line breaks too, as one space."""
    return " ".join(text.split())
