"""The pieces of a reply."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from utils.text.clauses import Place
from utils.text.reply_pieces import GROWTH, LEAST_WORDS, PAUSE, Piece, ReplyPieces


def split(text: str, sizes: list[int], **options) -> list[Piece]:
    stream, out, position = ReplyPieces(**options), [], 0
    for size in sizes:
        out += stream.feed(text[position : position + size])
        position += size
    return [*out, *stream.feed(text[position:]), *stream.flush()]


GOES_ON = "↷"
TABLE = [
    ("Bees make honey, and wax.", ["Bees make honey,↷", " and wax."]),
    ("Sure, I do.", ["Sure, I do."]),
    ("1. Fish: they live in it.", ["1. Fish: they live in it."]),
    ("It is a country with history and culture.", ["It is a country with history ↷", "and culture."]),
    ("It is rich and big.", ["It is rich and big."]),
    ("The light of the sun scatters mostly in the air.", ["The light of the sun scatters mostly in the air."]),
    ("The light of the sun then does scatter in the air.", ["The light of the sun then does scatter ↷", "in the air."]),
    ("The moon is 140,760,000 km away.", ["The moon is 140,760,000 km away."]),
    ("I saw Dr. Smith, Ann and Bob.", ["I saw Dr. Smith,↷", " Ann and Bob."]),
    ('He said "yes, I do" to me, twice.', ['He said "yes, I do" to me,↷', " twice."]),
    ("It is Paris. It is big, old and rich.", ["It is Paris. ", "It is big, old and rich."]),
    ("Hi! It is 5 p.m. now.", ["Hi! ", "It is 5 p.m. now."]),
    ("It is Paris.  \n\nIt is.", ["It is Paris. ", " \n\nIt is."]),
    ("It is Paris. \n", ["It is Paris. ", "\n"]),
    ("The word is long,  ", ["The word is long,↷", "  "]),
    ("你好，我是。再见。", ["你好，我是。", "再见。"]),
    ("你好美丽世界，我是。再见。", ["你好美丽世界，↷", "我是。", "再见。"]),
    ("", []),
    ("  ", ["  "]),
]  # fmt: skip


def marked(pieces: list[Piece]) -> list[str]:
    return [piece.text + GOES_ON * piece.goes_on for piece in pieces]


@pytest.mark.parametrize(("text", "pieces"), TABLE)
def test_the_pieces_do_not_depend_on_token_boundaries(text, pieces):
    for seed in range(20):
        sizes = [random.Random(seed).randint(0, 5) for _ in range(len(text))]
        assert marked(split(text, sizes)) == pieces


WORDS = st.sampled_from(
    [
        "and ",
        "which ",
        "in ",
        "the ",
        "Paris ",
        "honey, ",
        "1,000 ",
        "Dr. ",
        "end. ",
        "is",
        " ",
        "\n",
        '"',
        "**",
        "(",
        ")",
    ]
)
TEXTS = st.one_of(st.lists(WORDS, max_size=60).map("".join), st.text(max_size=60))
SIZES = st.lists(st.integers(0, 9))


@settings(max_examples=300, deadline=None)
@given(TEXTS, SIZES, SIZES)
def test_nothing_is_lost_and_boundaries_change_nothing(text, sizes, others):
    pieces = split(text, sizes)
    assert "".join(piece.text for piece in pieces) == text
    assert pieces == split(text, others)
    assert all(piece.text.strip() for piece in pieces[:-1])


@settings(max_examples=200, deadline=None)
@given(TEXTS)
@example("one two three, four")
def test_what_goes_on_is_followed_by_more_of_it(text):
    pieces = split(text, [])
    assert not pieces or not pieces[-1].goes_on or text.endswith(pieces[-1].text)
    assert all(len(piece.text.split()) >= 2 or not piece.text.isascii() for piece in pieces if piece.goes_on)


def test_a_piece_is_given_out_as_soon_as_its_end_is_known():
    stream = ReplyPieces()
    assert stream.feed("Bees make honey") == []
    assert stream.feed(",") == [Piece("Bees make honey,", True)]
    stream = ReplyPieces()
    assert stream.feed("Bees make honey.") == []
    assert stream.feed(" ") == [Piece("Bees make honey. ", False)]


def test_later_sentences_are_whole_as_far_as_the_ones_before_buy_time():
    second = "They go from here to there, and on to the next one, and so on. "
    assert marked(split("Bees make honey each day of the summer. " + second, [])) == [
        "Bees make honey each day of the summer. ", second,
    ]  # fmt: skip
    assert marked(split("Yes! " + second, [])) == [
        "Yes! ", "They go from here to there,↷", " and on to the next one, and so on. ",
    ]  # fmt: skip


def test_a_long_rest_is_cut_at_its_last_mark_when_it_outgrows_what_was_given_out():
    first, rest = "One two three,", " four five six, seven eight nine, ten eleven" + " twelve" * 30
    stream = ReplyPieces()
    assert stream.feed(first) == [Piece(first, True)]
    room = int(GROWTH * (len(first) + PAUSE))
    [piece] = stream.feed(rest)
    assert piece == Piece(rest[: rest.index(" ten")], True)
    assert len(piece.text) <= room
    assert stream.feed(" end.") + stream.flush() == [Piece(rest[rest.index(" ten") :] + " end.", False)]


def test_without_rules_sentences_are_whole():
    text = "Bees make honey, and wax. They are big and strong, and so on and on and on and on."
    pieces = split(text, [], least_words={}, growth=float("inf"))
    assert marked(pieces) == ["Bees make honey, and wax. ", text[26:]]


def test_a_mark_parts_sooner_than_a_word():
    assert LEAST_WORDS[Place.MARK] < LEAST_WORDS[Place.CONJUNCTION] < LEAST_WORDS[Place.PREPOSITION]


@pytest.mark.parametrize("language", ["auto", "de", "zh", "xx"])
def test_any_language_code_works(language):
    assert marked(split("Eins zwei drei, vier. Two.", [], language=language)) == ["Eins zwei drei,↷", " vier. ", "Two."]
