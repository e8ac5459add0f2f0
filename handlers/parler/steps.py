"""Runs the decoder's steps: eagerly, compiled, or as a CUDA graph.

Compiled code and graphs want tensors of one shape at one address. So their ids, positions, caches and what is listened
to are static buffers, as long as the longest there may be and masked where they are empty: one recording fits every
prompt and description. A graph so recorded may be replayed from any thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from handlers.compilation import WITHOUT_GRAPHS
from handlers.parler.decoder import Cross, Decoder, SelfCache
from handlers.parler.voice import stacked

logger = logging.getLogger(__name__)

EAGER_ROOM = 512  # positions of a new cache; it doubles when it is full
SHORT_SPAN = 1024  # positions: enough for 10 s of speech, a third of what the longest takes
# The graphs of torch.compile's own modes belong to the thread that recorded them and refuse a cache that the step
# writes to: where graphs are asked for, they are recorded by hand, of code that is compiled without.
INDUCTOR_MODES = {
    "default": "default",
    "reduce-overhead": "default",
    "max-autotune": "max-autotune-no-cudagraphs",
}

Step = Callable[[], Tensor]
Record = Callable[[Step], Step]


class Batch(Protocol):
    """Rows on their way. cache: where their prompts are read into. cross: what each listens to, unpadded."""

    cache: SelfCache
    cross: Sequence[Cross]

    def step(self, ids: list[list[int]], positions: list[int]) -> Tensor:
        """See `Decoder.step`; the result is valid until the next step."""

    def close(self) -> None:
        """Its caches may be used for others."""


class EagerSteps:
    """Any number of rows; each step looks at what there is."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self._free: dict[int, SelfCache] = {}

    def open(self, rows: Sequence[Cross]) -> EagerBatch:
        """A batch of rows that listen to these."""
        cache = self._free.pop(len(rows), None) or SelfCache(self.decoder.weights, len(rows), EAGER_ROOM)
        if len(rows) > 1:  # rows of different lengths look past their own end, at what is masked
            cache.clear(cache.length)
        return EagerBatch(self, rows, cache)

    def give_back(self, cache: SelfCache) -> None:
        """It is kept for the next batch of as many rows."""
        self._free = {cache.rows: cache}


class EagerBatch:
    """See Batch."""

    def __init__(self, steps: EagerSteps, rows: Sequence[Cross], cache: SelfCache) -> None:
        self.cache = cache
        self.cross = rows
        self._steps = steps
        self._stacked = stacked(rows)

    def step(self, ids: list[list[int]], positions: list[int]) -> Tensor:
        decoder = self._steps.decoder
        span = max(positions) + 1
        self.cache.make_room(span)
        device = decoder.weights.device
        return decoder.step(
            torch.tensor(ids, device=device),
            torch.tensor(positions, device=device),
            self.cache,
            self._stacked,
            span,
            full=min(positions) + 1 == span,
        )

    def close(self) -> None:
        self._steps.give_back(self.cache)


