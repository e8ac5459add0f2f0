"""What a voice is given to read of a sentence: in words, without what it can't say."""

from __future__ import annotations

import re
from collections.abc import Callable

from utils.text.scripts import without_other_scripts
from utils.text.speakable_text import CODE
from utils.text.spelled_text import spell, warm_up

# What is said where a reply has code, by language.
CODE_PHRASES = {
    "en": "There is code on the screen.",
    "de": "Der Code steht auf dem Bildschirm.",
    "es": "El código está en la pantalla.",
    "fr": "Le code est à l'écran.",
    "it": "Il codice è sullo schermo.",
    "nl": "De code staat op het scherm.",
    "pt": "O código está na tela.",
    "pl": "Kod jest na ekranie.",
    "ru": "Код на экране.",
    "sv": "Koden finns på skärmen.",
}
ENDS = (".", "!", "?", "…", ":", ",", ";")


class VoiceText:
    """How the sentences of replies are read by one voice. It may be used from any thread.

    language: an ISO 639 code. says(letter): whether it can say a letter of another script than its language's; without
    it, it can't. code_phrase: what it says where a reply has code; "" is nothing, and None a phrase in its language,
    where one is known.
    """

    def __init__(
        self, language: str = "en", *, says: Callable[[str], bool] | None = None, code_phrase: str | None = None
    ) -> None:
        self.language = language
        self._says = says
        self._code_phrase = CODE_PHRASES.get(language, "") if code_phrase is None else code_phrase.strip()

    def warm_up(self) -> None:
        """Import what the language needs, which takes up to 0.4 s, before the first sentence waits for it."""
        warm_up(self.language)

    def read(self, text: str, left_out: Callable[[str], None] = lambda what: None) -> str:
        """What is read of `text`, a `Sentence.spoken`. It calls left_out(what) for what the voice can't say."""
        kept, others = without_other_scripts(text, self.language, self._says)
        if others:
            left_out("words in another script")
        spoken = spell(kept, self.language)
        if "[[" in spoken:  # espeak takes what is between double brackets for phonemes
            spoken = " ".join(re.sub(r"\[{2,}|\]{2,}", " ", spoken).split())
        return self._with_phrase(spoken) if CODE in spoken else spoken

    def _with_phrase(self, text: str) -> str:
        first, *rest = re.split(rf"\s*(?:{CODE}\s*)+", text)
        said = first
        for part in rest:
            end = "." if said and self._code_phrase and not said.endswith(ENDS) else ""
            said = f"{said}{end} {self._code_phrase} {part}"
        return " ".join(said.split())
