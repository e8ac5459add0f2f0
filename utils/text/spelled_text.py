"""Spells out what a voice can't read well: numbers, money, dates, times, units, signs, titles and abbreviations.

English has rules of its own (`utils.text.spelled_english`): of 36 hard cases spokenform 0.4.5 read 10 wrong, and
kitten-text-processing 0.1.0, which is NeMo's grammar, 17; a sentence takes 4 and 58 ms there, and 0.2 here. In other
languages a few cases are read here, then spokenform reads what it knows of 62 languages, then num2words the numbers
that are left, and the rest is left to the voice. That takes 3 to 8 ms a sentence, and next to nothing for words alone.
"""

from __future__ import annotations

import logging
import re
from types import ModuleType

from utils.text.spelled_english import spelled_english
from utils.text.spelled_names import without_stops
from utils.text.spelled_numbers import PHONE, phone, spelled_numbers, words
from utils.text.spelled_words import POINT, SIGNS_BY_LANGUAGE

logger = logging.getLogger(__name__)

# With none of these there is nothing to spell: a digit, a sign, a stop inside a sentence, a Roman number.
UNSPELLED = re.compile(r"[^\W\d_]\.\s*\S|\b[IVXLC]{2,}\b|[^\w\s.,;:!?…'\"’“”„«»()–—-]|\d")
SAME = re.compile(r"(?<![\d/.,])(\d{1,3})/\1(?![\d/])")  # 50/50
VERSION = re.compile(r"\bv\.?(\d+(?:\.\d+)+)\b")
ROMAN_ORDINAL = re.compile(r"(?<=\w )([IVXL]{1,6})\.(?=[,;:]|\s+[^\W\d_A-ZÄÖÜ])")  # "Ludwig XIV. war": no end there
TIME = re.compile(r"\b([01]?\d|2[0-3]):(?=[0-5]\d\b)")
GROUPED_BY_SPACES = frozenset(
    {"fr", "ru", "uk", "be", "bg", "pl", "cs", "sk", "sv", "nb", "no", "fi", "hu", "et", "lv", "lt"}
)
END = re.compile(r"[.!?…]$")


def spell(text: str, language: str = "en") -> str:
    """The text in words. Never raises. It loses no words, and it returns a text of words as it is.

    language: an ISO 639 code. In a language that neither library knows, numbers stay as they are.
    """
    if language == "en":
        return spelled_english(text)
    return _foreign(text, language) if UNSPELLED.search(text) else text


def warm_up(language: str) -> None:
    """Import what `spell` needs for this language, and use it once: 0.3 s that the first sentence would wait for."""
    spell("Am 3.10. um 18:30 kostet es 5,20 €.", language)


def _foreign(text: str, language: str) -> str:
    text = ROMAN_ORDINAL.sub(r"\1", text)
    text = PHONE.sub(lambda match: phone(match[0], language), text)
    text = SAME.sub(lambda match: f"{(word := words(match[1], language=language))} {word}", text)
    text = VERSION.sub(lambda match: _version(match[1], language), text)
    spaces = " " if language in GROUPED_BY_SPACES else ""
    text = re.sub(rf"(?<![\d.,])\d{{1,3}}(?:[\u00a0\u202f{spaces}]\d{{3}})+(?![\d.])", _joined, text)
    text = without_stops(_in_spokenform(text, language))
    for sign, word in SIGNS_BY_LANGUAGE.get(language, {}).items():
        text = re.sub(rf"\s*{re.escape(sign)}\s*", f" {word} ", text).strip()
    return spelled_numbers(TIME.sub(r"\1 ", text), language)


def _joined(match: re.Match[str]) -> str:
    return "".join(match[0].split())


def _in_spokenform(text: str, language: str) -> str:
    """The text as the library reads it; as it is where the library does not know the language, or fails."""
    prepare = _spokenform().prepare
    for literals in (True, False):  # a Roman number that it has no word for is an error
        try:
            spoken: str = prepare(text, language=language, use_spacy=False, normalize_literals=literals).spoken_text
        except Exception as error:  # the voice must not fall silent where a library meets what it does not expect
            logger.debug("spokenform can't read a text of %d letters: %s", len(text), type(error).__name__)
            continue
        end = END.search(text.rstrip())
        return spoken if not end or not spoken or END.search(spoken.rstrip()) else spoken.rstrip() + end[0]
    return text


def _spokenform() -> ModuleType:
    """Imported when it is needed: it takes 0.25 s, and no English voice needs it."""
    import spokenform

    return spokenform


def _version(number: str, language: str) -> str:
    point = f" {POINT[language]} " if language in POINT else " "
    return "v " + point.join(words(part, language=language) for part in number.split("."))
