"""When the speaker was last heard."""

from __future__ import annotations

import numpy as np
import pytest

from handlers.vad.segmentation import Stopped
from handlers.vad.turn_audio import TurnAudio

RATE, FRAME = 16_000, 512


@pytest.mark.parametrize(("last_voiced", "late", "heard"), [(7, 0, 8), (7, 3, 5)])
def test_it_is_the_last_voiced_frame_less_those_in_which_the_network_was_late(last_voiced, late, heard):
    audio = TurnAudio(RATE, FRAME, pad_ms=200)
    audio.timeline.append(np.zeros(13 * FRAME, dtype=np.float32), 100.0 + 13 * FRAME / RATE)
    while audio.next_frame() is not None:
        pass
    assert audio.last_voiced_at(Stopped(0, last_voiced, 0.0, late)) == pytest.approx(100.0 + heard * FRAME / RATE)
