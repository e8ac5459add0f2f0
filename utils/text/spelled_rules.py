"""What the rules of `utils.text.spelled_english` are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"

Replace: TypeAlias = Callable[[re.Match[str]], str]
Rule: TypeAlias = tuple[re.Pattern[str], Replace]


def always(text: str) -> Replace:
    """In place of every match, this text."""
    return lambda match: text


def rule(pattern: str, replace: Replace, flags: int = 0) -> Rule:
    """A pattern and what stands in its place."""
    return re.compile(pattern, flags), replace
