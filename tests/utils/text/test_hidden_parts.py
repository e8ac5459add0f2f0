"""What of a reply is neither spoken nor kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.text.hidden_parts import BLOCKS, THOUGHTS, TOKENS, HiddenParts, Kind


def visible(text: str, sizes: list[int] | None = None) -> tuple[str, list[Kind]]:
    """What is left of a reply that comes in pieces of these sizes, and what was taken out."""
    hidden, position, given_out = HiddenParts(), 0, ""
    for size in sizes or []:
        given_out += hidden.feed(text[position : position + size])
        position += size
    given_out += hidden.feed(text[position:])
    return given_out + hidden.flush(), hidden.left_out


CASES = {
    # thoughts
    "<think>Hm. So it is.</think>\n\nHello there.": "Hello there.",
    "<think>\n\n</think>\n\nHi.": "Hi.",
    "Yes. <think>or no?</think>No.": "Yes. No.",
    "So it is.</think>\n\nHello.": "So it is.\n\nHello.",
    "<think>It never ends": "",
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>": "Yes.",
    # tool calls
    '<tool_call>\n{"name": "look", "arguments": {}}\n</tool_call>': "",
    'One moment. {"name": "look", "arguments": {"a": "}"}}': "One moment. ",
    '{"type": "function", "function": {"name": "look", "parameters": {}}}\nDone.': "Done.",
    '[{"name": "look", "arguments": {}}, {"name": "go", "arguments": {}}]': "",
    '{"name": "look", "arguments": {"a": "b': "",
    '[TOOL_CALLS]look[ARGS]{"a": 1}': "",
    '[TOOL_CALLS] [{"name": "look", "arguments": {}}]</s>': "",
    '<|python_tag|>look(a="b")<|eom_id|>': "",
    "<function=look>{}</function> So.": "So.",
    "Yes.<｜tool▁calls▁begin｜>look<｜tool▁calls▁end｜>": "Yes.",
    # control tokens
    "Hello.<|im_end|>": "Hello.",
    "Hello.<|im_end|>\n<|im_start|>assistant\nHow are you?": "Hello.\n\nHow are you?",
    "<|start_header_id|>assistant<|end_header_id|>\n\nHi.<|eot_id|>": "Hi.",
    "[INST] Hi [/INST] Hello.</s>": "Hi  Hello.",
    "<start_of_turn>model\nHi.<end_of_turn>": "Hi.",
    "<s>Hi.<|endoftext|>": "Hi.",
    "<｜begin▁of▁sentence｜>Hi.": "Hi.",
}  # fmt: skip


@pytest.mark.parametrize(("text", "left"), CASES.items(), ids=range(len(CASES)))
def test_it_is_taken_out(text, left):
    assert visible(text)[0] == left
    assert visible(text)[1]
    assert visible(text, [1] * len(text)) == visible(text)


@pytest.mark.parametrize(
    "text",
    [
        "x <y and y> z", "a < b, c > d, 3<4", "[1] and [x](y) and [ ]", "{x} and {", '{"name": "Bob", "age": 5}',
        '{"name": no JSON, and so on and on and on}', "a <| b |> c <|", "if (a<b", "<", "<b>bold</b>", "<thin",
        '[{"a": 1}]',
        "```\n{\n}\n```", "f(x)", "<|a b|>", "\n Hi. ", '{"id": 1, "is": ', "", "< s>",
    ],
)  # fmt: skip
def test_other_text_is_left_as_it_is(text):
    assert visible(text) == (text, [])
    assert visible(text, [1] * len(text)) == (text, [])


@pytest.mark.parametrize(("begin", "end"), THOUGHTS)
def test_every_thought_is_one(begin, end):
    assert visible(f"{begin}Hm.{end}Yes.") == ("Yes.", [Kind.THOUGHT])
    assert visible(f"Hm.{end}Yes.")[0] == "Hm.Yes."


@pytest.mark.parametrize("opening", BLOCKS)
def test_what_is_taken_out_is_not_given_out_before_its_end(opening):
    hidden = HiddenParts()
    assert hidden.feed("Hi. " + opening + "secret") == "Hi. "


def test_text_waits_only_while_something_may_begin():
    hidden = HiddenParts()
    assert hidden.feed("One two <") == "One two "
    assert hidden.feed("t") == ""
    assert hidden.feed("e") == "<te"
    assert hidden.feed('{"n') == ""
    assert hidden.feed("o") == '{"no'


PARTS = st.one_of(
    st.sampled_from(
        [*BLOCKS, *filter(None, BLOCKS.values()), *TOKENS, *CASES, '{"name": ', '"arguments": {', "}", "]"]
    ),
    st.text(alphabet='<>[]{}|"/: abthink_s\n', max_size=12),
)


@given(st.lists(PARTS, max_size=6).map("".join), st.lists(st.integers(0, 9)), st.lists(st.integers(0, 3)))
def test_the_pieces_change_nothing(text, sizes, others):
    assert visible(text, sizes) == visible(text, others) == visible(text)


@given(st.text(alphabet=st.characters(exclude_characters="<[{"), max_size=60))
def test_text_without_brackets_is_left_as_it_is(text):
    assert visible(text) == (text, [])
