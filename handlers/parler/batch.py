"""Turns prompts into codec frames: one batch of utterances that start together, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from handlers.parler.decoder import Cross
from handlers.parler.delay_pattern import DelayPattern, Frame, Ids
from handlers.parler.sampling import Sampler
from handlers.parler.steps import Batch, EagerSteps, FixedSteps


@dataclass(frozen=True, eq=False)
class Utterance:
    """What one row is to say.

    read: float [tokens, width], the prompt, embedded. heard: what it listens to. longest, shortest: steps.
    seed: of what is drawn for this row; None draws from torch's own generator.
    """

    read: Tensor
    heard: Cross
    longest: int
    shortest: int = 0
    seed: int | None = None


class Steps(Protocol):
    """See `handlers.parler.steps`."""

    def open(self, rows: Sequence[Cross]) -> Batch: ...


class UtteranceBatch:
    """Utterances that start together, on their way. Between two steps the owner may end them; nothing more is computed.

    options: of `generate()`, see `handlers.parler.sampling`. All utterances have a seed, or none has.
    """

    def __init__(
        self, steps: EagerSteps | FixedSteps, ids: Ids, utterances: Sequence[Utterance], options: dict[str, Any]
    ) -> None:
        self._utterances = utterances
        self._patterns = [DelayPattern(ids, utterance.longest) for utterance in utterances]
        weights = steps.decoder.weights
        self._sampler = Sampler(
            ids, weights.shape.vocabulary, len(utterances), weights.device, options, _generators(utterances, weights)
        )
        self._batch = steps.open([utterance.heard for utterance in utterances])
        self._made = 0
        self._let_end()
        begin = torch.full((ids.codebooks,), ids.begin, device=weights.device)
        self._logits = torch.stack(
            [
                steps.decoder.prefill(utterance.read, begin, self._batch.cache, row, utterance.heard)
                for row, utterance in enumerate(utterances)
            ]
        )
        self._positions = [len(utterance.read) for utterance in utterances]
        if isinstance(steps, FixedSteps):
            steps.note_read(max(self._positions) + 1)

    @property
    def over(self) -> bool:
        """All rows have come to their end."""
        return all(pattern.over for pattern in self._patterns)

    def cut_off(self, row: int) -> bool:
        """Whether this row ended because it was too long."""
        return self._patterns[row].cut_off

    def advance(self) -> list[Frame | None]:
        """One step → the frame that became complete in each row, or None. Not to be called when `over`."""
        if self._made:
            self._step()
        self._made += 1
        tokens = self._sampler(self._logits).tolist()  # the one moment at which the device is waited for
        frames = [
            None if pattern.over else pattern.take(own) for pattern, own in zip(self._patterns, tokens, strict=True)
        ]
        self._let_end()
        return frames

    def close(self) -> None:
        """The caches may be used for others."""
        self._batch.close()

    def _step(self) -> None:
        for row, pattern in enumerate(self._patterns):
            self._positions[row] += not pattern.over
        inputs = [pattern.next_inputs() for pattern in self._patterns]
        self._logits = self._batch.step(inputs, self._positions)

    def _let_end(self) -> None:
        for row, (utterance, pattern) in enumerate(zip(self._utterances, self._patterns, strict=True)):
            if self._made >= utterance.shortest:
                self._sampler.may_end(row, pattern.may_end + 1)


def _generators(utterances: Sequence[Utterance], weights: Any) -> list[torch.Generator] | None:
    seeds = [utterance.seed for utterance in utterances if utterance.seed is not None]
    if not seeds:
        return None
    if len(seeds) != len(utterances):
        raise ValueError("all utterances of a batch have a seed, or none has")
    return [torch.Generator(weights.device).manual_seed(seed) for seed in seeds]
