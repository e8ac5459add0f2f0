"""The prompts that every engine makes: what has room, what is known before the words."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.prompts import Prompts, common_prefix
from utils.turns.chat import Chat


class CharacterTemplate:
    """A token a character; each message between brackets."""

    def tokens(self, messages: list[dict[str, str]]) -> list[int]:
        return [ord(character) for message in messages for character in f"[{message['content']}]"]


def make(context_length: int, new_tokens: int, chat_size: int = 100) -> Prompts:
    prompts = Prompts(
        CharacterTemplate(), new_tokens=new_tokens, user_role="user", init_chat_role="system",
        init_chat_prompt="Be brief.", chat_size=chat_size,
    )  # fmt: skip
    prompts.context_length = context_length
    return prompts


def history(prompts: Prompts, pairs: int) -> Chat:
    chat = prompts.new_chat()
    for number in range(pairs):
        chat.record(f"question {number}", f"answer {number}")
    return chat


def text(tokens: list[int]) -> str:
    return "".join(map(chr, tokens))


def test_a_prompt_is_the_history_and_the_words():
    prompts = make(1_000, 100)
    assert text(prompts.whole(history(prompts, 1), "hello")) == "[Be brief.][question 0][answer 0][hello]"


@given(st.integers(1, 400), st.integers(1, 500), st.integers(0, 12), st.text(max_size=80))
def test_prompt_and_reply_have_room_in_any_context(context_length, new_tokens, pairs, words):
    prompts = make(context_length, new_tokens)
    prompt = prompts.whole(history(prompts, pairs), words)
    follow = prompts.new_tokens(prompt)
    assert len(prompt) > 0
    assert 1 <= follow <= new_tokens
    assert len(prompt) + follow <= max(2, context_length)
    assert text(prompt).endswith(f"{words}]"[-len(prompt) :])


def test_replies_as_long_as_the_context_leave_half_of_it_to_the_conversation():
    prompts = make(200, 1_000)
    chat = history(prompts, 2)
    assert "question 1" in text(prompts.whole(chat, "hello"))
    assert prompts.new_tokens(prompts.whole(chat, "hello")) > 100


def test_the_oldest_go_first_and_only_with_words_that_were_said():
    prompts = make(300, 100)
    chat = history(prompts, 20)
    before = chat.messages("x")
    prompts.known(chat, "perhaps these words " * 5, 0)
    prompts.known(chat, None, 0)
    prompt = text(prompts.whole(chat, "hello"))
    assert chat.messages("x") == before
    assert "question 0]" not in prompt
    assert "answer 19" in prompt
    chat.record("hello", "hi")
    assert len(chat.messages("x")) < len(before)
    assert text(prompts.whole(chat, "again")).startswith(prompt[:30])


def test_words_without_room_lose_their_start_with_a_line(caplog):
    prompts = make(100, 40)
    with caplog.at_level(logging.WARNING):
        prompt = text(prompts.whole(history(prompts, 3), "very long " * 20 + "indeed"))
    assert (len(prompt), prompt[-7:]) == (60, "indeed]")
    assert caplog.messages == ["the prompt of 219 tokens is longer than the model's context: its start is cut"]


@pytest.mark.parametrize(("words", "rereads", "known"), [
    (None, 0, "[Be brief.][question 0][answer 0]["),
    (None, 1, "[Be brief.][question 0][answer 0]"),
    ("hello", 0, "[Be brief.][question 0][answer 0][hello]"),
    ("hello", 1, "[Be brief.][question 0][answer 0][hello"),
])  # fmt: skip
def test_what_is_known_is_what_all_words_follow(words, rereads, known):
    prompts = make(1_000, 100)
    assert text(prompts.known(history(prompts, 1), words, rereads)) == known


def test_common_prefix():
    assert [common_prefix(*pair) for pair in (("", "a"), ("ab", "ab"), ("ab", "abc"), ("abc", "abd"))] == [0, 2, 2, 2]
