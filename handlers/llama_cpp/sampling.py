"""Chooses the next token: the likeliest one, or one by chance, with the options and in the order of Transformers."""

from __future__ import annotations

import random
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from handlers.llama_cpp.context import Context
from handlers.llama_cpp.model import Model

KEPT = 1  # the fewest tokens that a filter leaves
LAST = -1  # of the logits of a pass
NO_PENALTY = 0.0  # for how often a token has occurred, and for that it has
FILTERS = {"top_p": "top_p", "min_p": "min_p", "typical_p": "typical"}  # option → llama.cpp's name of the sampler


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen; the names and meanings are those of Transformers' `generate`."""

    do_sample: bool = False
    """Choose by chance. Without it the likeliest token is taken, and all below but the penalty has no effect."""

    temperature: float = 0.0
    """The logits are divided by it. 0 is the same as not sampling."""

    top_k: int | None = None
    """Only so many of the likeliest tokens are left."""

    top_p: float | None = None
    """Only the likeliest tokens are left that have this probability together."""

    min_p: float | None = None
    """Only tokens are left that are at least so many times as likely as the likeliest one."""

    typical_p: float | None = None
    """Only the tokens are left, with this probability together, whose information is nearest to the expected one."""

    repetition_penalty: float | None = None
    """The logits of tokens that have occurred, in the prompt too, are divided by it where they are positive, else
    multiplied with it."""

    seed: int | None = None
    """Each reply begins with this seed of chance. None: with another one each time."""

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken."""
        return not self.do_sample


class Sampler:
    """Chooses the tokens of one reply. Used on the engine's thread."""

    def __init__(self, model: Model, sampling: Sampling, prompt: Sequence[int]) -> None:
        self._c = c = model.library.c
        self._chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
        weakref.finalize(self, c.llama_sampler_free, self._chain).atexit = False
        if penalty := sampling.repetition_penalty:
            window = max(model.context_length, len(prompt))
            self._add("penalties", model.size, window, penalty, NO_PENALTY, NO_PENALTY)
            for token in prompt:
                c.llama_sampler_accept(self._chain, token)
        if sampling.greedy:
            self._add("greedy")
        else:
            self._add_chance(sampling)

    def choose(self, context: Context) -> int:
        """The token that follows what the last pass has read."""
        return int(self._c.llama_sampler_sample(self._chain, context.pointer, LAST))

    def _add_chance(self, sampling: Sampling) -> None:
        self._add("temp", sampling.temperature)
        if sampling.top_k:
            self._add("top_k", sampling.top_k)
        for name, kind in FILTERS.items():
            if (value := getattr(sampling, name)) is not None:
                self._add(kind, value, KEPT)
        self._add("dist", random.getrandbits(32) if sampling.seed is None else sampling.seed)

    def _add(self, kind: str, *arguments: Any) -> None:
        self._c.llama_sampler_chain_add(self._chain, getattr(self._c, f"llama_sampler_init_{kind}")(*arguments))
