"""Removes what a voice can't say from the text of a language model: Markdown, emoji and control characters.

Sentences come one by one while the model writes. So a marker may come without its partner ("**Hello there. How are
you?**" is two sentences), and a code fence may span several sentences. A Markdown parser needs whole documents, and
would take "2024. That was …" for a list. Here each marker is removed on its own.
"""

from __future__ import annotations

import html
import re

import emoji

FENCE = re.compile(r"^[ \t]*(```+|~~~+)[^\n`]*$", re.MULTILINE)
INLINE: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~])"), r"\1"),
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)"), r"\1"),  # images: their description
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),  # links: their text
    (re.compile(r"\[([^\]]+)\]\[[^\]]*\]"), r"\1"),
    (re.compile(r"<((?:https?|mailto):[^>\s]+)>"), r"\1"),
    (re.compile(r"</?[A-Za-z][^<>]*>"), " "),  # HTML tags
    (re.compile(r"^[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*$", re.MULTILINE), " "),  # horizontal rules
    (re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$", re.MULTILINE), " "),
    (re.compile(r"^[ \t]*\|(.+?)\|?[ \t]*$", re.MULTILINE), r"\1"),  # a table's row: its cells
    (re.compile(r"[ \t]*\|[ \t]*"), ", "),
    (re.compile(r"^[ \t]*#{1,6}[ \t]+", re.MULTILINE), ""),  # headings
    (re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE), ""),  # quotes
    (re.compile(r"^[ \t]*[-*+•][ \t]+", re.MULTILINE), ""),  # bullets
    (re.compile(r"^[ \t]*\[[ xX]\][ \t]+", re.MULTILINE), ""),
    (re.compile(r"`+"), ""),
    (re.compile(r"(?<=[\d)])[ \t]*[*×][ \t]*(?=[\d(])"), " times "),
    (re.compile(r"\*{2,}|~~+|(?<!\w)_{2,}|_{2,}(?!\w)"), ""),
    (re.compile(r"(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)"), ""),  # emphasis; snake_case stays
]
MARKS = (",", ";", ":", ".", "!", "?", "…", "，", "、", "；", "：")
DASHES = " -–—"  # a voice does not read them
UNSPEAKABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufe00-\ufe0f\ufeff\u2500-\u25ff]"
)


class SpeakableText:
    """The speakable text of one reply. It remembers from sentence to sentence whether it is inside a code fence."""

    def __init__(self) -> None:
        self._in_code = False

    def speak(self, sentence: str, goes_on: bool = False) -> str:
        """The sentence as a voice should read it, on one line. "" if there is nothing to say.

        goes_on: the text is a piece whose sentence is not over. It gets a comma if it has no mark at its end, since a
        voice may take the end of a text for the end of a sentence. The bundled voice then pauses for 280 ms instead of
        190, with much the same pitch. At a comma inside a whole sentence it pauses for 320 ms.
        """
        spoken = []
        position = 0
        for fence in FENCE.finditer(sentence):
            spoken.append(self._plain(sentence[position : fence.start()]))
            self._in_code = not self._in_code
            position = fence.end()
        spoken.append(self._plain(sentence[position:]))
        text = " ".join(" ".join(spoken).split())
        if not any(character.isalnum() for character in text):
            return ""
        return f"{text.rstrip(DASHES)}," if goes_on and not text.endswith(MARKS) else text

    def _plain(self, text: str) -> str:
        text = UNSPEAKABLE.sub(" ", emoji.replace_emoji(text, " "))
        if self._in_code:
            return text.replace("`", "").replace("**", " times ")
        for pattern, replacement in INLINE:
            text = pattern.sub(replacement, text)
        text = emoji.replace_emoji(html.unescape(text), " ")
        return UNSPEAKABLE.sub(" ", text.replace("`", "").replace("**", ""))
