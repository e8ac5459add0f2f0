"""Finds the places at which a text may be cut while it is being written: inside a sentence, or at its end."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

import sentencex

from utils.text.abbreviations import may_go_on_after

# A comma after a letter is always a mark. After a digit it may be inside "1,000", and a colon may be inside "3:30".
MARK = re.compile(r"(?<=[^\W\d_])[,;]|(?<=[^\s.])[,;:](?=\s)|[—–](?=\s)|[，、；：]")
WORD = re.compile(r"\w[\w'’.-]*")
WITHOUT_SPACES = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # Thai, Japanese, Chinese, …
LETTERS_A_WORD = 2  # in scripts without spaces


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


CONJUNCTIONS = _set("and but or because which that who whose where when while whereas so if as although though unless")
PREPOSITIONS = _set("with without by from in for through into during between among across within until since")
# After these words a pause would split what belongs together: "such as", "at that time", "is so big", "depends on".
BINDS = PREPOSITIONS | _set(
    "a an the this these those my your his her its our their no not some any every each such so as more less most very"
    " too much many same well far long soon even only just than to of on at about like up out over under and or but if"
    " is are was were be been being am do does did has have had can could will would shall should may might must"
    " that which who whose where when while because what how why i you he she it we they there"
)
LIST_NUMBERS = re.compile(r"^\s*\(?\d{1,3}[.)]\s", re.MULTILINE)
JOINT = re.compile(r"(?P<before>[^\W\d_]+)\s(?=(?P<word>[^\W\d_]+)\s)")
SENTENCE_END = re.compile(r"(?P<word>[^\W\d_]{3,}|\d{2,})[.!?]\s$")
SHORTENED = _set("approx est vol mon tue wed thu fri")  # abbreviations that sentencex does not know


class Place(enum.Enum):
    """A kind of place at which a text may be cut. The best kind comes first."""

    MARK = enum.auto()
    CONJUNCTION = enum.auto()
    PREPOSITION = enum.auto()


@dataclass(frozen=True)
class Cut:
    """A place at which a text may be cut."""

    at: int
    """How many characters of the text are before the cut."""

    place: Place
    """What is there."""

    words: int
    """How many words are before the cut."""


def count_words(text: str) -> int:
    """How many words `text` has, without the numbers of a list. In a script without spaces two letters are a word."""
    return sum(
        max(1, -(-len(WITHOUT_SPACES.findall(word)) // LETTERS_A_WORD))
        for word in WORD.findall(LIST_NUMBERS.sub("", text))
        if any(letter.isalnum() for letter in word)
    )


def cuts(text: str, before: str = "", language: str = "en") -> list[Cut]:
    """The places at which `text` may be cut, in order. before: the text in front of it, in the same reply.

    No place is inside a quotation, a bracket, Markdown or a number. Only English has conjunctions and prepositions.
    """
    places = [(match.end(), Place.MARK) for match in MARK.finditer(text)]
    if language == "en":
        places += _joints(text)
    found = [Cut(at, place, count_words(text[:at])) for at, place in sorted(places, key=lambda place: place[0])]
    return [cut for cut in found if cut.words and _closed(before + text[: cut.at])]


def ends_sentence(text: str, language: str = "en") -> bool:
    """Whether `text` ends with a whole sentence and one white space.

    The next sentence has not begun yet. So the answer is False after what may be an abbreviation or a number: there the
    next word will tell.
    """
    match = SENTENCE_END.search(text)
    if match is None or match["word"].lower() in SHORTENED or may_go_on_after(text) or not _closed(text):
        return False
    # A name tells abbreviations that stand before one ("Prof.") from words.
    return sum(1 for _ in sentencex.segment(language, text + "Smith")) > 1 and count_words(text) > 1


def _joints(text: str) -> list[tuple[int, Place]]:
    """The places before words that begin a clause or a phrase. The word must be complete: "so" may become "some"."""
    found = []
    for match in JOINT.finditer(text):
        before, word = match["before"].lower(), match["word"].lower()
        if before in BINDS:
            continue
        if word in CONJUNCTIONS:
            found.append((match.end(), Place.CONJUNCTION))
        elif word in PREPOSITIONS:
            found.append((match.end(), Place.PREPOSITION))
    return found


def _closed(text: str) -> bool:
    """Whether `text` closes everything that it opens, and does not end in a row of a table."""
    return (
        not any(text.count(opening) > text.count(closing) for opening, closing in ("()", "[]", "{}", "“”", "«»", "<>"))
        and not any(text.count(both) % 2 for both in ('"', "`", "**"))
        and "|" not in text.rpartition("\n")[2]
        and not re.search(r"(?<![\w*])\*(?=[^\s*])[^*]*$", text)
    )
