"""Voice activity detection with silero-vad: from the microphone's audio to whole utterances.

silero-vad 6 (MIT, https://github.com/snakers4/silero-vad) judges frames of 32 ms (512 samples at 16 kHz, 256 at 8)
and carries a state from frame to frame; each conversation has a state of its own. Its ONNX file runs in about 0.1 ms
a frame on one thread, so it needs no engine thread. What the probabilities mean is decided in `utils.segmentation`.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from handlers.base import BaseHandler, Live
from utils.audio_timeline import AudioTimeline
from utils.engine_thread import EngineThread
from utils.messages import FloatAudio, InputAudio, InputEnded, InputGap, Message, SpeechPart, Utterance
from utils.privacy import report_nothing
from utils.resampling import resample
from utils.segmentation import Dismissed, Onset, Segmenter, SpeechEvent, Split, Started, Stopped
from utils.turns import Speech

logger = logging.getLogger(__name__)

FRAME_MS = 32
STT_RATE = 16_000
LONGEST_PART_S = 28.0  # Whisper hears 30 s at once; the turn goes on in the next part, and nothing of it is lost
SURELY_VOICED = 0.5  # silero's own default threshold
LONGEST_GAP_S = 1.0  # of the silence between the pieces of one turn, so much is kept


class SileroModel:
    """The network, shared by all conversations; it holds no state of theirs. rate: 8,000 or 16,000 Hz."""

    def __init__(self, rate: int) -> None:
        report_nothing()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a frame is too small to share
        self.rate = rate
        self.frame = rate * FRAME_MS // 1000
        self._context = rate // 250  # 4 ms of the frame before are put in front, as the model was trained
        self._session = onnxruntime.InferenceSession(
            str(_onnx_file()), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def initial_state(self) -> tuple[FloatAudio, FloatAudio]:
        """The recurrent state, float32 [2, 1, 128], and the context, float32 [context]."""
        return np.zeros((2, 1, 128), dtype=np.float32), np.zeros(self._context, dtype=np.float32)

    def step(self, frame: FloatAudio, state: tuple[FloatAudio, FloatAudio]) -> tuple[float, tuple[Any, Any]]:
        """The probability that this frame, float32 [frame], is voiced, and the next state."""
        recurrent, context = state
        padded = np.concatenate([context, frame])
        probability, recurrent = self._session.run(
            None, {"input": padded[None], "state": recurrent, "sr": np.array(self.rate, dtype=np.int64)}
        )
        return float(probability[0, 0]), (recurrent, padded[-self._context :])


def voiced_seconds(audio: FloatAudio) -> float:
    """How much of float32 [n], 16 kHz, is speech."""
    model = SileroModel(STT_RATE)
    state, voiced = model.initial_state(), 0
    for start in range(0, len(audio) - model.frame + 1, model.frame):
        probability, state = model.step(audio[start : start + model.frame], state)
        voiced += probability >= SURELY_VOICED
    return voiced * model.frame / model.rate


def _onnx_file() -> Path:
    """The wheel's model file, found without importing the package (which would import torch)."""
    spec = importlib.util.find_spec("silero_vad")
    if spec is None or spec.origin is None:
        raise RuntimeError("silero-vad is not installed: pip install -r requirements.txt")
    return Path(spec.origin).parent / "data" / "silero_vad.onnx"


class VADEngine:
    """The network and how it is to be used. Options: see `arguments/vad_arguments.py`; durations in milliseconds."""

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
    ) -> None:
        self.model = SileroModel(sample_rate)
        self.speech_pad_ms = speech_pad_ms
        self._segmenter_options = {
            "frame_ms": FRAME_MS,
            "thresh": thresh,
            "min_silence_ms": min_silence_ms,
            "min_speech_ms": min_speech_ms,
            "max_speech_ms": min(max_speech_ms, LONGEST_PART_S * 1000 - 2 * speech_pad_ms),
        }
        self.model.step(np.zeros(self.model.frame, dtype=np.float32), self.model.initial_state())  # warm-up

    def segmenter(self) -> Segmenter:
        """A segmenter for one conversation."""
        return Segmenter(**self._segmenter_options)


