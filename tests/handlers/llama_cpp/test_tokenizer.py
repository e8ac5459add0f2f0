"""A GGUF file's chat template renders as Transformers renders it, for the rules of several families of models."""

from __future__ import annotations

import pytest

from handlers.llama_cpp.model import Model
from handlers.llama_cpp.tokenizer import GgufTokenizer
from tests import chat_templates as templates
from tests.gguf_checkpoint import write_gguf
from tests.lm_checkpoint import tokenizer_of_characters
from utils.models.chat_template import ChatTemplate

ALL = {name: value for name, value in vars(templates).items() if isinstance(value, templates.Template)}
TALK = [
    {"role": "system", "content": "Be brief."}, {"role": "user", "content": "One."},
    {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Two."},
]  # fmt: skip


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("talk", [TALK, TALK[1:], TALK[1:2] + TALK[3:]], ids=["system", "none", "unanswered"])
def test_prompts_are_those_of_transformers(name, talk, tmp_path):
    theirs = tokenizer_of_characters(ALL[name])
    ours = GgufTokenizer(Model(write_gguf(tmp_path / "tiny.gguf", template=ALL[name]), 0))
    ours._names = theirs.special_tokens_map
    expected, made = (ChatTemplate(tokenizer, "system", "user") for tokenizer in (theirs, ours))
    assert text_of(made, talk) == text_of(expected, talk)
    assert made._switches == expected._switches
    assert (made.thought_tokens is None) == (expected.thought_tokens is None)
    assert len(made.end_tokens()) == len(expected.end_tokens())


def text_of(template: ChatTemplate, talk: list[dict[str, str]]) -> str:
    """What of this talk is made into tokens."""
    texts: list[str] = []
    template._encode = lambda text: texts.append(text) or []
    template.tokens(talk)
    del template._encode
    return texts[0]
