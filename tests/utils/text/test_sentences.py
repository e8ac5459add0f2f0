"""Sentences from a token stream."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.text.sentences import SentenceStream


def split(text: str, sizes: list[int], **options) -> list[str]:
    stream, out, position = SentenceStream(**options), [], 0
    for size in sizes:
        out += stream.feed(text[position : position + size])
        position += size
    return [*out, *stream.feed(text[position:]), *stream.flush()]


TABLE = [
    ("Hello there. How are you?", ["Hello there. ", "How are you?"]),
    ("Hi Dr. Smith.  It costs 3.50, e.g. now. Bye.", ["Hi Dr. Smith.  ", "It costs 3.50, e.g. now. ", "Bye."]),
    ("Pi is 3.14159. It's 5 p.m. now. Mr. Bean went.", ["Pi is 3.14159. ", "It's 5 p.m. now. ", "Mr. Bean went."]),
    ("The U.S. army is big. Ok... then.", ["The U.S. army is big. ", "Ok... then."]),
    ("Steps:\n1. Mix it.\n2. Bake it.\nDone!", ["Steps:\n", "1. Mix it.\n", "2. Bake it.\n", "Done!"]),
    ("- one\n- two\n\n- three", ["- one\n", "- two\n\n", "- three"]),
    ("你好。世界！再见。", ["你好。", "世界！", "再见。"]),
    ("Then Dr. Who went. So did Mr. It.", ["Then Dr. Who went. ", "So did Mr. It."]),
    ("J. K. Rowling did. J. Smith did not.", ["J. K. Rowling did. ", "J. Smith did not."]),
    ("It is plan B. Then we go.", ["It is plan B. ", "Then we go."]),
    ("M. Dupont et Mme. Curie. Dra. Ruiz.", ["M. Dupont et Mme. Curie. ", "Dra. Ruiz."]),
    ("Am 3. Mai kam Hr. Klein. Am 13. Oktober nicht.", ["Am 3. Mai kam Hr. Klein. ", "Am 13. Oktober nicht."]),
    ("He lives in St. James St. in town. It is nice.", ["He lives in St. James St. in town. ", "It is nice."]),
    ("I have 3. Then I go.", ["I have 3. ", "Then I go."]),
    ("Dear Mr.\nSmith", ["Dear Mr.\n", "Smith"]),
    ("No end here", ["No end here"]),
    ("", []),
    ("Wow!  ", ["Wow!  "]),
]


@pytest.mark.parametrize(("text", "sentences"), TABLE)
def test_the_split_does_not_depend_on_token_boundaries(text, sentences):
    for seed in range(30):
        sizes = [random.Random(seed).randint(0, 5) for _ in range(len(text))]
        assert split(text, sizes) == sentences
    assert split(text, [1] * len(text)) == sentences


TEXTS = st.text(alphabet=st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(" .!?\n\"',;1aA")))


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 7)), st.integers(5, 40))
def test_nothing_is_lost_repeated_or_reordered(text, sizes, longest):
    assert "".join(split(text, sizes, longest=longest)) == text


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_no_sentence_is_white_space_alone(text):
    sentences = split("Hi. " + text, [1] * len(text))
    assert all(sentence.strip() for sentence in sentences)


def test_a_sentence_is_given_out_as_soon_as_the_next_has_begun():
    stream = SentenceStream()
    assert stream.feed("It is Paris.") == []
    assert stream.feed(" ") == []
    assert stream.feed("It") == ["It is Paris. "]
    assert stream.flush() == ["It"]


def test_text_without_an_end_is_cut_at_a_clause_then_at_a_word():
    stream = SentenceStream(longest=30)
    assert stream.feed("one two three, four five six seven") == ["one two three,"]
    assert stream.feed(" eight nine ten eleven") == [" four five six seven eight "]
    assert "".join(stream.flush()) == "nine ten eleven"
    assert SentenceStream(longest=10).feed("a" * 25) == ["a" * 10, "a" * 10]


@pytest.mark.parametrize("language", ["auto", "yue", "xx", "de", "zh"])
def test_any_language_code_works(language):
    assert split("One. Two.", [1] * 9, language=language) == ["One. ", "Two."]
