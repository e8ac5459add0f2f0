"""Numbers in words, in all languages that num2words knows."""

from __future__ import annotations

import re

from num2words import num2words

DIGITS = r"\d+(?:[.,]\d+)*"
# +1 555 123 4567, (555) 123-4567, 1-800-555-0199, 555-123-4567, 555-1234, and other rows of numbers with hyphens.
PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+\d{1,3}(?:[\s./-]?\(?\d{1,5}\)?){2,6}|\(\d{2,5}\)\s?\d{3,4}(?:[\s-]\d{2,4})+"
    r"|(?:1[-. ])?\d{3}([-. ])\d{3}\1\d{4}|\d{3}-\d{4}|\d+(?:-\d+){3,})(?![\w/-])"
)
PLUS = {"en": "plus", "de": "plus", "fr": "plus", "es": "más", "it": "più", "pt": "mais", "nl": "plus", "sv": "plus"}


def words(number: str, to: str = "cardinal", language: str = "en") -> str:
    """The words of a number, "1,234.5" or "1234", or the number itself if there are none.

    to: what num2words is asked for, such as "ordinal" or "year".
    """
    plain = number.replace(",", "")
    try:
        value = float(plain) if "." in plain else int(plain)
        if isinstance(value, float) and to == "cardinal" and language == "en":
            whole, part = plain.split(".")
            return f"{words(whole or '0')} point {digits(part)}"
        return str(num2words(value, lang=language, to=to))
    except (NotImplementedError, ArithmeticError, ValueError, TypeError, KeyError, IndexError):
        return number


def digits(number: str, language: str = "en") -> str:
    """Its digits, one by one; what is no digit is left out."""
    return " ".join(words(digit, language=language) for digit in number if digit.isdecimal())


def spelled_numbers(text: str, language: str) -> str:
    """The text with its numbers in words, where they are written as in most of the world: 3,5 or 1.234, and also 3.5.

    In a language that num2words does not know, they stay as they are.
    """
    return re.sub(DIGITS, lambda match: _number(match[0], language), text)


def _number(number: str, language: str) -> str:
    parts = re.split(r"[.,]", number)
    if len(parts) > 1 and all(len(part) == 3 for part in parts[1:]):
        plain = ["".join(parts)]
    else:
        plain = [".".join(parts)] if len(parts) < 3 else parts
    spoken = [words(part, language=language) for part in plain]
    return number if spoken == plain else " ".join(spoken)


def phone(number: str, language: str) -> str:
    """A telephone number: its digits, with pauses between its groups."""
    groups = re.findall(r"\d+", number)
    spoken = [digits(group, language) for group in groups]
    area = 1 if len(groups) > 3 and groups[0] == "1" else 0
    if language == "en" and re.fullmatch("[2-9]00", groups[area]):
        spoken[area] = words(groups[area])
    return f"{PLUS.get(language, '+')} " * number.startswith("+") + ", ".join(spoken)
