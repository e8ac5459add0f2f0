"""A model's chat template, and what it refuses: a system role (Gemma), two user messages in a row."""

from __future__ import annotations

from typing import Any

from jinja2.exceptions import TemplateError

from utils.turns.chat import fold_system_into_user, join_same_role

PROBE = "s2s-probe"  # a word no template contains


class NoChatTemplate(ValueError):
    """The checkpoint is no instruct model."""


class ChatTemplate:
    """Renders messages into token ids the way the model was trained on them."""

    def __init__(self, tokenizer: Any, system_role: str | None, user_role: str) -> None:
        """Raises NoChatTemplate where the tokenizer has none, or where it refuses even a single user message."""
        if not getattr(tokenizer, "chat_template", None):
            raise NoChatTemplate("it has no chat template: choose an instruct model")
        self._tokenizer = tokenizer
        user = {"role": user_role, "content": PROBE}
        if not self._accepts([user]):
            raise NoChatTemplate(f"its chat template refuses the role {user_role!r} of --user_role")
        system = {"role": system_role or "system", "content": PROBE}
        self._folds_system = not self._accepts([system, {**user, "content": "-"}])
        self._joins = not self._accepts([user, user])
        self._user_role = user_role

    def tokens(self, messages: list[dict[str, str]]) -> list[int]:
        """The prompt's token ids, up to where the assistant begins."""
        if self._folds_system:
            messages = fold_system_into_user(messages)
        if self._joins:
            messages = join_same_role(messages)
        ids = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True)
        return [int(token) for token in ids]

    def end_tokens(self) -> list[int]:
        """The special tokens that this template puts after the assistant's words: generation ends there."""
        messages = [
            {"role": self._user_role, "content": "-"},
            {"role": "assistant", "content": PROBE},
        ]
        ids = self._tokenizer.apply_chat_template(messages, tokenize=True)
        specials = {*self._tokenizer.all_special_ids, *self._tokenizer.added_tokens_decoder}
        after_words: list[int] = []
        for token in reversed(ids):
            if token in specials:
                after_words.append(int(token))
            elif self._tokenizer.decode([token]).strip():
                break
        return after_words[-1:]

    def _accepts(self, messages: list[dict[str, str]]) -> bool:
        """Whether it takes these roles and does not drop what they say (some drop a system prompt in silence)."""
        try:
            text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except (TemplateError, ValueError, TypeError):
            return False
        return str(text).count(PROBE) == sum(message["content"] == PROBE for message in messages)
