"""Spells out what a voice that only reads letters can't read: numbers, units, signs and abbreviations.

Numbers are spelled in all languages that num2words knows. Everything else is spelled in English only, since in another
language a wrong word is worse than a sign.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from num2words import num2words

from utils.text.spelled_words import (
    ABBREVIATIONS,
    CURRENCIES,
    MONTHS,
    ROMAN_NAMES,
    ROMAN_NUMBERS,
    SIGNS,
    SPOKEN_CAPITALS,
    UNITS,
)

NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
SCALES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion", "tn": "trillion"}
SCALE = r"(?:\s?(?P<long>thousand|million|billion|trillion)\b|\s?(?P<short>k|m|bn|tn)\b)?"
UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
LONGEST_NUMBER = 15  # digits: a longer number is no quantity, and is read digit by digit
QUANTITY = re.compile(r"\s+(?:people|men|women|children|[a-z]+s)\b")
SHOUTED = re.compile(r"[A-Z]{2,}(?: [A-Z]{2,}){2,}")

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def spell(text: str, language: str = "en") -> str:
    """The text in words. Never raises. It loses no words, and it returns a text of words as it is.

    language: an ISO 639 code. In a language that num2words does not know, numbers stay as they are.
    """
    if language != "en":
        return re.sub(r"\d+(?:[.,]\d+)*", lambda match: _foreign(match[0], language), text)
    for pattern, replace in ENGLISH:
        text = pattern.sub(replace, text)
    return text


def _words(number: str, to: str = "cardinal", language: str = "en") -> str:
    """The words of a number, or the number itself if there are none."""
    plain = number.replace(",", "")
    try:
        value = float(plain) if "." in plain else int(plain)
        if isinstance(value, float) and to == "cardinal" and language == "en":
            whole, digits = plain.split(".")
            return f"{_words(whole or '0')} point {_digits(digits)}"
        return str(num2words(value, lang=language, to=to))
    except (NotImplementedError, ArithmeticError, ValueError, TypeError, KeyError, IndexError):
        return number


def _digits(number: str) -> str:
    return " ".join(_words(digit) for digit in number if digit.isdecimal())


def _foreign(number: str, language: str) -> str:
    """The words of a number that is written as in most of the world: 3,5 or 1.234, and also 3.5."""
    parts = re.split(r"[.,]", number)
    if len(parts) > 1 and all(len(part) == 3 for part in parts[1:]):
        plain = ["".join(parts)]
    else:
        plain = [".".join(parts)] if len(parts) < 3 else parts
    spoken = [_words(part, language=language) for part in plain]
    return number if spoken == plain else " ".join(spoken)


def _cardinal(match: re.Match[str]) -> str:
    number = match[0]
    whole = number.replace(",", "").split(".")[0]
    if len(whole) > LONGEST_NUMBER or (len(whole) > 1 and whole[0] == "0"):
        return _digits(number)
    if len(number) == 4 and "1100" <= number <= "2099" and not QUANTITY.match(match.string, match.end()):
        return _words(number, "year")
    return _words(number)


def _money(match: re.Match[str]) -> str:
    (one, many), (cent, cents) = CURRENCIES[match["sign"]]
    amount = match["amount"].replace(",", "")
    scale = match["long"] or SCALES.get((match["short"] or "").lower())
    if scale:
        return f"{_words(amount)} {scale} {many}"
    whole, _, part = amount.partition(".")
    spoken = [] if not int(whole) and int(part or 0) else [f"{_words(whole)} {one if int(whole) == 1 else many}"]
    if len(part) > 2:
        return f"{_words(amount)} {many}"
    if part and (small := int(part.ljust(2, "0"))):
        spoken.append(f"{_words(str(small))} {cent if small == 1 else cents}")
    return " and ".join(spoken)


def _unit(match: re.Match[str]) -> str:
    one, many = UNITS[match["unit"]]
    return f"{match['number']} {one if match['number'] == '1' else many}"


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"])
    half = match["half"]
    clock = f" {half[0].upper()} M" if half else ""
    if not minute:
        return f"{_words(str(hour))}{clock or (' o’clock' if 0 < hour < 13 else ' hundred hours')}"
    return f"{_words(str(hour))} {'oh ' if minute < 10 else ''}{_words(str(minute))}{clock}"


def _day(month: str, day: str, year: str | None) -> str:
    return f"{month} {_words(str(int(day)), 'ordinal')}" + (f", {_words(year, 'year')}" if year else "")


def _fraction(match: re.Match[str]) -> str:
    above, below = int(match[1]), int(match[2])
    name = {2: "half", 4: "quarter"}.get(below) or _words(match[2], "ordinal")
    plural = {"half": "halves"}.get(name, f"{name}s")
    return f"{_words(match[1])} {name if above == 1 else plural}"


def _decade(match: re.Match[str]) -> str:
    spoken = _words(match[1], "year")
    return spoken[:-1] + "ies" if spoken.endswith("y") else f"{spoken}s"


def _capitals(match: re.Match[str]) -> str:
    """Spell an abbreviation letter by letter. Long ones with vowels (NASA) and words in capitals stay words."""
    word = match[1]
    spoken_as_word = word in SPOKEN_CAPITALS or (len(word) > 3 and re.search("[AEIOUY]", word))
    if spoken_as_word or SHOUTED.search(match.string):
        return match[0]
    return " ".join(word) + (match[2] or "")


def _phone(match: re.Match[str]) -> str:
    return ", ".join(_digits(part) for part in re.split("[-.]", match[0]))


def _always(words: str) -> Callable[[re.Match[str]], str]:
    return lambda match: words


def _rule(pattern: str, replace: Callable[[re.Match[str]], str], flags: int = 0) -> Rule:
    return re.compile(pattern, flags), replace


MONTH = "|".join(MONTHS)
ENGLISH: list[Rule] = [
    *(_rule(rf"\b{re.escape(short)}(?!\w)", _always(words)) for short, words in ABBREVIATIONS.items()),
    _rule(r"\bSt\.(?=\s+[A-Z])(?!\s+No\.)", _always("Saint")),
    _rule(r"\bSt\.", _always("Street")),
    _rule(r"\bNo\.\s*(?=\d)", _always("number ")),
    _rule(r"№\s*|#(?=\d)", _always("number ")),
    _rule(rf"(?P<sign>[$€£¥])\s?(?P<amount>{NUMBER}){SCALE}", _money, re.IGNORECASE),
    _rule(r"\b(\d{4})-(\d{2})-(\d{2})\b", lambda m: _iso_day(m)),
    _rule(
        rf"\b({MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(\d{{4}})\b)?",
        lambda m: _day(m[1], m[2], m[3]),
    ),
    _rule(
        r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?:\s?(?P<half>[ap])\.?m\b\.?)?(?![:\d])", _time, re.IGNORECASE
    ),
    _rule(r"\b(\d{1,2})\s?([ap])\.?m\b\.?", lambda m: f"{_words(m[1])} {m[2].upper()} M", re.IGNORECASE),
    _rule(r"\b(\d{1,3}):(\d{1,3})\b", lambda m: f"{_words(m[1])} to {_words(m[2])}"),
    _rule(r"\b(\d+)'(\d{1,2})\"", lambda m: f"{_words(m[1])} foot {_words(m[2])}"),
    _rule(r"\b(\d+(?:\.\d+){2,})\b", lambda m: " point ".join(_words(part) for part in m[1].split("."))),
    _rule(r"\bv(?=\d)", _always("version ")),
    _rule(r"(?<!\w)['’](\d0)s\b", _decade),
    _rule(r"\b(\d{1,3}0)['’]?s\b", _decade),
    _rule(r"\b24/7\b", _always("twenty-four seven")),
    _rule(r"\b(\d{1,2})/(\d{1,2})\b(?!/)", lambda m: _fraction(m) if int(m[2]) > 0 else m[0]),
    _rule(rf"(?P<number>{NUMBER})\s?(?P<unit>{UNIT})(?![\w²³])", _unit),
    _rule(rf"({NUMBER})\s?%", lambda m: f"{m[1]} percent"),
    _rule(r"\b\d{3}[-.]\d{3,4}(?:[-.]\d{4})?\b", lambda m: _phone(m)),
    _rule(r"(?<=\d)(?:\s[–—-]\s|[–—-])(?=\d)", _always(" to ")),
    _rule(r"(?<=percent)(?:\s[–—-]\s|[–—-])(?=\d)", _always(" to ")),
    *(_rule(rf"(?<=\d)\s*{re.escape(sign)}\s*(?=\d)", _always(f" {words} ")) for sign, words in SIGNS.items()),
    _rule(r"(?<![\w.])[-−](?=\d)", _always("minus ")),
    _rule(r"\b(\d+)(?:st|nd|rd|th)\b", lambda m: _words(m[1], "ordinal")),
    _rule(rf"\b({ROMAN_NAMES})\s+(X{{0,2}}(?:IX|IV|V?I{{1,3}}|V)|X{{1,2}})\b", lambda m: _roman(m)),
    _rule(r"\b(War|Part|Chapter|Type|Act|Volume|Phase|Stage|Level|Section)\s+(IX|IV|V?I{1,3}|V|X)\b",
          lambda m: f"{m[1]} {_words(str(ROMAN_NUMBERS[m[2]]))}"),
    _rule(r"(?<=[A-Za-z])-(?=\d)", _always(" ")),
    _rule(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", _always(" ")),
    _rule(rf"(?<![\w.])(?:{NUMBER})", _cardinal),
    _rule(r"\d+", lambda m: _digits(m[0])),
    _rule(r"\s*&\s*", _always(" and ")),
    _rule(r"(?<=\w)@(?=\w)", _always(" at ")),
    _rule(r"°", _always(" degrees")),
    _rule(r"§\s*", _always("section ")),
    _rule(r"\b([A-Z]{2,5})('s|s)?\b", _capitals),
]  # fmt: skip


def _iso_day(match: re.Match[str]) -> str:
    month = int(match[2])
    return _day(list(MONTHS)[month - 1], match[3], match[1]) if 1 <= month <= 12 else match[0]


def _roman(match: re.Match[str]) -> str:
    number = ROMAN_NUMBERS.get(match[2])
    return f"{match[1]} the {_words(str(number), 'ordinal')}" if number else match[0]
