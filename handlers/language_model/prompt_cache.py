"""The keys and values of each conversation's prompt, kept from turn to turn: the model reads only what is new.

`GrowingCaches` for a model that runs eagerly, `FixedCaches` for a compiled one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from transformers import DynamicCache, StaticCache

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Session:
    """One conversation's prompt in the model: the tokens whose keys and values `cache` holds."""

    tokens: list[int] = field(default_factory=list)
    cache: Any = None


class PromptCaches(Protocol):
    """Where the sessions' keys and values are. All methods: on the engine's thread."""

    def prepare(self, session: Session, prompt: list[int], new_tokens: int) -> Any:
        """The cache to generate with: of this session's tokens it keeps those that `prompt` begins with, but never
        all of it. new_tokens: how many may follow the prompt."""


class GrowingCaches:
    """Each session has a cache of its own, as long as its prompt. make: an empty one."""

    def __init__(self, make: Callable[[], DynamicCache] = DynamicCache) -> None:
        self._make = make

    def prepare(self, session: Session, prompt: list[int], new_tokens: int) -> DynamicCache:
        kept = common_prefix(session.tokens, prompt[:-1])
        if session.cache is None or not kept:
            session.cache, kept = self._make(), 0
        else:
            session.cache.crop(kept)
        _keep(session, prompt, kept)
        cache: DynamicCache = session.cache
        return cache


class _FixedCache(StaticCache):
    """A static cache whose length is no question of its contents: Phi-3 asks, and compiled code can't look."""

    def get_usable_length(self, new_seq_length: int, layer_idx: int | None = 0) -> int:
        return int(self.max_cache_len) - new_seq_length


class FixedCaches:
    """A few caches of fixed length at fixed addresses, as compiled code and CUDA graphs need them.

    They are one session's at a time: the one that generated last. Another one begins with an empty cache. A prompt
    that has outgrown one cache goes on in the next longer one. Attention is paid to the whole length of a cache, also
    where it is empty, so a short conversation should not have the longest.
    """

    def __init__(self, config: Any, lengths: Sequence[int], device: str, dtype: torch.dtype) -> None:
        """lengths: tokens, ascending. config: the model's."""
        where = torch.device(device)
        with torch.inference_mode():
            self._caches = {
                length: _FixedCache(config, batch_size=1, max_cache_len=length, device=where, dtype=dtype)
                for length in lengths
            }
        self._owner: Session | None = None

    def prepare(self, session: Session, prompt: list[int], new_tokens: int) -> StaticCache:
        fitting = [length for length in self._caches if length >= len(prompt) + new_tokens]
        cache = self._caches[min(fitting, default=max(self._caches))]
        kept = common_prefix(session.tokens, prompt[:-1]) if self._owner is session else 0
        if kept and session.cache is not cache:
            for new, old in zip(_tensors(cache), _tensors(session.cache), strict=True):
                new[:, :, :kept] = old[:, :, :kept]
        cache.key_cache[0][:, :, kept:] = 0  # a static cache is as long as the first layer's keys are not zero
        session.cache, self._owner = cache, session
        _keep(session, prompt, kept)
        return cache


def keep_read_tokens(session: Session, tokens: list[int]) -> None:
    """After generating, also when it broke off: a cache holds whole tokens, each one that a forward pass has read."""
    session.tokens = tokens[: int(session.cache.get_seq_length())]


def _keep(session: Session, prompt: list[int], kept: int) -> None:
    session.tokens = prompt[:kept]
    logger.debug("prompt of %d tokens, %d of them cached", len(prompt), kept)


def _tensors(cache: StaticCache) -> list[torch.Tensor]:
    return [*cache.key_cache, *cache.value_cache]


def common_prefix(first: list[int], second: list[int]) -> int:
    """How many tokens both begin with."""
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return index
    return min(len(first), len(second))
