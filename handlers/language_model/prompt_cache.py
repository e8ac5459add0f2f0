"""The keys and values of each conversation's prompt, kept from turn to turn: the model reads only what is new.

`GrowingCaches` for a model that runs eagerly, `RecurrentCaches` for one whose layers can't go back, `FixedCaches` for a
compiled one. `cache_choice.py` says which of the first two fits a model.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from transformers.cache_utils import Cache, DynamicCache, StaticCache, StaticLayer

from handlers.prompts import common_prefix

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Session:
    """One conversation's prompt in the model."""

    tokens: list[int] = field(default_factory=list)
    """The tokens that `cache` holds."""

    cache: Any = None
    """Their keys and values, and states; None before the first."""

    mark: Session | None = None
    """A copy of an earlier moment, where the cache itself can't go back to it."""


class PromptCaches(Protocol):
    """Where the sessions' keys and values are. All methods: on the engine's thread."""

    def prepare(self, session: Session, prompt: list[int], new_tokens: int) -> Any:
        """The cache to generate with: of this session's tokens it keeps those that `prompt` begins with, but never
        all of it. new_tokens: how many may follow the prompt."""


class EagerCaches(PromptCaches, Protocol):
    """Caches of a model that is not compiled: they also take what is read before the prompt is known in full."""

    rereads: int
    """How many of the last tokens that a prompt and its forerunner share are left to be read with the prompt."""

    def mark(self, session: Session) -> None:
        """What this session holds now is what later prompts begin with."""


class GrowingCaches:
    """Each session has a cache of its own, as long as its prompt, which can be cropped. make: an empty one."""

    rereads = 0

    def __init__(self, make: Callable[[], DynamicCache] = DynamicCache) -> None:
        self._make = make

    def prepare(self, session: Session, prompt: list[int], new_tokens: int) -> DynamicCache:
        kept = common_prefix(session.tokens, prompt[:-1])
        if session.cache is None or not kept:
            session.cache, kept = self._make(), 0
        else:
            session.cache.crop(kept - int(session.cache.get_seq_length()))
        _keep(session, prompt, kept)
        cache: DynamicCache = session.cache
        return cache

    def mark(self, session: Session) -> None:
        """Nothing to do: a cache can be cropped to any length."""


class RecurrentCaches:
    """For a model with layers that fold all they read into one state, which can't go back (Qwen3-Next, LFM2, Mamba).

    A session's cache goes on where the prompt goes on. Where it does not, the prompt goes on from a mark: a copy of the
    cache, made when what is known before the user's words had been read. make: an empty cache.
    """

    rereads = 1

    def __init__(self, make: Callable[[], DynamicCache]) -> None:
        self._make = make

    def prepare(self, session: Session, prompt: list[int], new_tokens: int) -> DynamicCache:
        if not _goes_on(session, prompt):
            mark = session.mark
            if mark is not None and _goes_on(mark, prompt):
                session.tokens, session.cache = mark.tokens, copy.deepcopy(mark.cache)
            else:
                session.tokens, session.cache = [], self._make()
        _keep(session, prompt, len(session.tokens))
        cache: DynamicCache = session.cache
        return cache

    def mark(self, session: Session) -> None:
        session.mark = Session(list(session.tokens), copy.deepcopy(session.cache))


class FixedCaches:
    """A few caches of fixed length at fixed addresses, as compiled code and CUDA graphs need them.

    They are one session's at a time: the one that generated last. Another one begins with an empty cache. A prompt
    that has outgrown one cache goes on in the next longer one. Attention is paid to the whole length of a cache, also
    where it is empty, so a short conversation should not have the longest.
    """

    def __init__(self, layers: int, lengths: Sequence[int]) -> None:
        """layers: of the model. lengths: tokens, ascending. A cache takes its memory when it is first used."""
        self._caches = {length: _FixedCache(layers, length) for length in lengths}
        self._owner: Session | None = None

    def prepare(self, session: Session, prompt: list[int], new_tokens: int) -> StaticCache:
        fitting = [length for length in self._caches if length >= len(prompt) + new_tokens]
        cache = self._caches[min(fitting, default=max(self._caches))]
        kept = common_prefix(session.tokens, prompt[:-1]) if self._owner is session else 0
        if kept and session.cache is not cache:
            for new, old in zip(_tensors(cache), _tensors(session.cache), strict=True):
                new[:, :, :kept] = old[:, :, :kept]
        for layer in cache.layers:
            layer.cumulative_length.fill_(kept)  # in place: compiled code knows its address
        session.cache, self._owner = cache, session
        _keep(session, prompt, kept)
        return cache


class _FixedCache(StaticCache):
    """Every layer keeps all keys, those of a sliding window too: what a window has forgotten can't be cropped to."""

    def __init__(self, layers: int, length: int) -> None:
        Cache.__init__(self, layers=[StaticLayer(max_cache_len=length) for _ in range(layers)])


def keep_read_tokens(session: Session, tokens: list[int]) -> None:
    """After generating, also when it broke off: a cache holds whole tokens, each one that a forward pass has read."""
    session.tokens = tokens[: int(session.cache.get_seq_length())]


def _goes_on(session: Session, prompt: list[int]) -> bool:
    """Whether all that this session's cache has read is a beginning of the prompt, and not all of it."""
    held = len(session.tokens)
    if session.cache is None or held != session.cache.get_seq_length():
        return False
    return 0 < held < len(prompt) and session.tokens == prompt[:held]


def _keep(session: Session, prompt: list[int], kept: int) -> None:
    session.tokens = prompt[:kept]
    logger.debug("prompt of %d tokens, %d of them cached", len(prompt), kept)


def _tensors(cache: StaticCache) -> list[torch.Tensor]:
    return [tensor for layer in cache.layers if layer.is_initialized for tensor in (layer.keys, layer.values)]
