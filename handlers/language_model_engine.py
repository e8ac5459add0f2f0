"""An instruct model on its engine thread: prompts, generation, the key/value cache of each conversation."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, TextStreamer

from handlers.base import Live
from handlers.chat_template import ChatTemplate
from handlers.generation import StaleCriteria, note_compile_mode, sampling_options
from utils.bundled_models import resolve_model
from utils.chat import Chat
from utils.devices import resolve_dtype
from utils.engine_thread import Emit, EngineThread

logger = logging.getLogger(__name__)

UNBOUNDED_CONTEXT = 1 << 20  # tokens, for a model whose config names no limit


@dataclass
class Session:
    """One conversation's prompt in the model: the tokens whose keys and values `cache` holds."""

    tokens: list[int] = field(default_factory=list)
    cache: DynamicCache | None = None


class LanguageModelEngine:
    """The weights, shared by all conversations. Options: see `arguments/language_model_arguments.py`."""

    def __init__(
        self,
        thread: EngineThread,
        *,
        model_name: str,
        device: str,
        torch_dtype: str,
        compile_mode: str | None,
        trust_remote_code: bool,
        user_role: str,
        init_chat_role: str | None,
        init_chat_prompt: str,
        chat_size: int,
        gen_kwargs: dict[str, Any],
    ) -> None:
        note_compile_mode("lm", compile_mode)
        folder = resolve_model(model_name)
        self._thread = thread
        self._device = device
        self._chat_options = (chat_size, init_chat_role, init_chat_prompt, user_role)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
        self._template = ChatTemplate(self._tokenizer, init_chat_role, user_role)
        self._model = (
            AutoModelForCausalLM.from_pretrained(
                folder,
                torch_dtype=resolve_dtype(torch_dtype, device),
                trust_remote_code=trust_remote_code,
            )
            .to(device)
            .eval()
        )
        self._gen_kwargs = sampling_options(gen_kwargs)
        self._streams = self._gen_kwargs.get("num_beams", 1) == 1
        self._reuses_cache = self._streams and _has_dynamic_cache(self._model)
        self._gen_kwargs.update(eos_token_id=self._end_tokens(), pad_token_id=self._pad_token())
        self._warm_up()

    def new_chat(self) -> Chat:
        """The history of a new conversation."""
        size, role, prompt, user_role = self._chat_options
        return Chat(size, prompt if role else None, user_role=user_role, system_role=role or "system")

    def new_session(self) -> Session:
        """The cache of a new conversation."""
        return Session()

    def stream(self, session: Session, chat: Chat, user_text: str, live: Live) -> Iterator[str]:
        """The reply's text in pieces, as it is generated; ends early when `live` turns false."""
        return self._thread.stream(lambda emit: self._reply(session, chat, user_text, live, emit), live)

    @torch.inference_mode()
    def _reply(self, session: Session, chat: Chat, user_text: str, live: Live, emit: Emit[str]) -> None:
        prompt = self._prompt(chat, user_text)
        cache = self._prepare_cache(session, prompt)
        streamer = _Streamer(self._tokenizer, prompt, emit)
        ids = torch.tensor([prompt], device=self._device)
        try:
            output = self._model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                stopping_criteria=[StaleCriteria(live)],
                **({"past_key_values": cache} if cache is not None else {}),
                **({"streamer": streamer} if self._streams else {}),
                **self._gen_kwargs,
            )
        finally:
            self._keep_cache(session, cache, streamer.tokens)
        if not self._streams:
            emit(self._tokenizer.decode(output[0, len(prompt) :], skip_special_tokens=True))

    def _prompt(self, chat: Chat, user_text: str) -> list[int]:
        """The prompt's tokens, with so much of the history as the model's context has room for."""
        room = self._context_length() - int(self._gen_kwargs.get("max_new_tokens", 0))
        prompt = self._template.tokens(chat.messages(user_text))
        while len(prompt) > room and chat.drop_oldest():
            prompt = self._template.tokens(chat.messages(user_text))
        if len(prompt) > room > 0:
            logger.warning("the prompt of %d tokens is longer than the model's context: its start is cut", len(prompt))
            prompt = prompt[-room:]
        return prompt

    def _prepare_cache(self, session: Session, prompt: list[int]) -> DynamicCache | None:
        """Keep of the cache what this prompt begins with; the model reads only the rest of it."""
        if not self._reuses_cache:
            return None
        kept = _common_prefix(session.tokens, prompt[:-1])
        if session.cache is None or not kept:
            session.cache, kept = DynamicCache(), 0
        else:
            session.cache.crop(kept)
        session.tokens = prompt[:kept]
        logger.debug("prompt of %d tokens, %d of them cached", len(prompt), kept)
        return session.cache

    def _keep_cache(self, session: Session, cache: DynamicCache | None, tokens: list[int]) -> None:
        """Also when generation broke off: the cache holds whole tokens, each one that a forward pass has read."""
        if cache is not None:
            session.tokens = tokens[: cache.get_seq_length()]

    def _context_length(self) -> int:
        return int(getattr(self._model.config, "max_position_embeddings", None) or UNBOUNDED_CONTEXT)

    def _end_tokens(self) -> list[int]:
        own = self._model.generation_config.eos_token_id
        ends = {*(own if isinstance(own, list) else [own]), self._tokenizer.eos_token_id, *self._template.end_tokens()}
        return sorted(token for token in ends if token is not None)

    def _pad_token(self) -> int:
        pad = self._tokenizer.pad_token_id
        return int(pad if pad is not None else self._end_tokens()[0])

    def _warm_up(self) -> None:
        session, chat = self.new_session(), self.new_chat()
        limit = min(4, int(self._gen_kwargs.get("max_new_tokens", 4)))
        options, self._gen_kwargs = self._gen_kwargs, {**self._gen_kwargs, "max_new_tokens": limit}
        self._gen_kwargs.pop("min_new_tokens", None)
        self._reply(session, chat, "Hello.", lambda: True, lambda _: None)
        self._gen_kwargs = options


class _Streamer(TextStreamer):
    """Emits text as it becomes whole words, and keeps account of the tokens."""

    def __init__(self, tokenizer: Any, prompt: list[int], emit: Emit[str]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        self.tokens = list(prompt)
        self._emit = emit
        self._prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        if self._prompt_seen:
            self.tokens += value.reshape(-1).tolist()
        self._prompt_seen = True
        super().put(value)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        if text:
            self._emit(text)


def _has_dynamic_cache(model: Any) -> bool:
    """Hybrid, static and recurrent caches can't be cropped to a common prefix."""
    return (
        bool(getattr(model, "_supports_cache_class", False))
        and model._supports_default_dynamic_cache()
        and getattr(model.generation_config, "cache_implementation", None) is None
    )


def _common_prefix(first: list[int], second: list[int]) -> int:
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return index
    return min(len(first), len(second))
