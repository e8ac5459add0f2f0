"""What the model writes, as text in pieces, thoughts left out."""

from __future__ import annotations

import torch

from handlers.language_model.streamer import PieceStreamer
from tests import chat_templates as templates
from tests.lm_checkpoint import tokenizer_of_characters

TOKENIZER = tokenizer_of_characters(templates.QWEN3)
THOUGHT = tuple(TOKENIZER.convert_tokens_to_ids(["<think>", "</think>"]))
PROMPT = TOKENIZER("Hello.")["input_ids"]


def streamed(text: str, thought: tuple[int, int] | None = THOUGHT) -> tuple[str, list[int]]:
    """(what is emitted of it, the tokens that are kept account of)."""
    pieces: list[str] = []
    streamer = PieceStreamer(TOKENIZER, PROMPT, pieces.append, thought)
    for token in TOKENIZER(text)["input_ids"]:
        streamer.put_token(token)
    streamer.end()
    return "".join(pieces), streamer.tokens


def test_text_comes_as_it_is_written_and_every_token_is_counted():
    text = "One, two.\nThree: <|im_end|>"
    assert streamed(text) == ("One, two.\nThree: ", [*PROMPT, *TOKENIZER(text)["input_ids"]])


def test_thoughts_are_not_spoken_and_are_counted():
    text = "<think>Let me\nsee. </think>Four. <think>Is it?</think>Yes.<think>No"
    assert streamed(text) == ("Four. Yes.", [*PROMPT, *TOKENIZER(text)["input_ids"]])


def test_the_end_of_a_thought_that_the_prompt_opened():
    assert streamed("</think>Four.")[0] == "Four."


def test_without_thoughts_nothing_is_held_back():
    assert streamed("a<think>b", None)[0] == "ab"


def test_generate_gives_the_prompt_first():
    pieces: list[str] = []
    streamer = PieceStreamer(TOKENIZER, PROMPT, pieces.append, THOUGHT)
    streamer.put(torch.tensor([PROMPT]))
    for token in TOKENIZER("Hi!")["input_ids"]:
        streamer.put(torch.tensor([token]))
    streamer.end()
    assert ("".join(pieces), len(streamer.tokens)) == ("Hi!", len(PROMPT) + 3)
