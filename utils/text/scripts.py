"""Which letters the voice of a language can say. Of others it reads the names: "Chinese letter", for each of them."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable

from utils.text.speakable_text import CODE
from utils.text.spelled_words import GREEK

CYRILLIC = "ru uk be bg sr mk kk ky mn tt ba cv tg"
SCRIPTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(CYRILLIC.split(), ("CYRILLIC",)),
    **dict.fromkeys(("zh", "cmn", "yue", "hak", "nan", "wuu"), ("CJK", "BOPOMOFO")),
    "ja": ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH"),
    "ko": ("HANGUL", "CJK"),
    "el": ("GREEK",),
    "grc": ("GREEK",),
    **dict.fromkeys(("ar", "fa", "ur", "ps", "sd", "ug", "ku"), ("ARABIC",)),
    **dict.fromkeys(("he", "yi"), ("HEBREW",)),
    **dict.fromkeys(("hi", "mr", "ne", "sa", "kok", "bpy"), ("DEVANAGARI", "BENGALI")),
    **dict.fromkeys(("bn", "as"), ("BENGALI",)),
    "pa": ("GURMUKHI",), "gu": ("GUJARATI",), "or": ("ORIYA",), "ta": ("TAMIL",), "te": ("TELUGU",),
    "kn": ("KANNADA",), "ml": ("MALAYALAM",), "si": ("SINHALA",), "th": ("THAI",), "lo": ("LAO",), "my": ("MYANMAR",),
    "ka": ("GEORGIAN",), "am": ("ETHIOPIC",), "ti": ("ETHIOPIC",), "km": ("KHMER",), "bo": ("TIBETAN",),
    "hy": ("ARMENIAN",), "hyw": ("ARMENIAN",), "chr": ("CHEROKEE",), "dv": ("THAANA",),
}  # fmt: skip
# Letters of every voice: Latin ones, and marks that belong to no script.
EVERYWHERE = frozenset(
    {"LATIN", "MODIFIER", "COMBINING", "FEMININE", "MASCULINE", "KELVIN", "ANGSTROM", "OHM", "MICRO"}
)
DISGUISED = ("MATHEMATICAL", "FULLWIDTH", "SCRIPT", "DOUBLE-STRUCK", "BLACK-LETTER")  # Latin letters, in another dress
GREEK_LETTER = re.compile(r"(?<![^\W\d_])[α-ωΑ-Ω](?![^\W\d_])")
MICRO = re.compile("\u03bc(?=[A-Za-z])")  # the Greek letter before a unit
OHM = re.compile("(?<=\\d)\\s?([kM]?)\u03a9")
# What holds words of another script together, and what they leave behind: "(北京)", "« »".
GLUE = re.compile(r"[\s、。，．・：；！？「」『』（）《》“”·־،؛؟।॥]+")
EMPTY = re.compile(r"\(\s*[,;:/-]?\s*\)|\[\s*\]|\"\s*\"|“\s*”|«\s*»|‘\s*’|「\s*」")


def without_other_scripts(text: str, language: str, says: Callable[[str], bool] | None = None) -> tuple[str, bool]:
    """(the text without words that a voice of this language can't say, whether there were any).

    A language without an entry has Latin letters.

    says(letter): whether the voice can say a letter of another script all the same. A single Greek letter, as in
    formulas, becomes its name. A text of which nothing is left to say is "".
    """
    if text.isascii():
        return text, False
    known = EVERYWHERE.union(SCRIPTS.get(language, ()))
    plain = OHM.sub(" \\1\u2126", MICRO.sub("\u00b5", "".join(_undressed(letter) for letter in text)))
    if "GREEK" not in known:
        plain = GREEK_LETTER.sub(lambda match: f" {GREEK.get(match[0].lower(), match[0])} ", plain)
    kept = [_kept(letter, known) or bool(says and says(letter)) for letter in plain]
    if all(kept):
        return (" ".join(plain.split()) if plain != text else text), False
    left = "".join(letter if keep else "\0" for letter, keep in zip(plain, kept, strict=True))
    left = re.sub(rf"\0(?:(?:{GLUE.pattern})?\0)*", "\0", left)
    left = re.sub("[、。，・「」『』（）《》]*\0[、。，・「」『』（）《》]*", " ", left)
    left = re.sub(r"\s+([,.;:!?])(?=\s|$)", r"\1", " ".join(EMPTY.sub(" ", left).split()))
    if not text.startswith(left[:1]):
        left = left.lstrip(",.;:!?-–— ")
    return (left if any(letter.isalnum() or letter == CODE for letter in left) else ""), True


def _kept(letter: str, known: frozenset[str]) -> bool:
    return letter.isascii() or unicodedata.category(letter)[0] not in "LM" or _script(letter) in known


@functools.lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _undressed(letter: str) -> str:
    if letter.isascii() or not letter.isalnum() or _script(letter) not in DISGUISED:
        return letter
    plain = unicodedata.normalize("NFKC", letter)
    return plain if plain.isascii() else letter
