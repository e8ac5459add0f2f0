"""The prompt of the next turn, and what of it is known before the user's words: the same for every engine that has a
chat template and a context of limited length.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from utils.models.chat_template import ChatTemplate
from utils.turns.chat import Chat

logger = logging.getLogger(__name__)

UNBOUNDED_CONTEXT = 1 << 20  # tokens, for a model that names no limit
PROBES = ("A", "5")  # words of a user that begin differently: what the prompts share is known before the words are


class Prompts:
    """Makes the prompts of all conversations.

    new_tokens: of the longest reply. The other options: see `arguments/lm_arguments.py`.
    """

    def __init__(
        self,
        template: ChatTemplate,
        *,
        new_tokens: int,
        user_role: str,
        init_chat_role: str | None,
        init_chat_prompt: str,
        chat_size: int,
    ) -> None:
        self._template = template
        self.context_length = UNBOUNDED_CONTEXT
        """Tokens of the prompt and the reply together, for the engine to set."""
        self._new_tokens = new_tokens
        self._chat_options = (chat_size, init_chat_role, init_chat_prompt, user_role)

    def new_chat(self) -> Chat:
        """The history of a new conversation."""
        size, role, prompt, user_role = self._chat_options
        return Chat(size, prompt if role else None, user_role=user_role, system_role=role or "system")

    def whole(self, chat: Chat, user_text: str) -> list[int]:
        """The prompt's tokens, with so much of the history as there is room for beside a reply.

        The longest reply has at least half of the context, so that a conversation is not forgotten for the sake of
        words that few replies need. The pairs that had no room go for good once these words are in the history.
        """
        prompt, without = self._fitting(chat, user_text)
        chat.leave_out(user_text, without)
        if len(prompt) > self._room:
            logger.warning("the prompt of %d tokens is longer than the model's context: its start is cut", len(prompt))
        return prompt[-self._room :]

    def new_tokens(self, prompt: Sequence[int]) -> int:
        """How many tokens may follow this prompt."""
        return max(1, min(self._new_tokens, self.context_length - len(prompt)))

    def known(self, chat: Chat, words: str | None, rereads: int) -> list[int]:
        """What can be read ahead: the prompt of these words, or, where they are None, what any words follow.

        rereads: how many of the last tokens are left to be read with the prompt.
        """
        prompts = [self._fitting(chat, text)[0][-self._room :] for text in (PROBES if words is None else [words])]
        return prompts[0][: max(0, common_prefix(prompts[0], prompts[-1]) - rereads)]

    def _fitting(self, chat: Chat, user_text: str) -> tuple[list[int], int]:
        """The prompt, and how many of the oldest pairs it has no room for."""
        without = 0
        prompt = self._template.tokens(chat.messages(user_text))
        while len(prompt) > self._room and (more := chat.more_left_out(without)) > without:
            without = more
            prompt = self._template.tokens(chat.messages(user_text, without))
        return prompt, without

    @property
    def _room(self) -> int:
        """Tokens of a prompt, at most."""
        return max(1, self.context_length - self._new_tokens, self.context_length // 2)


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens both begin with."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(first), len(second)))
