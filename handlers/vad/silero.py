"""silero-vad 6 (MIT, https://github.com/snakers4/silero-vad): the probability that a frame is voiced.

It judges frames of 32 ms (512 samples at 16 kHz, 256 at 8) and carries a state from frame to frame; each conversation
has states of its own (`hearing.py`). Its ONNX file runs in about 0.1 ms a frame on one thread, so it needs no engine
thread.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TypeAlias

import numpy as np

from handlers.vad.turn_audio import STT_RATE as STT_RATE
from utils.audio.samples import FloatAudio
from utils.system.privacy import report_nothing

State: TypeAlias = tuple[FloatAudio, FloatAudio]
"""The recurrent state, float32 [2, 1, 128], and the context, float32 [context]: the end of the frame before."""

FRAME_MS = 32
SURELY_VOICED = 0.5  # silero's own default threshold


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

    def initial_state(self, after: State | None = None) -> State:
        """A state that has heard nothing. after: what comes next follows the frames of this state, without a click."""
        context = np.zeros(self._context, dtype=np.float32) if after is None else after[1]
        return np.zeros((2, 1, 128), dtype=np.float32), context

    def step(self, frame: FloatAudio, state: State) -> tuple[float, State]:
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
