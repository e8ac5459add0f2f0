"""What a voice reads of a model's text."""

from __future__ import annotations

import emoji
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.text.hidden_parts import HiddenParts
from utils.text.reply_pieces import ReplyPieces
from utils.text.speakable_text import CODE, SpeakableText


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
        ("See <https://example.org>.", "See example.org."),
        ("a<br>b <b>bold</b> &amp; more", "a b bold & more"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b 1, 2"),
        ("***\nafter\n---", "after"),
        ("2 * 3 = 6 and 4*5", "2 × 3 = 6 and 4 × 5"),
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


def spoken(*sentences: str) -> list[str]:
    speakable = SpeakableText()
    return [speakable.speak(sentence) for sentence in sentences]


def test_code_is_left_out_and_marked_once_also_where_it_spans_sentences():
    assert spoken("Look:\n", "```python\n", "x = a_b * 2\n", "\n", "# say\n", "```\n", "**Done**") == [
        "Look:", "", CODE, "", "", "", "Done",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sentences", "read"),
    [
        (("So:\n```\nx\n```\nThen:\n~~~sh\ny\n~~~\nEnd.",), f"So: {CODE} Then: {CODE} End."),
        (("````\n```\nx\n```\n````\nEnd.",), f"{CODE} End."),
        (("- First:\n  ```py\n  x\n  ```\n",), f"First: {CODE}"),
        (("Here: ```py\nx = 1\n``` and so on.",), f"Here: {CODE} and so on."),
        (("```\n```\nEnd.",), "End."),
        (("```py\nx = 1\nand never an end",), CODE),
        (("```x = 1``` is code.",), "x = 1 is code."),
        (("Here it is:", " ```\n", "x\n", "```\n", "End."), f"Here it is: {CODE} End."),
        (("No code\ufffchere.",), "No code here."),
    ],
)
def test_code(sentences, read):
    assert " ".join(" ".join(spoken(*sentences)).split()) == read


@pytest.mark.parametrize(
    ("sentences", "read"),
    [
        (("The area is $\\pi r^2$, of $A$.",), "The area is pi r², of A."),
        (("So $$E = mc^2$$ it is.",), "So E = m c² it is."),
        (("$$\n", "x = 1\n", "$$\n", "Then."), "x = 1 Then."),
        (("Let \\(x \\leq 2\\), say.",), "Let x ≤ 2, say."),
        (("\\[ \\frac{a}{b} \\]\n",), "a⁄b"),
        (("It is \\[ \\sum_i i \\] in all.",), "It is in all."),
        (("It is $\\int x\\,dx$.",), "It is."),
        (("\\begin{pmatrix} 1 & 2 \\end{pmatrix} End.",), "End."),
        (("\\[ x = 1\n\n", "The next paragraph."), "x = 1 The next paragraph."),
        (("That is \\frac{1}{2} \\times 4.",), "That is 1⁄2 × 4."),
        (("It costs $5 and $6, or $5-$6, or $7/$8.",), "It costs $5 and $6, or $5-$6, or $7/$8."),
        (("Set $HOME and $PATH.",), "Set $HOME and $PATH."),
        (("In C:\\times\\pi or C:\\Users.",), "In C:\\times\\pi or C:\\Users."),
    ],
)
def test_formulas(sentences, read):
    assert " ".join(" ".join(spoken(*sentences)).split()) == read


@pytest.mark.parametrize(
    ("text", "read", "left_out"),
    [
        ("Paris is big.[1][2] So [3, 4] it is[^5] [6-8].", "Paris is big. So it is.", "a citation"),
        ("It is 【4†source】 so.", "It is so.", "a citation"),
        ("[^1]: A note.", "A note.", "a citation"),
        ("See https://www.example.com/a/b?q=1#c, or www.example.org.", "See example.com, or example.org.", "path"),
        ("(see https://me:pw@a.example.co.uk:80/x).", "(see a.example.co.uk).", "path"),
        ("[a [b] c](https://x.y/z_(d)) ends.", "a [b] c ends.", ""),
        ('![a cat](<a b.png> "A cat") and [this](x "y").', "a cat and this.", ""),
        ("[a](b)[c](d) and [e][f]", "ac and e", ""),
        ("Say [[h@l'oU]] now.", "Say now.", "phonemes"),
        ("See [[Paris]] and [[Rome (city)|Rome]].", "See Paris and Rome.", ""),
        ("x <y and y> z", "x <y and y> z", ""),
        ("Put <name> into <b class='x'>bold</b><br/>.", "Put name into bold .", ""),
        ("a[0] and [x]", "a[0] and [x]", ""),
        ("<!-- hidden -->Shown.", "Shown.", ""),
        ("I bought [1] apple", "I bought apple", "a citation"),
    ],
)
def test_references(text, read, left_out):
    speakable = SpeakableText()
    assert speakable.speak(text) == read
    assert left_out in " ".join(speakable.left_out)
    assert bool(left_out) == bool(speakable.left_out)


PIECES = st.sampled_from(
    [
        "Look: ",
        "so it is, and ",
        "x = 1",
        "\n",
        "\n\n",
        "```",
        "```py\n",
        "$$",
        "\\[",
        "\\]",
        "\\(x\\)",
        "$x$",
        "[1]",
        ". ",
        "One",
        "(",
        ")",
    ]
)


def read_in_pieces(text: str, sizes: list[int]) -> list[str]:
    hidden, pieces, speakable, found, position = HiddenParts(), ReplyPieces(), SpeakableText(), [], 0
    for size in sizes:
        found += pieces.feed(hidden.feed(text[position : position + size]))
        position += size
    found += pieces.feed(hidden.feed(text[position:])) + pieces.feed(hidden.flush()) + pieces.flush()
    return [speakable.speak(piece.text, piece.goes_on) for piece in found]


@settings(max_examples=150)
@given(st.lists(PIECES, max_size=25).map("".join), st.lists(st.integers(0, 9)), st.lists(st.integers(0, 3)))
def test_how_a_reply_comes_changes_nothing_of_what_is_spoken(text, sizes, others):
    assert read_in_pieces(text, sizes) == read_in_pieces(text, others)


@settings(max_examples=100)
@given(st.lists(st.from_regex(r"[A-Z][a-z]{2,8}( [a-z]{2,9}){2,8}[.!?]", fullmatch=True), min_size=1, max_size=5))
def test_plain_prose_is_spoken_as_it_is(sentences):
    text = " ".join(sentences)
    spoken_words = " ".join(read_in_pieces(text, [1] * len(text))).replace(",", "").split()
    assert spoken_words == text.split()


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
