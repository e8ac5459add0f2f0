"""Removes what a voice can't say from the text of a language model: code, Markdown, emoji and control characters.

Sentences come one by one while the model writes. So a marker may come without its partner ("**Hello there. How are
you?**" is two sentences), and a block of code or a formula may span several sentences. A Markdown parser needs whole
documents, and would take "2024. That was …" for a list. Here each marker is removed on its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from utils.text.markup import plain, read_formula

CODE = "\ufffc"  # "object replacement character": here is code, of which a voice may say that it is there
FENCE = re.compile(r"(?:^|(?<=\s))(?P<marks>`{3,}|~{3,})[^\n`]*(?=\n|$)")
FORMULA = re.compile(r"(?<!\\)(?P<begin>\\\[|\\\(|\\begin\{(?P<name>[a-z*]+)\}|(?<![\w$])\$\$(?!\$))")
FORMULA_ENDS = {"\\[": r"\\\]", "\\(": r"\\\)", "$$": r"\$\$"}
PARAGRAPH_ENDS = r"\n[ \t]*\n"  # no formula goes on after an empty line
MARKS = (",", ";", ":", ".", "!", "?", "…", "，", "、", "；", "：", CODE)
HOLE = re.compile(r"\s+([,.;:!?])(?=\s|$)")  # a mark behind what was taken out
DASHES = " -–—"  # a voice does not read them


@dataclass
class _Block:
    """Code, or a formula, that has begun."""

    end: re.Pattern[str]
    """What ends it."""

    code: bool
    """It is code."""

    content: str = ""
    """What of it has come so far."""


class SpeakableText:
    """The speakable text of one reply. It remembers from sentence to sentence whether it is inside a block."""

    def __init__(self) -> None:
        self.left_out: list[str] = []
        """What was left out so far, each kind once, in words."""
        self._block: _Block | None = None
        self._holes = False  # something was taken out of this sentence

    def speak(self, sentence: str, goes_on: bool = False) -> str:
        """The sentence as a voice should read it, on one line. "" if there is nothing to say. CODE stands for code.

        goes_on: the text is a piece whose sentence is not over. It gets a comma if it has no mark at its end, since a
        voice may take the end of a text for the end of a sentence. The bundled voice then pauses for 280 ms instead of
        190, with much the same pitch. At a comma inside a whole sentence it pauses for 320 ms.
        """
        self._holes = False
        text = " ".join(self._spoken(sentence.replace(CODE, " ")).split())
        if self._holes:
            text = HOLE.sub(r"\1", text)
        if not any(character.isalnum() or character == CODE for character in text):
            return ""
        return f"{text.rstrip(DASHES)}," if goes_on and not text.endswith(MARKS) else text

    def _spoken(self, text: str) -> str:
        spoken = ""
        while text:
            if self._block is not None:
                read, text = self._in_block(self._block, text)
                spoken += read
                continue
            begins = min(filter(None, (FENCE.search(text), FORMULA.search(text))), key=re.Match.start, default=None)
            if begins is None:
                return spoken + plain(text, self._left)
            spoken += plain(text[: begins.start()], self._left)
            self._block = _begun(begins)
            text = text[begins.end() :]
        return spoken

    def _in_block(self, block: _Block, text: str) -> tuple[str, str]:
        """(what is read of the block, what follows it)."""
        end = block.end.search(text)
        content = text[: end.start()] if end else text
        first = block.code and not block.content.strip() and content.strip()
        block.content += content
        if end:
            self._block, self._holes = None, True
        if first:
            self._left("code")
            return f" {CODE} ", text[end.end() :] if end else ""
        rest = text[end.end() :] if end else ""
        return ("" if block.code or not end else f" {read_formula(block.content, self._left)} "), rest

    def _left(self, what: str) -> None:
        self._holes = True
        if what not in self.left_out:
            self.left_out.append(what)


def _begun(match: re.Match[str]) -> _Block:
    """The block that begins there."""
    if match.re is FENCE:
        marks = re.escape(match["marks"])
        return _Block(
            re.compile(rf"^[ \t>]*{marks}{match['marks'][0]}*[ \t]*(?=$|\n|[ \t]\S+[ \t])", re.MULTILINE), True
        )
    end = FORMULA_ENDS.get(match["begin"]) or rf"\\end\{{{re.escape(match['name'])}\}}"
    return _Block(re.compile(f"{end}|{PARAGRAPH_ENDS}"), False)
