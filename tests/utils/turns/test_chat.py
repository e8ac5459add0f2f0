"""The chat history and what was heard of a reply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.turns.chat import Chat, SpokenSentence, fold_system_into_user, heard_text, join_same_role


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


SYSTEM = {"role": "system", "content": "Be brief."}


def test_messages_are_the_prompt_the_pairs_and_the_new_message():
    chat = Chat(4, "Be brief.")
    assert chat.messages("hi") == [SYSTEM, user("hi")]
    chat.record("hi", " Hello. ")
    chat.record("so?", "")
    chat.record("and?", "Well, it", interrupted=True)
    assert chat.messages("go on") == [
        SYSTEM, user("hi"), assistant("Hello."), user("so?"), user("and?"), assistant("Well, it…"), user("go on"),
    ]  # fmt: skip


def test_messages_are_a_copy():
    chat = Chat(2, "Be brief.")
    chat.messages("x")[0]["content"] = "changed"
    assert chat.messages("x")[0] == SYSTEM


def test_roles_can_be_named():
    chat = Chat(2, "P", user_role="human", system_role="developer")
    assert chat.messages("x") == [{"role": "developer", "content": "P"}, {"role": "human", "content": "x"}]


@given(st.integers(0, 20), st.integers(0, 60))
def test_at_most_size_pairs_are_kept_and_dropped_in_blocks(size, turns):
    chat = Chat(size)
    starts, seen = 0, None
    for turn in range(turns):
        chat.record(f"u{turn}", f"a{turn}")
        messages = chat.messages("new")
        assert len(messages) <= 2 * size + 1
        if size:
            assert messages[-3:] == [user(f"u{turn}"), assistant(f"a{turn}"), user("new")]
            starts += messages[0] != seen
            seen = messages[0]
    if size >= 4 and turns:
        assert starts <= 1 + -(-turns // (size // 4))


def remembered(turns: int) -> Chat:
    chat = Chat(8, "P")
    for turn in range(turns):
        chat.record(str(turn), "a")
    return chat


def test_pairs_are_left_out_in_blocks_until_none_is_left():
    chat, without, sizes = remembered(8), 0, []
    while (more := chat.more_left_out(without)) > without:
        without = more
        sizes.append(len(chat.messages("x", without)))
    assert sizes == [14, 12, 10, 8, 6, 4, 2]
    assert chat.messages("x", without) == [{"role": "system", "content": "P"}, user("x")]
    assert len(chat.messages("x")) == 18  # nothing is forgotten


def test_what_had_no_room_goes_when_the_words_are_recorded():
    chat = remembered(4)
    chat.leave_out("new", 3)
    assert len(chat.messages("new")) == 10
    chat.record("new", "b")
    assert chat.messages("x")[1:] == [user("3"), assistant("a"), user("new"), assistant("b"), user("x")]


def test_what_other_words_had_no_room_for_stays():
    chat = remembered(4)
    chat.leave_out("what was heard first", 3)
    chat.record("what was said", "b")
    assert chat.messages("x")[1] == user("0")
    chat.record("what was heard first", "c")
    assert chat.messages("x")[1] == user("0")


def test_join_same_role():
    assert join_same_role([SYSTEM, user("a"), user("b"), assistant("c")]) == [SYSTEM, user("a\nb"), assistant("c")]
    assert join_same_role([]) == []


def test_fold_system_into_user():
    assert fold_system_into_user([SYSTEM, user("a"), assistant("b")]) == [user("Be brief.\n\na"), assistant("b")]
    for messages in ([user("a")], [user("a"), user("b")], [user("a"), assistant("b"), user("c")]):
        assert fold_system_into_user(messages) == messages


RATE = 44_100
FIRST = SpokenSentence("One two three. ", 3 * RATE, True)
SECOND = SpokenSentence("Four five six.", 3 * RATE, True)
OPEN = SpokenSentence("Four five six.", RATE // 10, False)
EMOJI = SpokenSentence("🎉 ", 0, True)


@pytest.mark.parametrize(
    ("sentences", "heard", "text"),
    [
        ([FIRST, SECOND], 0, ""),
        ([FIRST, SECOND], 3 * RATE, "One two three. "),
        ([FIRST, SECOND], 6 * RATE, "One two three. Four five six."),
        ([FIRST, SECOND], 5 * RATE, "One two three. Four five"),
        ([FIRST, SECOND], int(1.5 * RATE), "One two"),
        ([FIRST, SECOND], 100, ""),
        ([FIRST, OPEN], 3 * RATE + RATE // 10, "One two three. "),
        ([FIRST, EMOJI, SECOND], 3 * RATE, "One two three. "),
        ([FIRST, EMOJI, SECOND], 6 * RATE, "One two three. 🎉 Four five six."),
        ([EMOJI], 0, "🎉 "),
        ([], 100, ""),
    ],
)
def test_heard_text(sentences, heard, text):
    assert heard_text(sentences, heard) == text


SENTENCES = st.lists(
    st.builds(SpokenSentence, st.text("abc .,é", min_size=1), st.integers(0, 5 * RATE), st.booleans()), max_size=5
)


@given(SENTENCES, st.integers(0, 30 * RATE))
def test_what_was_heard_is_a_prefix_of_the_reply(sentences, heard):
    assert "".join(sentence.text for sentence in sentences).startswith(heard_text(sentences, heard))


@given(SENTENCES, st.integers(0, 30 * RATE), st.integers(0, RATE))
def test_more_heard_is_more_text(sentences, heard, more):
    assert len(heard_text(sentences, heard + more)) >= len(heard_text(sentences, heard))


@given(SENTENCES)
def test_all_heard_is_all_text(sentences):
    complete = [SpokenSentence(s.text, s.samples, True) for s in sentences]
    assert heard_text(complete, sum(s.samples for s in complete)) == "".join(s.text for s in complete)
