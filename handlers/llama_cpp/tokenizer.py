"""A GGUF file's tokenizer and chat template, as `utils.models.chat_template` asks for them.

The template is Jinja, and is rendered with what Transformers renders it with: the models' authors have tested it there.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from handlers.llama_cpp.model import Model
from utils.models.load_errors import UnusableModel
from utils.turns.chat import ChatMessage


@dataclass(frozen=True)
class SpecialToken:
    """A token that a tokenizer knows besides those of its texts."""

    content: str
    """Its name, as a template writes it."""


class GgufTokenizer:
    """The part of a Transformers tokenizer that a chat template needs.

    Raises UnusableModel where the file's template can't be parsed.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.chat_template = model.chat_template
        special = model.special_tokens()
        self.all_special_ids = list(special)
        self.added_tokens_decoder = {token: SpecialToken(name) for token, name in special.items()}
        try:
            self._template = _environment().from_string(self.chat_template or "")
        except TemplateError as error:
            raise UnusableModel(f"its chat template can't be parsed: {error}") from error
        self._names = {"bos_token": model.named("bos"), "eos_token": model.named("eos")}

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        """The token ids of a text, in which special tokens are written as they are; none is added."""
        return {"input_ids": self._model.tokens(text)}

    def apply_chat_template(
        self, messages: list[ChatMessage], *, tokenize: bool, add_generation_prompt: bool, **switches: Any
    ) -> str:
        """The text of a conversation. Raises jinja2.TemplateError, and what else the template may raise."""
        return self._template.render(
            messages=messages, add_generation_prompt=add_generation_prompt, **self._names, **switches
        )

    def decode(self, tokens: list[int]) -> str:
        """The text of tokens, without the special ones."""
        return b"".join(map(self._model.piece, tokens)).decode(errors="replace")


class _Generation(Extension):
    """`{% generation %}` marks the assistant's words for training. Here its content is rendered, and no more."""

    tags = {"generation"}  # noqa: RUF012  (Jinja declares it as a set)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


def _environment() -> ImmutableSandboxedEnvironment:
    """A sandbox: the template comes with the file, from anywhere."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals.update(raise_exception=_refuse, strftime_now=_now)
    return environment


def _to_json(value: Any, indent: int | None = None, **_: Any) -> str:
    """Without the escapes for HTML that Jinja's own filter makes."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.datetime.now().strftime(form)