class FixedSteps:
    """A fixed number of rows, compiled; another number, or what listens to more than there is room for, runs eagerly.

    mode: of torch.compile. listened: tokens of a description (and of a prompt that is cross-attended to) that there is
    room for. record: makes of a step its replay.
    """

    def __init__(
        self,
        decoder: Decoder,
        mode: str,
        *,
        rows: int = 1,
        listened: int = 256,
        record: Record | None = None,
    ) -> None:
        weights = decoder.weights
        self.decoder = decoder
        self._rows = rows
        self._eager = EagerSteps(decoder)
        self._cache = SelfCache(weights, rows, decoder.positions)
        self._used = 0
        self._ids = torch.zeros(rows, weights.shape.codebooks, dtype=torch.long, device=weights.device)
        self._positions = torch.zeros(rows, dtype=torch.long, device=weights.device)
        self._cross = _silence(decoder, rows, listened)
        self._listened: list[Cross] = []
        self._record = record or (self._as_graph if mode != WITHOUT_GRAPHS else _as_it_is)
        self._mode = INDUCTOR_MODES[mode]
        spans = sorted({min(SHORT_SPAN, decoder.positions), decoder.positions})
        self._steps = {span: self._compiled(span) for span in spans}

    def warm_up(self) -> None:
        """Compile and record now. Raises what the compiler raises."""
        for span, step in self._steps.items():
            logger.info("compiling the voice's step for up to %d positions …", span)
            step()
            self._steps[span] = self._record(step)
            self._steps[span]()
        self._cache.clear(1)

    def open(self, rows: Sequence[Cross]) -> Batch:
        """A batch of rows that listen to these. One at a time: it has the buffers."""
        room = self._cross.layers[0][0].shape[2]
        if len(rows) != self._rows or any(row.layers[0][0].shape[2] > room for row in rows):
            logger.debug("a batch of %d rows does not fit the compiled step, and runs uncompiled", len(rows))
            return self._eager.open(rows)
        self._cache.clear(self._used)
        self._used = 0
        self._listen(rows)
        return FixedBatch(self, rows, self._cache)

    def run(self, ids: list[list[int]], positions: list[int]) -> Tensor:
        """One step of the open batch."""
        self._used = max(self._used, max(positions) + 1)
        self._ids.copy_(torch.tensor(ids))
        self._positions.copy_(torch.tensor(positions))
        return self._steps[min(span for span in self._steps if span >= self._used)]()

    def note_read(self, length: int) -> None:
        """So many positions were filled by reading prompts."""
        self._used = max(self._used, length)

    def _compiled(self, span: int) -> Step:
        decoder, cache, cross = self.decoder, self._cache, self._cross

        def step(ids: Tensor, positions: Tensor) -> Tensor:
            return decoder.step(ids, positions, cache, cross, span)

        compiled = torch.compile(step, mode=self._mode, fullgraph=True, dynamic=False)
        return lambda: compiled(self._ids, self._positions)

    def _as_graph(self, step: Step) -> Step:
        return record_cuda_graph(step, self.decoder.weights.device)

    def _listen(self, rows: Sequence[Cross]) -> None:
        if len(rows) == len(self._listened) and all(a is b for a, b in zip(rows, self._listened, strict=True)):
            return
        assert self._cross.mask is not None
        self._cross.mask.zero_()
        for number, row in enumerate(rows):
            length = row.layers[0][0].shape[2]
            self._cross.mask[number, :, :, :length] = True
            for static, own in zip(self._cross.layers, row.layers, strict=True):
                for buffer, tensor in zip(static, own, strict=True):
                    buffer[number, :, :length] = tensor[0]
        self._listened = list(rows)


class FixedBatch:
    """See Batch."""

    def __init__(self, steps: FixedSteps, rows: Sequence[Cross], cache: SelfCache) -> None:
        self.cache = cache
        self.cross = rows
        self._steps = steps

    def step(self, ids: list[list[int]], positions: list[int]) -> Tensor:
        return self._steps.run(ids, positions)

    def close(self) -> None:
        """Nothing to give back: the buffers are cleared when the next batch is opened."""


def record_cuda_graph(step: Step, device: torch.device) -> Step:
    """Records the step's kernels on this GPU → what runs them again and returns the same tensor with new contents.

    Streams and graphs belong to the current GPU, which is the first one unless another is named.
    """
    with torch.cuda.device(device):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # what is set up at first runs may not be recorded
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = step()

    def replay() -> Tensor:
        with torch.cuda.device(device):
            graph.replay()
        return output

    return replay


def _as_it_is(step: Step) -> Step:
    return step


def _silence(decoder: Decoder, rows: int, tokens: int) -> Cross:
    """Buffers for what is listened to. The first token counts: with none at all, attention would be NaN."""
    weights = decoder.weights
    nothing = torch.zeros(
        (rows, weights.shape.cross_heads, tokens, weights.shape.head), device=weights.device, dtype=weights.dtype
    )
    mask = torch.zeros(rows, 1, 1, tokens, dtype=torch.bool, device=weights.device)
    mask[..., 0] = True
    layers = [(nothing.clone(), nothing.clone()) for _ in weights.layers]
    return Cross(layers, mask)
