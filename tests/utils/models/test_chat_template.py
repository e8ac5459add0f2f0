"""Chat templates with the rules of several families of models."""

from __future__ import annotations

import pytest

from tests import chat_templates as templates
from tests.lm_checkpoint import tokenizer_of_characters
from utils.models.chat_template import ChatTemplate, NoChatTemplate

SYSTEM, ONE, TWO = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One."},
    {"role": "user", "content": "Two."},
)
ANSWER = {"role": "assistant", "content": "Yes."}
TALK = [SYSTEM, ONE, ANSWER, TWO]

ALL = {name: value for name, value in vars(templates).items() if isinstance(value, templates.Template)}
PROMPTS = {
    "CHATML": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne.<|im_end|>\n"
    "<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\nTwo.<|im_end|>\n<|im_start|>assistant\n",
    "QWEN3": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne.<|im_end|>\n"
    "<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\nTwo.<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\n\n",
    "REASONER": "Be brief.<|user|>One.<|assistant|>Yes.<|eos|><|user|>Two.<|assistant|><think>\n\n</think>\n\n",
    "SMOLLM3": "<|im_start|>system\nReasoning: /no_think\nBe brief.<|im_end|>\n<|im_start|>user\nOne.<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\nYes.<|im_end|>\n<|im_start|>user\nTwo.<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\n",
    "GPT_OSS": "<|start|>system<|message|>Reasoning: low<|end|><|start|>developer<|message|>Be brief.<|end|>"
    "<|start|>user<|message|>One.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|end|>"
    "<|start|>user<|message|>Two.<|end|><|start|>assistant<|channel|>final<|message|>",
    "GEMMA": "<bos><start_of_turn>user\nBe brief.\n\nOne.<end_of_turn>\n<start_of_turn>model\nYes.<end_of_turn>\n"
    "<start_of_turn>user\nTwo.<end_of_turn>\n<start_of_turn>model\n",
    "MISTRAL": "<s>[INST] Be brief.\n\nOne.[/INST] Yes.</s>[INST] Two.[/INST]",
    "PHI3": "<|system|>\nBe brief.<|end|>\n<|user|>\nOne.<|end|>\n<|assistant|>\nYes.<|end|>\n"
    "<|user|>\nTwo.<|end|>\n<|assistant|>\n",
    "GRANITE": "<|role|>system<|end_role|>Be brief.<|end_of_text|>\n<|role|>user<|end_role|>One.<|end_of_text|>\n"
    "<|role|>assistant<|end_role|>Yes.<|end_of_text|>\n<|role|>user<|end_role|>Two.<|end_of_text|>\n"
    "<|role|>assistant<|end_role|>",
    "LLAMA3": "<|begin|><|header|>system<|end_header|>\n\nBe brief.<|eot|><|header|>user<|end_header|>\n\nOne.<|eot|>"
    "<|header|>assistant<|end_header|>\n\nYes.<|eot|><|header|>user<|end_header|>\n\nTwo.<|eot|>"
    "<|header|>assistant<|end_header|>\n\n",
    "OLMO": "<|bos|><|system|>\nBe brief.\n<|user|>\nOne.\n<|assistant|>\nYes.<|eos|>\n<|user|>\nTwo.\n<|assistant|>\n",
    "PARTS": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne.<|im_end|>\n"
    "<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\nTwo.<|im_end|>\n<|im_start|>assistant\n",
}


def of(template: templates.Template, system: str | None = "system", user: str = "user") -> ChatTemplate:
    return ChatTemplate(tokenizer_of_characters(template), system, user)


def of_text(text: str | None, special: tuple[str, ...] = ("<e>",), **roles: str) -> ChatTemplate:
    return of(templates.Template(text or "", special, special[0]), **roles)


def rendered(made: ChatTemplate, messages: list[dict[str, str]]) -> str:
    return made._tokenizer.decode(made.tokens(messages))


def test_every_family_s_prompt_is_known():
    assert PROMPTS.keys() == ALL.keys()


@pytest.mark.parametrize("name", ALL)
def test_a_prompt_is_what_the_family_was_trained_on(name):
    assert rendered(of(ALL[name]), TALK) == PROMPTS[name]


@pytest.mark.parametrize("name", ALL)
def test_two_messages_in_a_row_and_no_system_prompt(name):
    """The words of an unanswered turn are followed by those of the next."""
    text = rendered(of(ALL[name], system=None), [ONE, TWO])
    assert text.index("One.") < text.index("Two.")
    joined = "One.\nTwo." in text
    assert joined == (name in ("GEMMA", "MISTRAL"))


@pytest.mark.parametrize("name", ALL)
def test_the_token_that_ends_an_answer_is_found(name):
    made = of(ALL[name])
    assert made.end_tokens() == [made._tokenizer.convert_tokens_to_ids(ALL[name].end)]


@pytest.mark.parametrize("name", ALL)
def test_what_a_thought_begins_and_ends_with(name):
    made = of(ALL[name])
    known = name in ("QWEN3", "REASONER", "SMOLLM3")
    tokens = tuple(made._tokenizer.convert_tokens_to_ids(["<think>", "</think>"])) if known else None
    assert made.thought_tokens == tokens


