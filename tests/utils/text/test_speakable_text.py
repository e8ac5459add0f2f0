"""What a voice reads of a model's text."""

from __future__ import annotations

import emoji
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.text.speakable_text import SpeakableText


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Hello there.", "Hello there."),
        ("**Hello there.", "Hello there."),
        ("How are you?** 😀", "How are you?"),
        ("*one* and _two_ and ***three*** and ~~four~~", "one and two and three and four"),
        ("# A title\n", "A title"),
        ("### Deep #1", "Deep #1"),
        ("- one\n* two\n+ three", "one two three"),
        ("- [x] done", "done"),
        ("> quoted\n> twice", "quoted twice"),
        ("Use `ls -l` now", "Use ls -l now"),
        ("[a link](https://x.y/z) and ![a picture](p.png)", "a link and a picture"),
        ("See <https://example.org>.", "See https://example.org."),
        ("a<br>b <b>bold</b> &amp; more", "a b bold & more"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b 1, 2"),
        ("***\nafter\n---", "after"),
        ("2 * 3 = 6 and 4*5", "2 times 3 = 6 and 4 times 5"),
        ("snake_case_name, C#, 5 > 3, 3 < 4", "snake_case_name, C#, 5 > 3, 3 < 4"),
        ("1. first", "1. first"),
        ("2024. That was", "2024. That was"),
        ('5% of $3.50 at 10:30, it\'s "fine" (really)!', '5% of $3.50 at 10:30, it\'s "fine" (really)!'),
        ("Escaped \\*stars\\*", "Escaped stars"),
        ("zero\u200bwidth\ufe0f", "zero width"),
        ("🎉🎉", ""),
        ("   \n ", ""),
        ("```", ""),
        ("...", ""),
        ("你好，世界。", "你好，世界。"),
    ],
)
def test_table(text, spoken):
    assert SpeakableText().speak(text) == spoken


def test_a_code_fence_may_span_sentences():
    speakable = SpeakableText()
    spoken = [speakable.speak(s) for s in ("Look:\n", "```python\n", "x = a_b * 2\n", "# say\n", "```\n", "**Done**")]
    assert spoken == ["Look:", "", "x = a_b * 2", "# say", "", "Done"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("*_`#>|-~[]()<>\n 😀🎉a1"))), max_size=4))
def test_no_marker_survives_and_nothing_breaks(sentences):
    speakable = SpeakableText()
    for sentence in sentences:
        spoken = speakable.speak(sentence)
        assert "`" not in spoken
        assert "**" not in spoken
        assert not emoji.emoji_count(spoken)
        assert spoken == " ".join(spoken.split())


@settings(max_examples=200)
@given(st.from_regex(r"[A-Za-z][A-Za-z0-9 ,.;:!?'()%]*[A-Za-z.]", fullmatch=True))
def test_plain_prose_is_left_as_it_is(text):
    assert SpeakableText().speak(text) == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("a country with history ", "a country with history,"),
        ("**honey**", "honey,"),
        ("Sure,", "Sure,"),
        ("this:", "this:"),
        ("well —", "well,"),
        ("你好，", "你好，"),
        ("🎉 ", ""),
    ],
)
def test_a_piece_whose_sentence_goes_on_ends_with_a_mark(text, spoken):
    assert SpeakableText().speak(text, goes_on=True) == spoken
    assert not SpeakableText().speak("and so on").endswith(",")
