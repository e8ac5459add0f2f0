"""When the speaker was last heard: where the sound was gone, or where the network noticed."""

from __future__ import annotations

import numpy as np
import pytest

from utils.segmentation import Stopped
from utils.turn_audio import TurnAudio

RATE, FRAME = 16_000, 512


@pytest.mark.parametrize(
    ("levels", "last_voiced", "gone_after"),
    [
        ("LLLLLqqqqqqqq", 7, 5),  # the network is 96 ms late
        ("LLLLLqqqqqqqq", 4, 5),  # or it is not
        ("LLLLLqqqqqqqqqq", 9, 5),  # 160 ms are late still
        ("LLLLLqqqqqqqqqqq", 10, 11),  # and longer is a voice that is quiet
        ("LLLLLqqLqqqqq", 8, 8),  # the sound came back
        ("LLLLLqqLqqqqq", 5, 6),  # after the network's last: a noise
        ("LLLLLqqqqqLLL", 7, 8),
        ("LLLLLLLLLLLLL", 7, 8),  # a loud room
    ],
)
def test_it_is_where_the_sound_was_gone(levels, last_voiced, gone_after):
    audio = TurnAudio(RATE, FRAME, pad_ms=200)
    audio.timeline.append(np.zeros(len(levels) * FRAME, dtype=np.float32), 100.0 + len(levels) * FRAME / RATE)
    for level in levels:
        assert audio.next_frame() is not None
        audio.note_level(level == "q")
    assert audio.last_voiced_at(Stopped(0, last_voiced, 0.0)) == pytest.approx(100.0 + gone_after * FRAME / RATE)
