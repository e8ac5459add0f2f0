"""What conversations share of the VAD: the networks that hear speech and the end of a turn, and their settings."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import Any

import numpy as np

from handlers.vad.segmentation import Segmenter
from handlers.vad.silero import FRAME_MS, STT_RATE, SileroModel
from handlers.vad.smart_turn import SmartTurn
from handlers.vad.speculation import Speculation
from utils.audio.samples import FloatAudio
from utils.models.bundled_errors import BundledWheelMissing
from utils.system.engine_thread import EngineThread, Live

logger = logging.getLogger(__name__)

LONGEST_PART_S = 28.0  # Whisper hears 30 s at once; the turn goes on in the next part, and nothing of it is lost
# After so much silence smart-turn judges whether the turn is over, so that its score is there in time. Where the first
# score says no, it judges once more: short words ("No, wait.") sound complete only with more silence after them.
JUDGE_MS = (96, 192)
# A sound over a reply that is shorter is often no word ("uh", "mm-hm"). What it was is asked in the first short pause,
# for the reply is silent until that is known; only then, whether the turn is over.
SHORT_MS = 1_000


class VADEngine:
    """The networks and how they are to be used. Options: see `arguments/vad_arguments.py`; durations in milliseconds.

    Raises what `handlers.vad.smart_turn.SmartTurn` raises, where its model was asked for.
    """

    def __init__(
        self,
        thread: EngineThread,
        *,
        thresh: float,
        sample_rate: int,
        min_silence_ms: float,
        min_speech_ms: float,
        max_speech_ms: float,
        speech_pad_ms: float,
        turn_detection: str,
        turn_model_name: str,
        turn_thresh: float,
        max_pause_ms: float,
        allow_interruptions: bool,
        min_interruption_ms: float,
        speculative_silence_ms: float,
    ) -> None:
        self._thread = thread
        self.model = SileroModel(sample_rate)
        self.speech_pad_ms = speech_pad_ms
        self.allow_interruptions = allow_interruptions
        self.min_interruption_ms = min_interruption_ms
        self.min_silence_ms = min_silence_ms
        self.max_pause_ms = max(max_pause_ms, min_silence_ms)
        self.turn_thresh = turn_thresh
        self.speculative_silence_ms = speculative_silence_ms if speculative_silence_ms < min_silence_ms else 0.0
        self._judge_marks = {mark for mark in (*JUDGE_MS, min_silence_ms) if mark <= min(max(JUDGE_MS), min_silence_ms)}
        self._smart_turn = _load_smart_turn(turn_detection, turn_model_name)
        self._segmenter_options: dict[str, Any] = {
            "frame_ms": FRAME_MS,
            "thresh": thresh,
            "min_silence_ms": min_silence_ms,
            "min_speech_ms": min_speech_ms,
            "max_speech_ms": min(max_speech_ms, LONGEST_PART_S * 1000 - 2 * speech_pad_ms),
            "marks": {*self._judge_marks, self.speculative_silence_ms, min_silence_ms} - {0.0},
        }
        self.model.step(np.zeros(self.model.frame, dtype=np.float32), self.model.initial_state())  # warm-up
        if self._smart_turn is not None:
            self._smart_turn.score(np.zeros(STT_RATE, dtype=np.float32))

    def doubt_ms(self, voiced_ms: float) -> float:
        """After so much silence it is asked what a sound over a reply was. voiced_ms: how much of it was voiced."""
        return min(JUDGE_MS[0], self.min_silence_ms) if voiced_ms < SHORT_MS else self.min_silence_ms

    def marks_to_judge(self, voiced_ms: float, over_reply: bool) -> set[float]:
        """After how much silence it is judged whether the turn is over. See `doubt_ms`."""
        urgent = {self.doubt_ms(voiced_ms)} if over_reply and voiced_ms < SHORT_MS else set()
        return self._judge_marks - urgent or self._judge_marks

    def segmenter(self) -> Segmenter:
        """A segmenter for one conversation."""
        return Segmenter(**self._segmenter_options)

    def speculation(self) -> Speculation:
        """The account of one conversation's speculative attempts."""
        pause_ms = self.speculative_silence_ms
        return Speculation(self.min_silence_ms - pause_ms if pause_ms else 0.0)

    def judge(self, audio: FloatAudio, stretch: int, live: Live) -> Future[float] | None:
        """The probability that the turn, float32 [n], 16 kHz, is over; None where that is not judged.

        stretch: see `SmartTurn.score`. It is done on the engine's thread, and not begun where `live` is false by then.
        """
        smart_turn = self._smart_turn
        return None if smart_turn is None else self._thread.submit(lambda: smart_turn.score(audio, stretch), live)


def _load_smart_turn(turn_detection: str, model_name: str) -> SmartTurn | None:
    if turn_detection == "vad":
        return None
    try:
        return SmartTurn(model_name)
    except BundledWheelMissing as error:
        if turn_detection == "smart":
            raise
        logger.info("turns end after silence alone: %s", error)
        return None
