"""The history of one conversation: what the user said, and what the user heard of the answers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from utils.audio.wire import REPLY_RATE

ChatMessage: TypeAlias = dict[str, str]

ASSISTANT = "assistant"
CUT_OFF = "…"  # ends an interrupted reply: the model sees that it was cut off, and where
CHARACTERS_A_SECOND = 15.0  # of English speech, for a sentence whose audio is not complete


@dataclass(frozen=True)
class SpokenSentence:
    """A sentence of a reply, or a piece of one, whose audio was sent."""

    text: str
    """The language model's own text."""

    samples: int
    """How much audio of it was sent: samples, 44.1 kHz."""

    complete: bool
    """That is all of its audio."""


@dataclass(frozen=True)
class _Pair:
    user: str
    """What the user said."""

    reply: str
    """What was heard of the answer; "" where nothing was."""


class Chat:
    """Keeps at most `size` pairs of what the user said and what was heard of the answer. All methods may be called from
    any thread.

    When there are more, the oldest quarter goes at once. If one went every turn, the start of the prompt would change
    every time, and the language model's key/value cache would be lost with it.
    """

    def __init__(
        self, size: int, system_prompt: str | None = None, *, user_role: str = "user", system_role: str = "system"
    ) -> None:
        self._size = size
        self._system = [{"role": system_role, "content": system_prompt}] if system_prompt else []
        self._user_role = user_role
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._left_out = ("", 0)  # words, and how many of the oldest pairs their prompt had no room for

    def messages(self, user_text: str, without: int = 0) -> list[ChatMessage]:
        """A copy of the history, the system prompt first, with a new message of the user at its end.

        without: so many of the oldest pairs are left out.
        """
        with self._lock:
            pairs = self._pairs[without:]
        messages = [dict(message) for message in self._system]
        for pair in pairs:
            messages.append({"role": self._user_role, "content": pair.user})
            if pair.reply:
                messages.append({"role": ASSISTANT, "content": pair.reply})
        return [*messages, {"role": self._user_role, "content": user_text}]

    def record(self, user_text: str, reply: str, interrupted: bool = False) -> None:
        """Add what was said, and what was heard of the answer: "" where it was not answered.

        interrupted: mark the answer as cut off, for the model to see.
        """
        reply = reply.strip()
        if interrupted and reply:
            reply += CUT_OFF
        with self._lock:
            words, left_out = self._left_out
            self._left_out = ("", 0)
            if words == user_text:
                del self._pairs[:left_out]
            self._pairs.append(_Pair(user_text, reply))
            if len(self._pairs) > self._size:
                block = max(1, self._size // 4)
                del self._pairs[: max(block, len(self._pairs) - self._size)]

    def more_left_out(self, without: int) -> int:
        """How many of the oldest pairs to leave out of a prompt that is too long without so many; the same number where
        all are left out."""
        with self._lock:
            left = len(self._pairs) - without
        return without + max(1, left // 4) if left > 0 else without

    def leave_out(self, user_text: str, pairs: int) -> None:
        """The prompt of these words had no room for so many of the oldest pairs. They are forgotten when the words are
        recorded: it may prove that the user said something else."""
        with self._lock:
            self._left_out = (user_text, pairs)


def join_same_role(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Join messages that follow each other in one role, for chat templates that refuse two in a row."""
    joined: list[ChatMessage] = []
    for message in messages:
        if joined and joined[-1]["role"] == message["role"]:
            content = f"{joined[-1]['content']}\n{message['content']}"
            joined[-1] = {"role": message["role"], "content": content}
        else:
            joined.append(dict(message))
    return joined


def fold_system_into_user(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Put the system prompt's text in front of the first user message, for templates that refuse a system role (Gemma).

    Without a system prompt the messages are unchanged.
    """
    if len(messages) < 2 or messages[0]["role"] in (messages[1]["role"], ASSISTANT) or messages[1]["role"] == ASSISTANT:
        return [dict(message) for message in messages]
    first = {"role": messages[1]["role"], "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
    return [first, *(dict(message) for message in messages[2:])]


def heard_text(sentences: Sequence[SpokenSentence], heard_samples: int) -> str:
    """What of a reply was heard: whole sentences, then a proportional cut at a word.

    heard_samples: of all the reply's samples, 44.1 kHz. A sentence without audio (an emoji) is heard with the one
    after it.
    """
    text, left = "", heard_samples
    silent = ""  # sentences without audio, heard as soon as anything after them is
    for sentence in sentences:
        if not sentence.samples:
            silent += sentence.text
            continue
        if left <= 0:
            return text
        if sentence.complete and left >= sentence.samples:
            text, silent = text + silent + sentence.text, ""
            left -= sentence.samples
            continue
        length = max(sentence.samples, 0 if sentence.complete else _estimated_samples(sentence.text))
        cut = _cut_at_word(sentence.text, min(1.0, left / length))
        return text + silent + cut if cut else text
    return text + (silent if left >= 0 else "")


def _estimated_samples(text: str) -> int:
    return int(len(text) / CHARACTERS_A_SECOND * REPLY_RATE)


def _cut_at_word(text: str, fraction: float) -> str:
    """The first `fraction` of the text, cut at a word; a text without spaces (Chinese) is cut at a character."""
    end = int(len(text) * fraction)
    if end >= len(text):
        return text
    if len(text.split()) > 1:
        while end and not text[end].isspace():
            end -= 1
    return text[:end].rstrip()