class VADHandler(BaseHandler):
    """Cuts the input into utterances, decides when a turn begins and ends, and tells `Turns`."""

    handles = (InputAudio, InputGap, InputEnded)
    engine_type = VADEngine

    def setup(self, engine: VADEngine) -> None:
        self._model = engine.model
        self._state = engine.model.initial_state()
        self._segmenter = engine.segmenter()
        self._pad = int(engine.speech_pad_ms / 1000 * engine.model.rate)
        self._gap = int(LONGEST_GAP_S * engine.model.rate)
        self._timeline = AudioTimeline(engine.model.rate)
        self._judged = 0  # samples that the network has seen
        self._heard_until = float("-inf")  # clock: audio or silence is known up to here
        self._taken = 0  # samples up to here are in utterances or parts already
        self._spoken = 0  # samples up to here hold the words of those, without the padding
        self._extending = False  # the speech now continues a turn: its audio joins on to what was taken
        self._unanswered: FloatAudio | None = None  # 16 kHz: said, but nobody has heard an answer yet

    def process(self, message: InputAudio | InputGap | InputEnded, live: Live) -> Iterator[Message]:
        if isinstance(message, InputAudio):
            yield from self._hear(message.samples, message.received_at)
        elif isinstance(message, InputGap):
            yield from self._be_silent_until(message.until)
        else:
            yield from self._end()
            yield message

    def _hear(self, samples: FloatAudio, received_at: float) -> Iterator[Message]:
        self._timeline.append(samples, received_at)
        self._heard_until = max(self._heard_until, received_at)
        frame = self._model.frame
        while self._timeline.end - self._judged >= frame:
            audio = self._timeline.audio(self._judged, self._judged + frame)
            self._judged += frame
            probability, self._state = self._model.step(audio, self._state)
            for event in self._segmenter.feed(probability):
                yield from self._follow(event)
        start = self._segmenter.start
        needed = self._judged if start is None else start * frame
        self._timeline.drop_before(needed - self._pad - self._gap)

    def _be_silent_until(self, until: float) -> Iterator[Message]:
        """Nothing arrives: in mid-utterance that is silence, by the clock."""
        if not self._segmenter.in_utterance or until <= self._heard_until:
            return
        missing = int((until - self._heard_until) * self._model.rate)
        yield from self._hear(np.zeros(missing, dtype=np.float32), until)

    def _end(self) -> Iterator[Message]:
        missing = -(self._timeline.end - self._judged) % self._model.frame
        if self._timeline.end:
            yield from self._hear(np.zeros(missing, dtype=np.float32), self._heard_until)
        for event in self._segmenter.flush():
            yield from self._follow(event)

    def _follow(self, event: SpeechEvent) -> Iterator[Message]:
        turns = self.context.turns
        if isinstance(event, Onset):
            turns.doubt(True)
        elif isinstance(event, Dismissed):
            turns.doubt(False)
            logger.debug("a sound that was no speech")
        elif isinstance(event, Started):
            speech = turns.user_speaks()
            self._extending = speech is Speech.EXTENDS
            if not self._extending:
                self._unanswered = None
            logger.debug("speech: %s", speech.value)
        elif isinstance(event, Split):
            yield from self._part(event)
        elif isinstance(event, Stopped):
            yield from self._stop(event)

    def _part(self, event: Split) -> Iterator[Message]:
        """The speech has become long: what there is of it goes ahead, and the turn goes on."""
        turn = self.context.turns.next_turn()
        yield from self._seal(turn)
        frame = self._model.frame
        audio = self._take_audio(event.start * frame, event.end * frame)
        self._extending, self._spoken = True, event.end * frame
        logger.debug("a long turn: a part of %.1f s goes ahead", len(audio) / STT_RATE)
        yield SpeechPart(turn, audio)

    def _stop(self, event: Stopped) -> Iterator[Message]:
        """The user is done: what was said since the last answer is one turn."""
        turns, frame = self.context.turns, self._model.frame
        end = (max(event.last_voiced, event.start) + 1) * frame
        audio = self._take_audio(event.start * frame, min(end + self._pad, self._judged))
        self._spoken = end
        if self._unanswered is not None:
            if len(self._unanswered) + len(audio) > LONGEST_PART_S * STT_RATE:
                yield from self._seal(turns.next_turn())
            else:
                audio = np.concatenate([self._unanswered, audio])
        self._unanswered = audio
        attempt = turns.begin()
        turns.commit(attempt)
        last_voiced_at = self._timeline.time_of(end)
        logger.debug(
            "end of turn: %.2f s of audio, %.0f ms after the last voiced frame",
            len(audio) / STT_RATE,
            (self.context.clock() - last_voiced_at) * 1000,
        )
        yield Utterance(attempt, turns.turn_of(attempt), audio, last_voiced_at)

    def _seal(self, turn: int) -> Iterator[Message]:
        if self._unanswered is not None:
            yield SpeechPart(turn, self._unanswered)
            self._unanswered = None

    def _take_audio(self, start: int, end: int) -> FloatAudio:
        """16 kHz audio with its pre-roll; where the turn goes on, joined without a seam to what was taken before."""
        earliest = self._taken if self._extending else self._spoken  # no word stands in two turns
        begin = max(earliest, start - (max(self._gap, self._pad) if self._extending else self._pad))
        self._taken = end
        return resample(self._timeline.audio(max(0, begin), end), self._model.rate, STT_RATE)
