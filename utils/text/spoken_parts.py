"""Splits a text that is too long for a text-to-speech model: at sentences, or else at clauses, or else at words."""

from __future__ import annotations

import re

from utils.text.sentences import CLAUSE_END

SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)]*(?=\s|$)|[。！？]")
CONJUNCTION = re.compile(
    r"\s(?=(?:and|but|or|because|which|while|when|where|although|so|that|und|aber|et|mais|y|pero)\s)"
)
WORD_END = re.compile(r"\s")
KINDS = (SENTENCE_END, CLAUSE_END, CONJUNCTION, WORD_END)


def split_long(text: str, longest: int) -> list[str]:
    """The text in parts of about the same length, none with more than `longest` characters (1 or more).

    A short text is the only part. Joined with spaces, the parts have all words of the text. Only a word that is longer
    than `longest` is cut.
    """
    text = text.strip()
    if len(text) <= longest:
        return [text]
    cut = _cut(text, longest)
    return [*split_long(text[:cut], longest), *split_long(text[cut:], longest)]


def _cut(text: str, longest: int) -> int:
    """Where to cut a text that is too long: near the middle of its parts, so that none is a single word.

    If no good place is near, the first part is as long as it may be.
    """
    parts = -(-len(text) // longest)
    ideal = len(text) * (parts // 2) // parts if parts > 1 else longest
    for kind in KINDS:
        ends = [match.end() for match in kind.finditer(text)]
        # A cut that is far from the ideal one makes more parts than a cut at something weaker.
        near = [end for end in ends if 0 < end < len(text) and abs(end - ideal) <= max(len(text) // 4, 1)]
        if near:
            return min(near, key=lambda end: abs(end - ideal))
    return ideal or longest
