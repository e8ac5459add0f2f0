"""Splits a text that is too long to be spoken in one breath of a model's: at sentences, else clauses, else words."""

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
    """The text in parts of at most `longest` (≥ 1) characters, about equally long; [text] where it is short enough.

    Joined with spaces they have all its words; only a word that is longer than that is cut.
    """
    text = text.strip()
    if len(text) <= longest:
        return [text]
    cut = _cut(text, longest)
    return [*split_long(text[:cut], longest), *split_long(text[cut:], longest)]


def _cut(text: str, longest: int) -> int:
    """Where to cut: near the middle of what is left, or else where the first part is as long as may be.

    Halving what has to be halved anyway makes equal parts: nobody wants to hear a long one and then a word.
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
