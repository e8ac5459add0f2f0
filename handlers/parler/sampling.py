"""Chooses tokens from logits as `generate()` does: greedily or sampled, the same tokens from the same seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    GenerationConfig,
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from handlers.parler.delay_pattern import Ids

# Options that shape the choice of a token, in the order in which `generate()` applies them, with the values that do
# nothing. Each is one of Transformers' own warpers, which look at the scores of one step alone.
WARPERS: dict[str, tuple[type, set[Any]]] = {
    "temperature": (TemperatureLogitsWarper, {None, 1.0}),
    "top_k": (TopKLogitsWarper, {None, 0}),
    "top_p": (TopPLogitsWarper, {None, 1.0}),
    "min_p": (MinPLogitsWarper, {None}),
    "typical_p": (TypicalLogitsWarper, {None, 1.0}),
    "epsilon_cutoff": (EpsilonLogitsWarper, {None, 0.0}),
    "eta_cutoff": (EtaLogitsWarper, {None, 0.0}),
}
OTHERS = {"do_sample", "repetition_penalty", "min_new_tokens", "max_new_tokens", "seed"}


def unsupported(options: dict[str, Any]) -> list[str]:
    """The names of options of `generate()` that have an effect there and none here."""
    defaults = {**vars(GenerationConfig()), **GenerationConfig._get_default_generation_params()}
    return sorted(
        name
        for name, value in options.items()
        if name not in WARPERS and name not in OTHERS and value is not None and value != defaults.get(name)
    )


class Sampler:
    """The choices of one batch.

    options: of `generate()`; those in WARPERS, `do_sample` and `repetition_penalty` are used. generators: one a row,
    whose tokens then do not depend on the other rows; None draws from torch's own.
    """

    def __init__(
        self,
        ids: Ids,
        vocabulary: int,
        rows: int,
        device: torch.device,
        options: dict[str, Any],
        generators: Sequence[torch.Generator] | None = None,
    ) -> None:
        self._end = ids.end
        self._sampled = bool(options.get("do_sample"))
        self._warpers = _warpers(options, device) if self._sampled else LogitsProcessorList()
        self._generators = generators
        shape = (rows, ids.codebooks, vocabulary)
        # Ids that are no code are never given out: the codec fails on them. The end is let in by `may_end`.
        self._allowed = [0] * rows
        self._bias = torch.full(shape, -math.inf, device=device)
        self._bias[..., : ids.codes] = 0.0
        self._penalty = options.get("repetition_penalty") or 1.0
        self._seen = torch.zeros(shape, dtype=torch.bool, device=device) if self._penalty != 1.0 else None
        if self._seen is not None and ids.begin < vocabulary:
            self._seen[..., ids.begin] = True

    def may_end(self, row: int, codebooks: int) -> None:
        """The first so many codebooks of this row may end from now on."""
        if codebooks > self._allowed[row]:
            self._allowed[row] = codebooks
            self._bias[row, :codebooks, self._end] = 0.0

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits, float [rows, codebooks, vocabulary] → tokens, int64 [rows, codebooks]."""
        scores = logits.float() + self._bias
        if self._seen is not None:
            penalised = torch.where(scores < 0, scores * self._penalty, scores / self._penalty)
            scores = torch.where(self._seen, penalised, scores)
        tokens = self._draw(scores) if self._sampled else scores.argmax(-1)
        if self._seen is not None:
            self._seen.scatter_(2, tokens[..., None], True)
        return tokens

    def _draw(self, scores: torch.Tensor) -> torch.Tensor:
        """As `torch.multinomial` draws one of each row: the largest probability over exponential noise.

        Done by hand so that each row can have noise of its own, in one pass over all rows.
        """
        flat = scores.flatten(0, 1)
        for warper in self._warpers:
            flat = warper(None, flat)
        probabilities = flat.softmax(-1).view_as(scores)
        noise = torch.empty_like(probabilities)
        if self._generators is None:
            noise.exponential_()
        else:
            for row, generator in zip(noise, self._generators, strict=True):
                row.exponential_(generator=generator)
        return (probabilities / noise).argmax(-1)


def _warpers(options: dict[str, Any], device: torch.device) -> LogitsProcessorList:
    warpers = LogitsProcessorList()
    for name, (kind, idle) in WARPERS.items():
        value = options.get(name)
        if value not in idle:
            warpers.append(kind(value, device=str(device)) if kind is EtaLogitsWarper else kind(value))
    return warpers
