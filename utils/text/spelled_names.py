"""Titles, initials, abbreviations, Roman numbers, hosts and files in English words."""

from __future__ import annotations

import re

from utils.text.spelled_numbers import words
from utils.text.spelled_rules import Rule, always, rule
from utils.text.spelled_words import (
    ABBREVIATIONS,
    ENDINGS,
    NO_INITIAL_AFTER,
    NO_NAME,
    ROMAN_NAMES,
    ROMAN_NUMBERS,
    TITLES_WITHOUT_STOP,
)

ROMAN = r"(?:XL|L?X{0,3})(?:IX|IV|V?I{1,3}|V)|L?X{1,3}|XL|L"
NAME_ENDING = "|".join(ENDINGS)
INITIAL = re.compile(r"(?<![\w.'’])([^\W\d_a-z])\.\s?(?=(?:[^\W\d_a-z]\.\s?)*[^\W\d_a-z][^\W\d_])")


def without_stops(text: str) -> str:
    """The text with the initials of names as letters: a voice would take each stop for the end of a sentence."""
    return INITIAL.sub(_initial, text)


def _initial(match: re.Match[str]) -> str:
    before = re.search(r"([^\W\d_]+)\W*$", match.string[: match.start()])
    after = re.match(r"(?:[^\W\d_]\.\s?)*(\w+)", match.string[match.end() :])
    if not match[1].isupper() or (before and before[1].lower() in NO_INITIAL_AFTER) or (after and after[1] in NO_NAME):
        return match[0]
    return f"{match[1]} "


def _dotted(match: re.Match[str]) -> str:
    """U.S. as letters; the last stop stays where it ends the text."""
    letters = " ".join(match[0].replace(".", "").upper())
    return f"{letters}." if match.end() == len(match.string.rstrip()) else letters


def _address(match: re.Match[str]) -> str:
    signs = {".": " dot ", "@": " at ", "_": " underscore ", "-": " dash ", "+": " plus "}
    return "".join(signs.get(letter, letter) for letter in match[0])


def _ordinal(match: re.Match[str]) -> str:
    number = ROMAN_NUMBERS.get(match[2])
    return f"{match[1]} the {words(str(number), 'ordinal')}" if number else match[0]


NAMES: list[Rule] = [
    rule(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _address),
    rule(rf"(?<=\w)\.(?=(?:[\w-]+\.)*(?:{NAME_ENDING})\b(?!\.?\w))", always(" dot ")),
    rule(r"\bAT&T\b", always("A T and T")),
    rule(r"\bC\+\+", always("C plus plus")),
    rule(r"\b([CF])#(?!\w)", lambda m: f"{m[1]} sharp"),
    *(rule(rf"\b{re.escape(short)}(?!\w)", always(spoken)) for short, spoken in ABBREVIATIONS.items()),
    *(rule(rf"\b{short}\s(?=[A-Z])", always(f"{spoken} ")) for short, spoken in TITLES_WITHOUT_STOP.items()),
    rule(r"\bSt\.(?=\s+[A-Z])(?!\s+No\.)", always("Saint")),
    rule(r"\bSt\.", always("Street")),
    rule(r"\bNo\.\s*(?=\d)", always("number ")),
    rule(r"\bpp\.\s*(?=\d)", always("pages ")),
    rule(r"\bp\.\s*(?=\d)", always("page ")),
    rule(r"\b[Ff]ig\.\s*(?=\d)", always("figure ")),
    rule(r"\b[Vv]ol\.\s*(?=[\dIVX])", always("volume ")),
    rule(r"\b(?:[A-Z]\.){2,}|\bPh\.D\.|\b[bB]\.?Sc\.", _dotted),
    (INITIAL, _initial),
    rule(rf"\b({ROMAN_NAMES})\s+({ROMAN})\b", _ordinal),
    rule(rf"\b({ROMAN})(?:th)?(?=\s+[Cc]entur(?:y|ies)\b)",
         lambda m: words(str(ROMAN_NUMBERS[m[1]]), "ordinal") if m[1] in ROMAN_NUMBERS else m[0]),
    rule(rf"\b(War|Part|Chapter|Type|Act|Volume|Phase|Stage|Level|Section|Book|Appendix|Title|Article|Class|Scene)\s+({ROMAN})\b",
         lambda m: f"{m[1]} {words(str(ROMAN_NUMBERS[m[2]]))}" if m[2] in ROMAN_NUMBERS else m[0]),
    rule(r"\b((?!An?\b|The\b|In\b|On\b|This\b|My\b)[A-Z][a-z]+)\s+(?!XL\b)((?=[LXVI]{2})(?:LX{0,3}|XL|X{0,3})(?:IX|IV|V?I{0,3}))\b",
         lambda m: f"{m[1]} {words(str(ROMAN_NUMBERS[m[2]]))}" if m[2] in ROMAN_NUMBERS else m[0]),
    rule(r"(?<=\bWar )(\w+ (?:and|or)) (I{2,3})\b", lambda m: f"{m[1]} {words(str(ROMAN_NUMBERS[m[2]]))}"),
]  # fmt: skip
