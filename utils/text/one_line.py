"""Makes one line of a text, for stdout and the log."""

from __future__ import annotations


def one_line(text: str) -> str:
    """The text with one space in place of every run of white space and line breaks."""
    return " ".join(text.split())
