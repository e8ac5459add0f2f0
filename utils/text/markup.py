"""What Markdown, HTML and LaTeX look like inside a line, and what a voice should read in their place."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import emoji

from utils.text.formulas import KNOWN, plain_formula

HTML_TAGS = (
    "a|abbr|article|aside|b|big|blockquote|body|br|button|center|cite|code|col|dd|del|details|div|dl|dt|em|figure|font"
    "|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|kbd|label|li|link|main|mark|meta|nav|ol|option|p|pre"
    "|q|s|samp|script|section|select|small|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|textarea|tfoot|th"
    "|thead|title|tr|tt|u|ul|var|video|audio|speak|prosody|break|emphasis|say-as|phoneme|voice"
)
NESTED = r"(?:[^\[\]]|\[[^\[\]]*\])"
TARGET = r"""\(\s*(?:<[^<>\n]*>|(?:[^\s()]|\([^()]*\))*)(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)"""
CITATION = r"\[\^?[1-9]\d{0,2}(?:\s*[,;–-]\s*\d{1,3})*\]"
FORMULA = re.compile(r"(?<![\\\w$])\$(?=[^\s$])((?:[^$\n\\]|\\.)+?)(?<=[^\s\\])\$(?![\w$])")
MATHEMATICAL = re.compile(r"[\\^_=+<>{}]|^[A-Za-z]{1,2}$|^\W*\d+\W*$|[A-Za-z\d]\s*[-*/]\s*[A-Za-z\d]")
PHONEMES = re.compile(r"\[\[([^\[\]]*)\]\]")
WORDS = re.compile(r"(?:[^|\]]*\|)?([^\W\d_][\w ,.'’()-]*)")  # a wiki's link: its text is the last part
ADDRESS = re.compile(
    r"<?\b(?:(?:https?|ftp)://(?:[^\s/@]*@)?(?:www\.)?|www\.)([^\s/?#:<>()\[\]]+)([^\s<>]*)>?", re.IGNORECASE
)

Left = Callable[[str], None]

INLINE: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~$])"), r"\1"),
    (re.compile(r"<!--.*?-->", re.DOTALL), " "),
    (re.compile(r"<mailto:([^>\s]+)>"), r"\1"),
    (re.compile(rf"</?(?:{HTML_TAGS})(?:\s[^<>]*)?/?>", re.IGNORECASE), " "),
    (re.compile(r"</?([A-Za-z][\w-]*)/?>"), r"\1"),  # <name>: a word to be filled in
    (re.compile(r"^[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*$", re.MULTILINE), " "),  # horizontal rules
    (re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$", re.MULTILINE), " "),
    (re.compile(r"^[ \t]*\|(.+?)\|?[ \t]*$", re.MULTILINE), r"\1"),  # a table's row: its cells
    (re.compile(r"[ \t]*\|[ \t]*"), ", "),
    (re.compile(r"^[ \t]*#{1,6}[ \t]+", re.MULTILINE), ""),  # headings
    (re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE), ""),  # quotes
    (re.compile(r"^[ \t]*[-*+•][ \t]+", re.MULTILINE), ""),  # bullets
    (re.compile(r"^[ \t]*\[[ xX]\][ \t]+", re.MULTILINE), ""),
    (re.compile(r"`+"), ""),
    (re.compile(r"(?<=[\d)])[ \t]*[*×][ \t]*(?=[\d(])"), " × "),
    (re.compile(r"\*{2,}|~~+|(?<!\w)_{2,}|_{2,}(?!\w)"), ""),
    (re.compile(r"(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)"), ""),  # emphasis; snake_case stays
]
UNSPEAKABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ue000-\uf8ff\ufe00-\ufe0f\ufeff\ufff9-\ufffb"
    "\ufffd\u2500-\u25ff]"
)


def plain(text: str, left: Left) -> str:
    """The text without markup. It calls left(what) for each thing that is left out and is more than a mark."""
    text = UNSPEAKABLE.sub(" ", emoji.replace_emoji(text, " "))
    text = FORMULA.sub(lambda match: _formula(match, left), text)
    text = KNOWN.sub(lambda match: plain_formula(match[0]) or match[0], text)
    text = _without_references(text, left)
    for pattern, replacement in INLINE:
        text = pattern.sub(replacement, text)
    text = emoji.replace_emoji(html.unescape(text), " ")
    return UNSPEAKABLE.sub(" ", text.replace("`", "").replace("**", ""))


def read_formula(latex: str, left: Left) -> str:
    """What is read of a formula: " " where it is left out."""
    found = plain_formula(latex)
    if found is None:
        left("a formula")
    return found or " "


def _formula(match: re.Match[str], left: Left) -> str:
    return read_formula(match[1], left) if MATHEMATICAL.search(match[1]) else match[0]


def _without_references(text: str, left: Left) -> str:
    """Links become their text, addresses their host; citations and phonemes are left out."""

    def out(what: str) -> str:
        left(what)
        return ""

    text = PHONEMES.sub(lambda m: words[1] if (words := WORDS.fullmatch(m[1])) else out("phonemes") or " ", text)
    text = re.sub(
        rf"\s*【[^【】]*】|(?<=\S)\s*(?:{CITATION})+(?!\()|^\s*\[\^\w+\]:?", lambda m: out("a citation"), text
    )
    text = re.sub(rf"!?\[({NESTED}*)\]{TARGET}", lambda m: m[1] or out("a link"), text)
    text = re.sub(rf"\[({NESTED}+)\]\[[^\]]*\]", r"\1", text)
    return ADDRESS.sub(lambda m: _host(m, left), text)


def _host(match: re.Match[str], left: Left) -> str:
    """The host, and the marks of the sentence that an address ends with."""
    host, rest = match[1], match[2]
    marks = re.search(r"[.,;:!?)\]'\"*_]*$", rest or host)
    assert marks is not None
    if rest.removesuffix(marks[0]) not in ("", "/"):
        left("an address's path")
    return host if not rest else f"{host}{marks[0]}"
