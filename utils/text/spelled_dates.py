"""Dates and times in English words. A date of figures has its month first, unless only the other way makes one."""

from __future__ import annotations

import re

from utils.text.spelled_numbers import words
from utils.text.spelled_rules import Rule, always, rule
from utils.text.spelled_words import MONTHS, SHORT_MONTHS

MONTH = "|".join(MONTHS)
SHORT = "|".join(SHORT_MONTHS)
DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
SIXTEENTHS = (16, 24, 32, 64)  # of inches and notes: no dates


def day(month: str, number: str, year: str | None) -> str:
    """July fourth, twenty twenty-five."""
    return f"{month} {words(str(int(number)), 'ordinal')}" + (f", {words(year, 'year')}" if year else "")


def _of_figures(first: str, second: str, year: str | None, written: str) -> str:
    month, number = int(first), int(second)
    if month > 12:
        month, number = number, month
    if not 1 <= month <= 12 or not 1 <= number <= 31:
        return written
    if year and len(year) == 2:
        year = f"20{year}" if year < "50" else f"19{year}"
    return day(MONTHS[month - 1], str(number), year)


def _slashed(match: re.Match[str]) -> str:
    """12/25: a date where one of the numbers can only be a day, else a fraction, which another rule reads."""
    first, second = int(match[1]), int(match[2])
    if second in SIXTEENTHS or not (first <= 12 < second <= 31 or second <= 12 < first <= 31):
        return match[0]
    return _of_figures(match[1], match[2], None, match[0])


def _iso(match: re.Match[str]) -> str:
    return _of_figures(match[2], match[3], match[1], match[0]) if int(match[2]) <= 12 else match[0]


def _named(match: re.Match[str]) -> str:
    """July 4–6, 2025."""
    if not match[3]:
        return day(match[1], match[2], match[4])
    end = words(match[3], "ordinal") + (f", {words(match[4], 'year')}" if match[4] else "")
    return f"{day(match[1], match[2], None)} to {end}"


def _day_first(match: re.Match[str]) -> str:
    """The 3rd of March 1984."""
    the = "" if match[1] else "the "
    year = f", {words(match[4], 'year')}" if match[4] else ""
    return f"{match[1] or ''}{the}{words(match[2], 'ordinal')} of {match[3]}{year}"


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"])
    half = match["half"]
    clock = f" {half[0].upper()} M" if half else ""
    if not minute:
        return f"{words(str(hour))}{clock or (' o’clock' if 0 < hour < 13 else ' hundred hours')}"
    return f"{words(str(hour))} {'oh ' if minute < 10 else ''}{words(str(minute))}{clock}"


DATES: list[Rule] = [
    rule(r"\b(\d{4})-(\d{2})-(\d{2})\b", _iso),
    rule(r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b(?!/)", lambda m: _of_figures(m[1], m[2], m[3], m[0])),
    rule(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})\b(?!\.?\d)", lambda m: _of_figures(m[2], m[1], m[3], m[0])),
    rule(r"(?<![\d/.,])(\d{1,2})/(\d{1,2})\b(?!/)", _slashed),
    rule(rf"\b({SHORT})\.?(?=\s+\d)|\b(\d{{1,2}})\s+({SHORT})\.?(?=\s+\d{{4}})",
         lambda m: SHORT_MONTHS[m[1]] if m[1] else f"{m[2]} {SHORT_MONTHS[m[3]]}"),
    rule(rf"\b({MONTH})\s+{DAY}(?:\s?[–—-]\s?(\d{{1,2}}))?\b(?![:.]\d)(?:,?\s+(\d{{4}})\b)?", _named),
    rule(rf"\b(the\s+)?{DAY}\s+(?:of\s+)?({MONTH})\b(?:,?\s+(\d{{4}})\b)?", _day_first, re.IGNORECASE),
    rule(r"(?<=\d)\s?[–—-]\s?(?=\d{1,2}(?::\d\d)?\s?[ap]\.?m\b)|(?<=:\d\d)\s?[–—-]\s?(?=\d{1,2}:\d\d)", always(" to "),
         re.IGNORECASE),
    rule(r"\b(\d{1,2}):([0-5]\d):([0-5]\d)\b(?![:\d])", lambda m: " ".join(words(part) for part in m.groups())),
    rule(
        r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?:\s?(?P<half>[ap])\.?m\b\.?)?(?![:\d])", _time, re.IGNORECASE
    ),
    rule(r"\b(\d{1,2})\s?([ap])\.?m\b\.?", lambda m: f"{words(m[1])} {m[2].upper()} M", re.IGNORECASE),
]  # fmt: skip
