"""Removes the silence at the start of a reply. A voice makes some before its first sound, and the listener waits."""

from __future__ import annotations

import numpy as np

from utils.audio.samples import PcmAudio
from utils.audio.wire import FULL_SCALE, REPLY_RATE

# -60 dBFS. The bundled voice's silence is at -90, and an "h", "f" or "th" rises from -80 to this in at most 10 ms.
AUDIBLE = FULL_SCALE / 1_000
KEPT = REPLY_RATE // 200  # samples kept before the first audible one: 5 ms
MOST = REPLY_RATE // 2  # samples removed at most: 0.5 s, since a longer silence is intended


class QuietStart:
    """The quiet start of one reply."""

    def __init__(self) -> None:
        self._dropped = 0
        self._kept: PcmAudio = np.zeros(0, dtype=np.int16)
        self._begun = False

    def without(self, samples: PcmAudio) -> PcmAudio:
        """The samples without the silence at the start of the reply. samples: int16 [n], 44.1 kHz."""
        if self._begun:
            return samples
        samples = np.concatenate([self._kept, samples])
        loud = np.flatnonzero((samples > AUDIBLE) | (samples < -AUDIBLE))
        silent = int(loud[0]) if len(loud) else len(samples)
        drop = min(max(0, silent - KEPT), MOST - self._dropped)
        self._dropped += drop
        self._begun = len(loud) > 0 or self._dropped == MOST
        self._kept = samples[drop:]
        return self._kept if self._begun else self._kept[:0]
