"""Letters that a voice can't say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.text.scripts import SCRIPTS, without_other_scripts


@pytest.mark.parametrize(
    ("language", "text", "left"),
    [
        ("en", "Beijing (北京) is big.", "Beijing is big."),
        ("en", "So 你好，世界 means hello.", "So means hello."),
        ("en", 'Say "你好" to her.', "Say to her."),
        ("en", "Привет! Hello.", "Hello."),
        ("en", "北京很大。", ""),
        ("en", "नमस्ते, مرحبا, שלום, สวัสดี, 안녕", ""),
        ("ru", "Привет, Paris 你好.", "Привет, Paris."),
        ("zh", "你好，Paris。", "你好，Paris。"),
        ("ja", "カタカナとひらがなと漢字。", "カタカナとひらがなと漢字。"),
        ("ko", "안녕 你好", "안녕 你好"),
        ("el", "λόγος", "λόγος"),
        ("hi", "नमस्ते", "नमस्ते"),
        ("xx", "Hello мир", "Hello"),
    ],
)
def test_words_in_another_script_are_left_out(language, text, left):
    assert without_other_scripts(text, language) == (left, left != text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Ça va? Zażółć gęślą jaźń, Đà Nẵng, ﬁne ª º.", "Ça va? Zażółć gęślą jaźń, Đà Nẵng, ﬁne ª º."),
        ("The 𝐛𝐨𝐥𝐝 and ｗｉｄｅ.", "The bold and wide."),
        ("So α + π", "So alpha + pi"),
        ("5 μm and 5 kΩ", "5 µm and 5 k\u2126"),
        ("2² ≤ 5 € … “so” – it’s", "2² ≤ 5 € … “so” – it’s"),
    ],
)
def test_others_are_none(text, read):
    assert without_other_scripts(text, "en") == (read, False)


def test_a_voice_may_know_more():
    assert without_other_scripts("Hi 你好 мир", "en", lambda letter: letter in "мир") == ("Hi мир", True)


@given(st.text(max_size=60), st.sampled_from(["en", "xx", *SCRIPTS]))
def test_it_never_fails_and_keeps_latin_letters(text, language):
    left, _ = without_other_scripts(text, language)
    assert {letter for letter in text if letter.isascii() and letter.isalpha()} <= set(left)
