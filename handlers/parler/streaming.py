"""Streams an utterance: frames become audio in chunks that grow, and nothing is computed twice or for nobody."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from handlers.parler.chunks import ChunkRule, Costs
from handlers.parler.decoder import Cross
from handlers.parler.delay_pattern import Frame
from handlers.parler.speech import ParlerSpeech
from utils.audio.samples import FloatAudio
from utils.system.engine_thread import Abandoned, Live

logger = logging.getLogger(__name__)

Clock = Callable[[], float]
EmitAudio = Callable[[FloatAudio], None]

WARM_UP_STEPS = 24
LEAST_PIECE = 4  # frames of one codec call: with fewer, its fixed costs are most of it
MOST_PIECE = 86  # a second of audio


@dataclass(frozen=True)
class _Chunks:
    """first: frames of the first chunk. piece: frames that the codec decodes at once."""

    first: int
    clock: Clock
    rule: ChunkRule | None = None
    piece: int = MOST_PIECE


@dataclass(frozen=True)
class Spoken:
    """steps: decoding steps made. cut_off: the text was not at its end when the longest utterance was."""

    steps: int
    cut_off: bool


class SpeechStreamer:
    """Speaks one utterance after another; a first chunk of `first_s` seconds, then larger ones.

    clock: seconds; it tells how much of what was emitted a listener has still to hear.
    """

    def __init__(self, speech: ParlerSpeech, first_s: float, clock: Clock = time.perf_counter) -> None:
        self._speech = speech
        self._clock = clock
        self._chunks = _Chunks(speech.codec.frames_for(round(first_s * speech.codec.rate)), clock)

    @torch.inference_mode()
    def warm_up(self, voice: Cross, options: dict[str, Any]) -> Costs:
        """Speak a little, and learn from it how large chunks may be."""
        steps = min(WARM_UP_STEPS, options["max_new_tokens"])
        options = options | {"max_new_tokens": steps, "min_new_tokens": steps}
        batch = self._speech.begin([self._speech.utterance("Hello.", voice, options)], options)
        times = []
        try:
            while not batch.over:
                started = self._clock()
                batch.advance()
                times.append(self._clock() - started)
        finally:
            batch.close()
        costs = self._codec_costs(statistics.median(times))
        piece = int((costs.step - costs.codec_fixed) / costs.codec_frame) if costs.codec_frame else MOST_PIECE
        self._chunks = replace(
            self._chunks,
            rule=ChunkRule(costs, self._speech.frame_s),
            piece=min(max(piece, LEAST_PIECE), MOST_PIECE),
        )
        return costs

    @torch.inference_mode()
    def speak(
        self,
        text: str,
        voice: Cross,
        options: dict[str, Any],
        live: Live,
        emit: EmitAudio,
    ) -> Spoken:
        """Emits the audio, float32 [n] at the codec's rate. Raises Abandoned within a step of `live` turning false.

        options: as `ParlerSpeech.options` returns them.
        """
        batch = self._speech.begin([self._speech.utterance(text, voice, options)], options)
        talk = _Talk(self._speech, self._chunks, live, emit)
        steps = 0
        try:
            while not batch.over:
                check(live)
                steps += 1
                [frame] = batch.advance()
                if frame is not None:
                    talk.add(frame)
        finally:
            batch.close()
        talk.finish()
        return Spoken(steps, batch.cut_off(0))

    def _codec_costs(self, step: float) -> Costs:
        few, many = (self._codec_time(frames) for frames in (LEAST_PIECE, 4 * LEAST_PIECE))
        frame = max(0.0, (many - few) / (3 * LEAST_PIECE))
        return Costs(step=step, codec_fixed=max(0.0, few - LEAST_PIECE * frame), codec_frame=frame)

    def _codec_time(self, frames: int) -> float:
        stream = self._speech.codec.stream()
        codes = self._speech.tensor([[0] * self._speech.codec.codebooks] * frames)[None]
        times = []
        for _ in range(4):
            started = self._clock()
            stream.feed(codes).cpu()
            times.append(self._clock() - started)
        return statistics.median(times[1:])


class _Talk:
    """The chunks of one utterance."""

    def __init__(self, speech: ParlerSpeech, chunks: _Chunks, live: Live, emit: EmitAudio) -> None:
        self._speech = speech
        self._chunks = chunks
        self._live = live
        self._emit = emit
        self._codec = speech.codec.stream()
        self._frames: list[Frame] = []
        self._wanted = chunks.first
        self._emitted_s = 0.0
        self._began_s: float | None = None

    def add(self, frame: Frame) -> None:
        """One more frame; emits when a chunk is there."""
        self._frames.append(frame)
        if len(self._frames) >= self._wanted:
            self._decode()
            self._wanted = self._chunks.rule.next(self._ahead_s()) if self._chunks.rule else self._chunks.first

    def finish(self) -> None:
        """Emits all the rest."""
        self._decode(last=True)

    def _decode(self, last: bool = False) -> None:
        """Piece by piece: a cancelled utterance should end within a step's time, also where a chunk is decoded."""
        size = self._chunks.piece
        pieces = [self._frames[start : start + size] for start in range(0, len(self._frames), size)] or [[]]
        audio = []
        for number, piece in enumerate(pieces, 1):
            check(self._live)
            audio.append(self._codec.feed(self._speech.tensor(piece)[None], last and number == len(pieces))[0])
        self._frames = []
        samples = torch.cat(audio).cpu().numpy()
        if self._began_s is None:
            self._began_s = self._chunks.clock()
        self._emitted_s += len(samples) / self._speech.codec.rate
        if len(samples):
            self._emit(samples)

    def _ahead_s(self) -> float:
        """Seconds of audio that a listener who began at once has still to hear."""
        assert self._began_s is not None
        return max(0.0, self._began_s + self._emitted_s - self._chunks.clock())


def check(live: Live) -> None:
    """Raises Abandoned when it is not."""
    if not live():
        raise Abandoned
