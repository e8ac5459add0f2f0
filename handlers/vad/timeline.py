"""The recent past of an audio stream, addressed by absolute sample numbers, and when each sample was received."""

from __future__ import annotations

from collections import deque

import numpy as np

from utils.audio.samples import FloatAudio


class AudioTimeline:
    """Audio from `start` (what is older was dropped) to `end`, sample numbers since the stream began. rate: Hz."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._small = rate // 32  # a client may write sample by sample: such blocks are joined
        self._blocks: deque[tuple[int, FloatAudio]] = deque()  # (number of its first sample, float32 [n])
        self._arrivals: deque[tuple[int, float]] = deque()  # (samples received by then, clock)
        self.start = 0
        self.end = 0

    def append(self, samples: FloatAudio, received_at: float) -> None:
        """Add float32 [n]; the last of these samples was received at `received_at` (seconds)."""
        if not len(samples):
            return
        if self._blocks and len(self._blocks[-1][1]) < self._small:
            first, before = self._blocks.pop()
            self._arrivals.pop()
            self._blocks.append((first, np.concatenate([before, samples])))
        else:
            self._blocks.append((self.end, samples))
        self.end += len(samples)
        self._arrivals.append((self.end, received_at))
        self._correct_before()

    def _correct_before(self) -> None:
        """What came in a burst was spoken one after the other, and the last of it before it arrived."""
        for index in range(len(self._arrivals) - 1, 0, -1):
            (before, found), (end, received_at) = self._arrivals[index - 1], self._arrivals[index]
            latest = received_at - (end - before) / self._rate
            if found <= latest:
                return
            self._arrivals[index - 1] = before, latest

    def audio(self, start: int, end: int) -> FloatAudio:
        """float32: the samples from `start` up to `end`, as far as they are there."""
        parts = [
            samples[max(0, start - first) : max(0, end - first)]
            for first, samples in self._blocks
            if first < end and first + len(samples) > start
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def time_of(self, sample: int) -> float:
        """When this sample was spoken, taking each block as received when its last sample was, unless what followed
        shows that it was spoken sooner: seconds."""
        for end, received_at in self._arrivals:
            if end >= sample:
                return received_at - (end - sample) / self._rate
        end, received_at = self._arrivals[-1]
        return received_at + (sample - end) / self._rate

    def drop_before(self, sample: int) -> None:
        """Forget whole blocks before `sample`."""
        while self._blocks and self._blocks[0][0] + len(self._blocks[0][1]) <= sample:
            self._blocks.popleft()
            self._arrivals.popleft()
        self.start = self._blocks[0][0] if self._blocks else self.end
