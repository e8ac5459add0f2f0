"""Tables of how a voice reads what a language model writes, for docs/speaking.md. The code itself fills them in."""

from __future__ import annotations

from utils.text.hidden_parts import HiddenParts
from utils.text.speakable_text import SpeakableText
from utils.text.voice_text import VoiceText

ENGLISH = {
    "numbers": ("1,234.5 or 0.5", "10–20 of them", "the 2nd, 3-2", "1/2, 50/50, 8/10", "½ and 2½", "~5", "24/7"),
    "money": ("$49.95", "€3,50 or 20 €", "$1.5M", "$5–10", "US$20"),
    "dates": ("July 4, 2025", "3 March 1984", "2025-07-04", "12/25", "4/7/2025", "9/11", "the 1990s"),
    "times": ("3:30 pm", "14:05", "3:30-5:00 pm"),
    "telephone numbers": ("1-800-555-0199", "(555) 123-4567", "+1 555 123 4567"),
    "Roman numbers": ("World War II", "Henry VIII", "Chapter IV", "the XIX century"),
    "titles and initials": ("Mr. Smith", "Dr Jones of St. James St.", "J. K. Rowling", "a Ph.D. in the U.S. army"),
    "units": ("72°F", "5 km/h", "5'10\"", "10 GB", "10%"),
    "formulas": ("$E = mc^2$", "$\\frac{a}{b} \\leq \\sqrt{x}$", "x² ≠ 4", "x <y and y> z", "2^10"),
    "versions": ("v2.0.1", "192.168.0.1"),
    "addresses": ("https://www.example.com/a?b=c", "me@example.com", "main.py"),
}
OTHERS = {
    "de": ("Dr. Müller zahlt 3,50 €.", "Um 18:30 Uhr am 14.05.2026.", "Ludwig XIV., z. B. 5 km", "Tel. +49 30 1234567"),
    "fr": ("M. Dupont a 1 234 567 €.", "Il est 18h30 le 14/05/2026.", "12,5 %"),
    "es": ("El Sr. Pérez paga 3,50 €.", "A las 18:30 el 14/05/2026."),
    "it": ("Il Sig. Rossi paga 3,50 €.", "Alle 18:30 del 14/05/2026."),
    "pt": ("O Sr. Silva paga R$ 3,50.",),
    "ru": ("Привет, Paris: 5 км.",),
}
NOT_SPOKEN = {
    "code": "Look: ```py\nx = 1\n```\nDone.",
    "a formula that is not simple": "So $\\sum_i x_i$ it is.",
    "Markdown": "**One** and [two](https://example.com) 🙂",
    "a citation": "Paris is big.[1][2]",
    "phonemes of espeak": "Say [[h@l'oU]] now.",
    "another script": "Beijing (北京) is big.",
    "a thought": "<think>Hm.</think>\nYes.",
    "a tool call": 'One moment. {"name": "look", "arguments": {}}',
    "a control token": "Hello.</s>",
}


def read(text: str, language: str = "en") -> str:
    """What a voice of this language says of a reply that is one sentence."""
    hidden = HiddenParts()
    return VoiceText(language).read(SpeakableText().speak(hidden.feed(text) + hidden.flush()))


def english_table() -> str:
    """Markdown: English by kind, what is written and what is said."""
    rows = [f"| {kind} | {_code(text)} | {read(text)} |" for kind, texts in ENGLISH.items() for text in texts]
    return "\n".join(["| | written | spoken |", "| --- | --- | --- |", *rows])


def languages_table() -> str:
    """Markdown: the same in other languages."""
    rows = [f"| {code} | {_code(text)} | {read(text, code)} |" for code, texts in OTHERS.items() for text in texts]
    return "\n".join(["| language | written | spoken |", "| --- | --- | --- |", *rows])


def not_spoken_table() -> str:
    """Markdown: what is left out, and what is said around it."""
    rows = [f"| {kind} | {_code(text)} | {read(text)} |" for kind, text in NOT_SPOKEN.items()]
    return "\n".join(["| left out | written | spoken |", "| --- | --- | --- |", *rows])


def _code(text: str) -> str:
    """In backticks; a line break is shown as ⏎."""
    shown = text.replace("\n", "⏎")
    return f"`` {shown} ``" if "`" not in shown else f"```` {shown} ````"
