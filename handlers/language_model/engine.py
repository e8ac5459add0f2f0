"""An instruct model on its engine thread: prompts, generation, the key/value cache of each conversation."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

import torch
from transformers.cache_utils import StaticCache

from handlers.compilation import Compilation, usable_mode
from handlers.language_model.cache_choice import attention_layers, choose_caches
from handlers.language_model.checkpoint import load_model
from handlers.language_model.decoding import Reader, is_plain_greedy
from handlers.language_model.prompt_cache import (
    EagerCaches,
    FixedCaches,
    GrowingCaches,
    Session,
    keep_read_tokens,
)
from handlers.language_model.steps import StepThreads, sampling_options
from handlers.language_model.streamer import PieceStreamer
from handlers.prompts import UNBOUNDED_CONTEXT, Prompts, common_prefix
from handlers.stale import StaleCriteria
from utils.models.bundled import resolve_model
from utils.models.chat_template import ChatTemplate
from utils.models.devices import resolve_dtype
from utils.models.tokenizer import load_tokenizer
from utils.system.engine_thread import Emit, EngineThread, Live, always
from utils.turns.chat import Chat

logger = logging.getLogger(__name__)

COMPILED_LENGTHS = (1_024, 4_096)  # tokens; each takes memory, and a compilation of its own at the start
WARM_UP_TOKENS = 4
AHEAD_TOKENS = 64  # read at a time while the user speaks: 0.1 s of SmolLM2 on two cores
NO_TOKEN = -1  # stands for the one that follows


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
        quantize: str | None,
        trust_remote_code: bool,
        user_role: str,
        init_chat_role: str | None,
        init_chat_prompt: str,
        chat_size: int,
        gen_kwargs: dict[str, Any],
    ) -> None:
        folder = resolve_model(model_name)
        self._thread = thread
        self._device = device
        self._tokenizer = load_tokenizer(folder, trust_remote_code)
        self._template = ChatTemplate(self._tokenizer, init_chat_role, user_role)
        dtype = resolve_dtype(torch_dtype, device, bfloat16_on_cpu=True)
        self._model = load_model(folder, dtype, device, trust_remote_code, quantize)
        self._step_threads = StepThreads(self._model, device)
        self._gen_kwargs = sampling_options(gen_kwargs)
        self._streams = self._gen_kwargs.get("num_beams", 1) == 1
        self._plain = is_plain_greedy(self._model, self._gen_kwargs)
        self._reader = Reader(self._model, device)
        self._caches: EagerCaches | FixedCaches | None = self._choose_caches()
        self._gen_kwargs.update(eos_token_id=self._end_tokens(), pad_token_id=self._pad_token())
        self._prompts = Prompts(
            self._template, new_tokens=self._most_new_tokens, user_role=user_role, init_chat_role=init_chat_role,
            init_chat_prompt=init_chat_prompt, chat_size=chat_size,
        )  # fmt: skip
        self._prompts.context_length = _context_length(self._model)
        if (mode := usable_mode("lm", compile_mode, device)) is None or not self._compile(mode):
            self._warm_up()

    def new_chat(self) -> Chat:
        """The history of a new conversation."""
        return self._prompts.new_chat()

    def new_session(self) -> Session:
        """The cache of a new conversation."""
        return Session()

    def stream(self, session: Session, chat: Chat, user_text: str, live: Live) -> Iterator[str]:
        """The reply's text in pieces, as it is generated; ends early when `live` turns false."""
        return self._thread.stream(lambda emit, wanted: self._reply(session, chat, user_text, wanted, emit), live)

    def prefill(self, session: Session, chat: Chat, live: Live, words: str | None = None) -> None:
        """Read what of the next prompt is known before the user's words are, into this conversation's cache; or the
        prompt of these words, which may prove to be all of them.

        Returns when it is read, or soon after `live` turns false; what was read until then is kept. Does nothing
        where caches have a fixed length, or are not kept at all.
        """
        with contextlib.suppress(CancelledError):
            self._thread.call(lambda: self._read_ahead(session, chat, live, words), live)

    def _reply(self, session: Session, chat: Chat, user_text: str, live: Live, emit: Emit[str]) -> None:
        prompt = self._prompts.whole(chat, user_text)
        logger.debug("the model is asked: %r", user_text)
        new_tokens = self._prompts.new_tokens(prompt)
        self._generate(session, prompt, live, emit, {**self._gen_kwargs, "max_new_tokens": new_tokens}, new_tokens)

    @torch.inference_mode()
    def _choose_caches(self) -> EagerCaches | None:
        """None where `generate` has to begin with an empty cache: with beams, and where it drafts tokens and checks
        them, for then it reads the whole prompt again, also over a cache that holds it."""
        drafts = self._gen_kwargs.get("prompt_lookup_num_tokens") or self._model.generation_config.use_mtp
        if not self._streams or drafts:
            return None
        with self._step_threads:
            return choose_caches(self._model, self._reader)

    @property
    def _eager_caches(self) -> EagerCaches | None:
        """The caches, if their model is not compiled."""
        return None if isinstance(self._caches, FixedCaches) else self._caches

    @torch.inference_mode()
    def _generate(
        self,
        session: Session,
        prompt: list[int],
        live: Live,
        emit: Emit[str],
        options: dict[str, Any],
        new_tokens: int,
    ) -> None:
        """new_tokens: so many may follow the prompt in the cache."""
        cache = self._caches and self._caches.prepare(session, prompt, new_tokens)
        streamer = PieceStreamer(self._tokenizer, prompt, emit, self._template.thought_tokens)
        try:
            with self._step_threads:
                if self._plain and self._eager_caches is not None:
                    ends = () if "min_new_tokens" in options else options["eos_token_id"]
                    self._reader.greedy(prompt, cache, options["max_new_tokens"], ends, live, streamer.put_token)
                    streamer.end()
                else:
                    self._library_generate(prompt, cache, live, streamer, options)
        finally:
            if cache is not None:
                keep_read_tokens(session, streamer.tokens)

    def _library_generate(
        self, prompt: list[int], cache: Any, live: Live, streamer: PieceStreamer, options: dict[str, Any]
    ) -> None:
        ids = torch.tensor([prompt], device=self._device)
        output = self._model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            stopping_criteria=[StaleCriteria(live)],
            disable_compile=True,  # on CUDA it would compile by itself, unasked or what is compiled already
            **({"cache": cache} if cache is not None else {}),
            **({"streamer": streamer} if self._streams else {}),
            **options,
        )
        if not self._streams:
            streamer.on_finalized_text(self._tokenizer.decode(output[0, len(prompt) :], skip_special_tokens=True))

    @torch.inference_mode()
    def _read_ahead(self, session: Session, chat: Chat, live: Live, words: str | None) -> None:
        caches = self._eager_caches
        if caches is None:
            return
        known = self._prompts.known(chat, words, caches.rereads)
        if common_prefix(session.tokens, known) == len(known):
            return  # held already, perhaps with words and a reply that may yet come into the history
        cache = caches.prepare(session, [*known, NO_TOKEN], 0)
        try:
            with self._step_threads:
                self._reader.read_ahead(known, cache, live, AHEAD_TOKENS)
        finally:
            keep_read_tokens(session, known)
            if words is None:
                caches.mark(session)

    @property
    def _most_new_tokens(self) -> int:
        return int(self._gen_kwargs.get("max_new_tokens", 0))

    def _end_tokens(self) -> list[int]:
        own = self._model.generation_config.eos_token_id
        ends = {*(own if isinstance(own, list) else [own]), self._tokenizer.eos_token_id, *self._template.end_tokens()}
        return sorted(token for token in ends if token is not None)

    def _pad_token(self) -> int:
        pad = self._tokenizer.pad_token_id
        return int(pad if pad is not None else self._end_tokens()[0])

    def _warm_up(self, cache_length: int = 0) -> None:
        """Answer something in a few tokens. cache_length: in the cache of this length, where lengths are fixed."""
        tokens = min(WARM_UP_TOKENS, self._most_new_tokens or WARM_UP_TOKENS)
        options = {**self._gen_kwargs, "max_new_tokens": tokens, "min_new_tokens": tokens}
        prompt = self._prompts.whole(self.new_chat(), "Hello.")
        self._generate(Session(), prompt, always, lambda _: None, options, max(tokens, cache_length - len(prompt)))

    def _compile(self, mode: str) -> bool:
        """Compile the step that makes one token, for each length of cache. False: this model, or machine, can't."""
        layers = attention_layers(self._model)
        if not isinstance(self._caches, GrowingCaches) or not self._model._can_compile_fullgraph or layers is None:
            logger.warning("--lm_compile_mode: this model, or its beams, have no cache of fixed length: uncompiled")
            return False
        uncompiled = self._caches, self._prompts.context_length
        longest = min(self._prompts.context_length, max(COMPILED_LENGTHS[-1], 2 * self._most_new_tokens))
        lengths = [*(length for length in COMPILED_LENGTHS if length < longest), longest]
        self._caches = FixedCaches(layers, lengths)
        self._prompts.context_length = longest
        compilation = Compilation("lm", mode)
        compilation.add(self._model, _makes_one_token, "logits")
        if compilation.warmed_up([functools.partial(self._warm_up, length) for length in lengths]):
            return True
        self._caches, self._prompts.context_length = uncompiled
        return False


def _makes_one_token(arguments: dict[str, Any]) -> bool:
    """Whether these arguments of the model's forward have the one shape that is compiled."""
    ids, cache = arguments.get("input_ids"), arguments.get("cache")
    return ids is not None and ids.shape[1] == 1 and isinstance(cache, StaticCache)


def _context_length(model: Any) -> int:
    config = model.config.get_text_config(decoder=True)
    return int(getattr(config, "max_position_embeddings", None) or UNBOUNDED_CONTEXT)
