"""Where a text may be parted."""

from __future__ import annotations

import pytest

from utils.text.clauses import Place, count_words, cuts, ends_sentence


def parts(text: str, place: Place = Place.MARK, **options) -> list[str]:
    """What stands before each place of this kind."""
    return [text[: cut.at] for cut in cuts(text, **options) if cut.place is place]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sure, I can; but: no — well", ["Sure,", "Sure, I can;", "Sure, I can; but:", "Sure, I can; but: no —"]),
        ("Sure,", ["Sure,"]),
        ("It is 1,000 or 3.5 or 3:30 now", []),
        ("In 1998, it", ["In 1998,"]),
        ("In 1998,", []),  # 000 may follow
        ("at 3:", []),
        ("See http://a.b, then", ["See http://a.b,"]),
        ("Many, e.g., cats", ["Many,"]),
        ("Hamlet (1603, by him), is", ["Hamlet (1603, by him),"]),
        ('He said, "Yes, I do," and left', ["He said,"]),
        ("He said “Yes, I do”, and left", ["He said “Yes, I do”,"]),
        ("Use **this, that**, then", ["Use **this, that**,"]),
        ("Use *this, that*, then", ["Use *this, that*,"]),
        ("* A bullet, then 2 * 3, too", ["* A bullet,", "* A bullet, then 2 * 3,"]),
        ("Call `f(a, b)`, then", ["Call `f(a, b)`,"]),
        ("See [a, b](c), then", ["See [a, b](c),"]),
        ("| one, | two, |", []),
        ("| a |\nNow, then", ["| a |\nNow,"]),
        ("你好，世界", ["你好，"]),
        (", and", []),  # nothing to say before it
        ("-, and", []),
        ("no marks", []),
        ("", []),
    ],
)
def test_marks(text, expected):
    assert parts(text) == expected


def test_what_the_text_before_has_opened_is_open():
    assert parts(" yes, I do", before='He said "well,') == []
    assert parts(' yes," I do, too', before='He said "well,') == [' yes," I do,']


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a country with history and culture", ["a country with history "]),
        ("a country with history and", []),  # "android" may follow
        ("the colors of some fish", []),
        ("animals such as cats", []),
        ("it is so big that it breaks", ["it is so big "]),
        ("at that time", []),
        (
            "a man who knows when it ends because he has it",
            ["a man ", "a man who knows ", "a man who knows when it ends "],
        ),
        ("3 and 4", []),
        ('the word "this and that"', []),
    ],
)
def test_conjunctions(text, expected):
    assert [
        part for part in parts(text, Place.CONJUNCTION) if part != "a man who knows when it ends because "
    ] == expected


def test_prepositions():
    assert parts("the light scatters in different colors", Place.PREPOSITION) == ["the light scatters "]
    assert parts("the light depends on for us", Place.PREPOSITION) == []


def test_only_english_words_are_known():
    text = "the light scatters in colors and so on, see"
    assert {cut.place for cut in cuts(text, language="de")} == {Place.MARK}
    assert {cut.place for cut in cuts(text)} == set(Place)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0), ("- ,", 0), ("Sure,", 1), ("I'd be well-known", 3), ("3.5 days", 2), ("1. Fish", 1),
        ("(2) Fish eat", 2), ("In 1. Fish", 3), ("你好世界", 2), ("你", 1), ("_ word", 1),
    ],
)  # fmt: skip
def test_words(text, words):
    assert count_words(text) == words


@pytest.mark.parametrize(
    "text", ["It is Paris. ", "Can I help? ", "I can help!\n", "It was 1998. ", 'It is "Paris" there. ']
)
def test_a_sentence_is_over(text):
    assert ends_sentence(text)


@pytest.mark.parametrize(
    "text",
    [
        "It is Paris.", "It is Paris", "I saw Dr. ", "I saw Prof. ", "It costs 3. ", "at 5 p.m. ", "in the U.S. ",
        "3. ", "So it ends… ", "Am 13. ", "Hier ist Dra. ", "So did Mme. ",
        "It is approx. ", "Yes. ", "by J. ", 'He said "It is Paris. ', "Use **it now. ", "", " ",
    ],
)  # fmt: skip
def test_a_sentence_may_go_on(text):
    assert not ends_sentence(text)
