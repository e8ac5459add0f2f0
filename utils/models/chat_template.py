"""A model's chat template: what it refuses (a system role, two user messages in a row), and how thinking is left out.

A voice assistant must not think aloud. So a template that knows a switch for thinking gets it switched off, and the
prompt ends where the words of an answer begin, behind a thought that the template would leave open.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

from jinja2.exceptions import TemplateError

from utils.models.load_errors import UnusableModel
from utils.text.hidden_parts import THOUGHTS
from utils.turns.chat import ASSISTANT, ChatMessage, fold_system_into_user, join_same_role

PROBE = "s2s-probe"  # a word no template contains
SYSTEM = "system"  # the role of the instructions, where the options name no other
NO_INSTRUCTIONS = "You are a helpful assistant."  # for a template that wants some where the options give none
SWITCHES = {"enable_thinking": False, "thinking": False, "enable_reasoning": False, "thinking_budget": 0}
EFFORT = "reasoning_effort"  # a switch with words for values: "none", where the template knows it, else "low"


class NoChatTemplate(UnusableModel):
    """The checkpoint is no instruct model."""


class ChatTemplate:
    """Renders messages into token ids the way the model was trained on them."""

    def __init__(self, tokenizer: Any, system_role: str | None, user_role: str) -> None:
        """Raises NoChatTemplate where the tokenizer has none, or where it refuses even a single user message."""
        if not getattr(tokenizer, "chat_template", None):
            raise NoChatTemplate("it has no chat template: choose an instruct model")
        self._tokenizer = tokenizer
        self._user_role = user_role
        self._system_role = system_role or SYSTEM
        self._switches: dict[str, Any] = {}
        user = {"role": user_role, "content": PROBE}
        # Some want each message as a list of texts and images, some want a system message to begin with.
        for self._needs_system, self._in_parts in itertools.product((False, True), (False, True)):
            if self._accepts([user]):
                break
        else:
            raise NoChatTemplate(f"its chat template refuses the role {user_role!r} of --user_role")
        self._switches = self._known_switches([user])
        system = {"role": self._system_role, "content": PROBE}
        self._folds_system = not self._accepts([system, {**user, "content": "-"}])
        self._joins = not self._accepts([user, user])
        self._lead_in = self._find_lead_in()
        self.thought_tokens = self._find_thought_tokens()
        """What begins and ends a thought of this model; None where it has none."""

    def tokens(self, messages: list[ChatMessage]) -> list[int]:
        """The prompt's token ids, up to where the assistant's words begin."""
        if self._folds_system:
            messages = fold_system_into_user(messages)
        if self._joins:
            messages = join_same_role(messages)
        return self._encode(self._render(messages, True) + self._lead_in)

    def end_tokens(self) -> list[int]:
        """The special tokens that this template puts after the assistant's words: generation ends there."""
        specials = {*self._tokenizer.all_special_ids, *self._tokenizer.added_tokens_decoder}
        for token in self._encode(self._answered().partition(PROBE)[2]):
            if token in specials:
                return [token]
            if self._tokenizer.decode([token]).strip():
                break
        return []

    def _find_thought_tokens(self) -> tuple[int, int] | None:
        known = {token.content: number for number, token in self._tokenizer.added_tokens_decoder.items()}
        return next(((known[a], known[b]) for a, b in THOUGHTS if a in known and b in known), None)

    def _known_switches(self, messages: list[ChatMessage]) -> dict[str, Any]:
        """Those that the template speaks of and takes, with the value that asks for least thinking."""
        source = self._source()
        efforts = [effort for effort in ("none", "low") if re.search(rf"[\"']{effort}[\"']", source)] or ["low"]
        wanted = [*SWITCHES.items(), *((EFFORT, effort) for effort in reversed(efforts))]
        taken: dict[str, Any] = {}
        for name, value in wanted:
            if re.search(rf"\b{name}\b", source) and self._accepts(messages, **taken | {name: value}):
                taken[name] = value
        return taken

    def _source(self) -> str:
        template = self._tokenizer.chat_template
        return "\n".join(template.values()) if isinstance(template, dict) else str(template)

    def _find_lead_in(self) -> str:
        """What stands between the prompt's end and an answer's words: the end of a thought, a channel.

        A template that shows an answer as it would have been written says so itself. One that shows answers without
        the thought that its prompts open does not.
        """
        prompt = self._render([{"role": self._user_role, "content": "-"}], True)
        before_words = self._answered().partition(PROBE)[0]
        if before_words.startswith(prompt):
            lead_in = before_words[len(prompt) :]
            return lead_in if lead_in.strip() else ""  # a space belongs to the first word's token
        ends = [end for begin, end in THOUGHTS if prompt.rstrip().endswith(begin)]
        return f"\n{ends[0]}\n\n" if ends else ""

    def _answered(self) -> str:
        """A conversation in which the assistant has answered PROBE. Some templates want the user to have the last word,
        and some take no answer at all: then it is ""."""
        user, answer = {"role": self._user_role, "content": "-"}, {"role": ASSISTANT, "content": PROBE}
        for messages in ([user, answer], [user, answer, user]):
            try:
                return self._render(messages, False)
            except (TemplateError, ValueError, TypeError):
                continue
        return ""

    def _render(self, messages: list[ChatMessage], opens_answer: bool, **switches: Any) -> str:
        """opens_answer: up to where the assistant begins. Raises what the template does, TemplateError or others."""
        if self._needs_system and messages[0]["role"] != self._system_role:
            messages = [{"role": self._system_role, "content": NO_INSTRUCTIONS}, *messages]
        shown: list[Any] = list(messages)
        if self._in_parts:
            shown = [{**m, "content": [{"type": "text", "text": m["content"]}]} for m in messages]
        text = self._tokenizer.apply_chat_template(
            shown, tokenize=False, add_generation_prompt=opens_answer, **self._switches | switches
        )
        return str(text)

    def _encode(self, text: str) -> list[int]:
        return [int(token) for token in self._tokenizer(text, add_special_tokens=False)["input_ids"]]

    def _accepts(self, messages: list[ChatMessage], **switches: Any) -> bool:
        """Whether it takes these roles and does not drop what they say (some drop a system prompt in silence)."""
        try:
            text = self._render(messages, True, **switches)
        except (TemplateError, ValueError, TypeError):
            return False
        return text.count(PROBE) == sum(message["content"] == PROBE for message in messages)
