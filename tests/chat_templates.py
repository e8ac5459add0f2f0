"""Short chat templates, each with the rules of one family of models: what it refuses, adds, leaves open."""

from __future__ import annotations

from dataclasses import dataclass

MUST_ALTERNATE = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('user and assistant take turns') }}{% endif %}{% endfor %}"
)


@dataclass(frozen=True)
class Template:
    """One family's template."""

    text: str
    """Jinja."""

    special: tuple[str, ...]
    """The special tokens it writes."""

    end: str
    """The one that ends an answer."""


CHATML = Template(
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    ("<|im_start|>", "<|im_end|>"),
    "<|im_end|>",
)
# Thinks unless told otherwise. Past answers are shown without thoughts, the last one with an empty one.
QWEN3 = Template(
    "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}"
    "{% if m.role == 'tool' %}<|im_start|>user\n<tool_response>{{ m.content }}</tool_response><|im_end|>\n"
    "{% else %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}",
    ("<|im_start|>", "<|im_end|>", "<think>", "</think>"),
    "<|im_end|>",
)
# Always opens a thought; past answers are shown without.
REASONER = Template(
    "{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}"
    "{% elif m.role == 'assistant' %}<|assistant|>{{ m.content }}<|eos|>{% else %}{{ m.content }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}",
    ("<|user|>", "<|assistant|>", "<|eos|>", "<think>", "</think>"),
    "<|eos|>",
)
# A switch in the system message, which is always there.
SMOLLM3 = Template(
    "{% set mode = '/think' if enable_thinking is not defined or enable_thinking else '/no_think' %}"
    "<|im_start|>system\nReasoning: {{ mode }}\n"
    "{% if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}<|im_end|>\n"
    "{% for m in messages %}{% if m.role != 'system' %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and mode == '/no_think' %}<think>\n\n</think>\n{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if mode == '/no_think' %}<think>\n\n</think>\n{% endif %}{% endif %}",
    ("<|im_start|>", "<|im_end|>", "<think>", "</think>"),
    "<|im_end|>",
)
# Thoughts and answers have channels; past answers end differently from the last.
GPT_OSS = Template(
    "<|start|>system<|message|>Reasoning: {{ reasoning_effort if reasoning_effort is defined else 'medium' }}<|end|>"
    "{% for m in messages %}{% if m.role == 'assistant' %}<|start|>assistant<|channel|>final<|message|>"
    "{{ m.content }}{{ '<|return|>' if loop.last else '<|end|>' }}"
    "{% else %}<|start|>{{ 'developer' if m.role == 'system' else m.role }}<|message|>{{ m.content }}<|end|>"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}",
    ("<|start|>", "<|message|>", "<|end|>", "<|channel|>", "<|return|>"),
    "<|return|>",
)
GEMMA = Template(
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    + MUST_ALTERNATE
    + "<bos>{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
    ("<bos>", "<start_of_turn>", "<end_of_turn>"),
    "<end_of_turn>",
)
# The system prompt goes into the first message, user and assistant take turns, the effort is none or high.
MISTRAL = Template(
    "{% if reasoning_effort is defined and reasoning_effort not in ['none', 'high'] %}"
    "{{ raise_exception('none or high') }}{% endif %}"
    "{% set system = messages[0].content if messages[0].role == 'system' else '' %}"
    "{% set messages = messages[1:] if messages[0].role == 'system' else messages %}"
    + MUST_ALTERNATE
    + "<s>{% for m in messages %}{% if m.role == 'user' %}[INST] "
    "{{ system + '\n\n' if loop.first and system else '' }}{{ m.content }}[/INST]"
    "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}",
    ("<s>", "</s>", "[INST]", "[/INST]"),
    "</s>",
)
PHI3 = Template(
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
    "<|end|>",
)
GRANITE = Template(
    "{% if messages[0].role != 'system' %}<|role|>system<|end_role|>You help.{% if thinking %} Think.{% endif %}"
    "<|end_of_text|>\n{% endif %}"
    "{% for m in messages %}<|role|>{{ m.role }}<|end_role|>{{ m.content }}<|end_of_text|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|role|>assistant<|end_role|>{% endif %}",
    ("<|role|>", "<|end_role|>", "<|end_of_text|>"),
    "<|end_of_text|>",
)
LLAMA3 = Template(
    "<|begin|>{% for m in messages %}<|header|>{{ m.role }}<|end_header|>\n\n{{ m.content | trim }}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|header|>assistant<|end_header|>\n\n{% endif %}",
    ("<|begin|>", "<|header|>", "<|end_header|>", "<|eot|>"),
    "<|eot|>",
)
OLMO = Template(
    "<|bos|>{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ '<|eos|>' if m.role == 'assistant' else '' }}\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    ("<|bos|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>"),
    "<|eos|>",
)
# Of models that see: each message is a list of texts and images.
PARTS = Template(
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for part in m.content %}"
    "{% if part.type == 'image' %}<image>{% elif part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    ("<|im_start|>", "<|im_end|>", "<image>"),
    "<|im_end|>",
)
