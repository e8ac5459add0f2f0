"""How large a chunk of audio may be: as large as can be made before the listener has heard what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass

LEAST = 8  # frames, 93 ms of 44.1 kHz audio: with fewer, a codec call's fixed costs are most of it
BEHIND = 24  # where there will be gaps anyway: little dearer than decoding all at once, and the gaps are short
LARGEST = 86  # frames, a second: larger ones save next to nothing, and what is cancelled would have been made in vain
SAFETY = 0.8  # of the time there is; steps are not all equally fast


@dataclass(frozen=True)
class Costs:
    """Seconds: of a decoding step, which makes one frame; of a codec call; of each frame in it."""

    step: float
    codec_fixed: float
    codec_frame: float

    def __iter__(self) -> Iterator[float]:
        return iter(astuple(self))


class ChunkRule:
    """Chunks after the first.

    frame_s: seconds of audio of a frame. A chunk of n frames takes n steps and a codec call for n, and it may take as
    long as there is audio to be heard. Where making audio takes longer than hearing it, no size avoids gaps.
    """

    def __init__(self, costs: Costs, frame_s: float) -> None:
        self._fixed_s = costs.codec_fixed
        self._frame_s = costs.step + costs.codec_frame
        self._behind = self._frame_s >= frame_s

    def next(self, ahead_s: float) -> int:
        """Frames of the next chunk. ahead_s: seconds of audio still to be heard when its making begins."""
        if self._behind:
            return BEHIND
        if not self._frame_s:
            return LARGEST
        return min(max(LEAST, int((ahead_s * SAFETY - self._fixed_s) / self._frame_s)), LARGEST)
