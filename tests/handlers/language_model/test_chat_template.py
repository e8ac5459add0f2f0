"""Chat templates of several kinds, with the tokenizer of the real SmolLM2."""

from __future__ import annotations

import copy

import pytest
from transformers import AutoTokenizer

from handlers.language_model.chat_template import ChatTemplate, NoChatTemplate
from utils.models.bundled import resolve_model


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(resolve_model("bundled:smollm2-135m-instruct"))


GEMMA = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>model\n{% endif %}"
)
SILENT = (
    "{% for m in messages %}{% if m['role'] != 'system' %}<|im_start|>{{ m['content'] }}<|im_end|>{% endif %}"
    "{% endfor %}"
)


def template(tokenizer, text: str | None, system: str | None = "system", user: str = "user") -> ChatTemplate:
    changed = copy.deepcopy(tokenizer)
    changed.chat_template = text
    return ChatTemplate(changed, system, user)


MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One."},
    {"role": "user", "content": "Two."},
]


def test_a_template_that_refuses_a_system_role_gets_the_prompt_in_the_first_message(tokenizer):
    made = template(tokenizer, GEMMA)
    text = tokenizer.decode(made.tokens(MESSAGES))
    assert text == "<|im_start|>user\nBe brief.\n\nOne.\nTwo.<|im_end|>\n<|im_start|>model\n"


def test_a_template_that_drops_the_system_prompt_in_silence_gets_it_too(tokenizer):
    assert "Be brief." in tokenizer.decode(template(tokenizer, SILENT).tokens(MESSAGES))


def test_a_model_without_a_template_or_a_role_is_refused(tokenizer):
    with pytest.raises(NoChatTemplate, match="choose an instruct model"):
        template(tokenizer, None)
    with pytest.raises(NoChatTemplate, match="--user_role"):
        template(tokenizer, GEMMA, user="human")


def test_the_token_that_ends_the_assistant_s_words_is_found(tokenizer):
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert template(tokenizer, GEMMA.replace("'user'", "'user'")).end_tokens() == [end]
    assert template(tokenizer, "{% for m in messages %}{{ m['content'] }} {% endfor %}").end_tokens() == []
