"""Cuts the text of the language model into sentences while it is being written.

`sentencex` knows where sentences end in many languages, also with "Dr. Smith", "3.50" and "e.g.". The language of a
reply is seldom known, so titles of other languages are looked for here (`utils.text.abbreviations`). sentencex keeps
every character. So the sentences, joined, are the model's text, and they do not depend on how it is cut into tokens.
"""

from __future__ import annotations

import re

import sentencex

from utils.text.abbreviations import goes_on_after, may_go_on_after

CLAUSE_END = re.compile(r"[,;:，、；：—–](?=\s|$)|[，、；：]")
SENTENCE_MARK = re.compile(r"[.!?…。！？｡؟।\n]")
LIST_NUMBER = re.compile(r"\s*\(?\d{1,3}[.)]\s*")  # "2." belongs to the sentence that it numbers
BEGUN = re.compile(r"\s*\S.*[^\W\d_]|\s*[^\W\d_]\S", re.DOTALL)  # two characters, a letter among them


class SentenceStream:
    """Cuts one reply. language: an ISO 639 code; a language that sentencex does not know is split as English.

    longest: a sentence with more characters than this is cut after its last clause, or else after its last word.
    """

    def __init__(self, language: str = "en", longest: int = 300) -> None:
        self._language = language
        self._longest = longest
        self._pending = ""

    def feed(self, text: str) -> list[str]:
        """Take more text of the model, and return the sentences that are complete now."""
        self._pending += text
        sentences: list[str] = []
        if SENTENCE_MARK.search(self._pending):
            sentences, self._pending = self._complete()
        while len(self._pending) > self._longest:
            cut = self._forced_cut()
            sentences.append(self._pending[:cut])
            self._pending = self._pending[cut:]
        return sentences

    def flush(self) -> list[str]:
        """End the reply, and return what is left."""
        sentences = self._segments(self._pending)
        self._pending = ""
        return sentences

    def _complete(self) -> tuple[list[str], str]:
        """The sentences that are over for certain, and the rest. A sentence is over when the next one has begun."""
        segments = self._segments(self._pending)
        if len(segments) < 2 or not BEGUN.match(segments[-1]) or may_go_on_after(*segments[-2:]):
            return [], self._pending
        return segments[:-1], segments[-1]

    def _segments(self, text: str) -> list[str]:
        """The sentences of `text`. None is only white space or only a list's number. Joined they are `text`."""
        merged: list[str] = []
        lines = text.splitlines(keepends=True)  # a line break ends a sentence: lists and headings have no full stop
        for segment in (segment for line in lines for segment in sentencex.segment(self._language, line)):
            if merged and (
                not segment.strip()
                or not merged[-1].strip()
                or LIST_NUMBER.fullmatch(merged[-1])
                or (merged[-1][-1:] != "\n" and goes_on_after(merged[-1], segment))
            ):
                merged[-1] += segment
            else:
                merged.append(segment)
        return merged if "".join(merged) == text else [text]

    def _forced_cut(self) -> int:
        head = self._pending[: self._longest]
        clauses = [match.end() for match in CLAUSE_END.finditer(head)]
        if clauses:
            return clauses[-1]
        space = max(head.rfind(" "), head.rfind("\n"), head.rfind("\t"))
        return space + 1 if space > 0 else self._longest
