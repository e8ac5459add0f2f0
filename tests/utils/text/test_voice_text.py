"""What a voice is given to read."""

from __future__ import annotations

import pytest

from utils.text.speakable_text import CODE
from utils.text.voice_text import CODE_PHRASES, VoiceText

PHRASE = CODE_PHRASES["en"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("It costs $49.95.", "It costs forty-nine dollars and ninety-five cents."),
        (f"Look: {CODE} Done.", f"Look: {PHRASE} Done."),
        (f"Look {CODE}", f"Look. {PHRASE}"),
        (f"{CODE} {CODE}", PHRASE),
        (CODE, PHRASE),
        (f"北京 {CODE}", PHRASE),
        ("a [[b]] c", "a b c"),
        ("Plain words, only.", "Plain words, only."),
        ("...", "..."),
        ("", ""),
    ],
)
def test_it_is_read(text, read):
    assert VoiceText().read(text) == read


def test_what_is_said_of_code_can_be_chosen():
    assert VoiceText(code_phrase=" See the screen. ").read(f"So: {CODE} Done.") == "So: See the screen. Done."
    assert VoiceText(code_phrase="").read(f"So: {CODE} Done.") == "So: Done."
    assert VoiceText(code_phrase="").read(CODE) == ""
    assert VoiceText("de").read(CODE) == CODE_PHRASES["de"]
    assert VoiceText("fi").read(CODE) == ""


def test_what_the_voice_cannot_say_is_reported():
    left_out: list[str] = []
    assert VoiceText().read("Beijing (北京)", left_out.append) == "Beijing"
    assert left_out == ["words in another script"]
    assert VoiceText(says=lambda letter: True).read("Beijing (北京)", left_out.append) == "Beijing (北京)"
    assert len(left_out) == 1


@pytest.mark.parametrize("language", ["en", "de", "zh", "xx"])
def test_every_language_is_warmed_up(language):
    voice = VoiceText(language)
    voice.warm_up()
    assert voice.language == language