@pytest.mark.parametrize(
    ("name", "switches"),
    [
        ("CHATML", {}),
        ("QWEN3", {"enable_thinking": False}),
        ("SMOLLM3", {"enable_thinking": False}),
        ("GPT_OSS", {"reasoning_effort": "low"}),
        ("MISTRAL", {"reasoning_effort": "none"}),
        ("GRANITE", {"thinking": False}),
    ],
)
def test_thinking_is_switched_off_where_the_template_can(name, switches):
    assert of(ALL[name])._switches == switches


def test_a_switch_that_the_template_refuses_is_left_alone():
    text = (
        "{% if enable_thinking is defined %}{{ raise_exception('always') }}{% endif %}"
        "{% for m in messages %}{{ m.content }}<e>{% endfor %}"
    )
    made = of_text(text)
    assert made._switches == {}
    assert rendered(made, [ONE]) == "One.<e>"


def test_tools_in_a_template_do_not_disturb():
    made = of(templates.QWEN3)
    assert "tool" not in rendered(made, TALK)


def test_a_template_that_drops_the_system_prompt_in_silence_gets_it_in_the_first_message():
    text = "{% for m in messages %}{% if m.role != 'system' %}<e>{{ m.content }}<e>{% endif %}{% endfor %}"
    assert rendered(of_text(text), [SYSTEM, ONE]).startswith("<e>Be brief.\n\nOne.<e>")


WANTS_SYSTEM = "{% if messages[0].role != 'system' %}{{ raise_exception('a system message comes first') }}{% endif %}"
WHOLE = "{% for m in messages %}<e>{{ m.role }}: {{ m.content }}{% endfor %}"
IN_PARTS = "{% for m in messages %}<e>{{ m.role }}: {% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}"


@pytest.mark.parametrize("body", [WHOLE, IN_PARTS], ids=["whole", "in parts"])
def test_a_template_that_wants_a_system_message_gets_one(body):
    made = of_text(WANTS_SYSTEM + body)
    own = rendered(made, [SYSTEM, ONE])
    assert own == "<e>system: Be brief.<e>user: One.<e>assistant: "
    assert rendered(made, [ONE]) == own.replace("Be brief.", "You are a helpful assistant.")
    assert made.end_tokens() == []


def test_a_system_message_may_have_another_role():
    made = of_text(WANTS_SYSTEM.replace("'system'", "'developer'") + WHOLE, system="developer")
    assert rendered(made, [ONE]).startswith("<e>developer: You are a helpful assistant.<e>user: One.")


def test_a_template_that_does_not_open_the_answer_has_it_opened():
    text = "{% for m in messages %}<e>{{ m.role }}: {{ m.content }}{% endfor %}"
    assert rendered(of_text(text), [ONE]) == "<e>user: One.<e>assistant: "


def test_a_template_that_wants_the_user_to_have_the_last_word():
    text = (
        "{% if messages[-1].role != 'user' %}{{ raise_exception('the user speaks last') }}{% endif %}"
        "{% for m in messages %}{{ m.content }}{{ '<e>' if m.role == 'assistant' else '<u>' }}{% endfor %}"
    )
    made = of_text(text, ("<e>", "<u>"))
    assert made.end_tokens() == [made._tokenizer.convert_tokens_to_ids("<e>")]


def test_a_template_that_takes_no_answers_ends_them_with_nothing():
    text = (
        "{% for m in messages %}{% if m.role != 'user' %}{{ raise_exception('no') }}{% endif %}"
        "{{ m.content }}{% endfor %}"
    )
    made = of_text(text)
    assert made.end_tokens() == []
    assert rendered(made, [ONE]) == "One."


def test_a_template_without_an_end():
    assert of_text("{% for m in messages %}{{ m.content }} {% endfor %}").end_tokens() == []


def test_one_of_several_templates_is_the_default():
    tokenizer = tokenizer_of_characters(templates.CHATML)
    tokenizer.chat_template = {"default": templates.CHATML.text, "tool_use": "{{ tools[0] }}"}
    assert rendered(ChatTemplate(tokenizer, "system", "user"), TALK) == PROMPTS["CHATML"]


def test_a_template_in_a_file_of_its_own(tmp_path):
    from utils.models.tokenizer import load_tokenizer

    tokenizer_of_characters(templates.QWEN3).save_pretrained(tmp_path)
    assert (tmp_path / "chat_template.jinja").read_text() == templates.QWEN3.text
    assert rendered(ChatTemplate(load_tokenizer(str(tmp_path)), "system", "user"), TALK) == PROMPTS["QWEN3"]


def test_a_model_without_a_template_or_a_role_is_refused():
    with pytest.raises(NoChatTemplate, match="choose an instruct model"):
        of_text(None)
    with pytest.raises(NoChatTemplate, match="--user_role"):
        of(templates.GEMMA, user="human")
