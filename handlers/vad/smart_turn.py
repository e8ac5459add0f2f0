"""Whether a speaker is done or only thinks, judged by ear: pipecat's smart-turn v3.2.

BSD-2-Clause, https://huggingface.co/pipecat-ai/smart-turn-v3. Whisper tiny's encoder with one output, in 8-bit ONNX; it
hears the last 8 s of the turn, its end at the window's end, and was made for speech before about 200 ms of silence.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.audio.log_mel import log_mel, normalized
from utils.audio.samples import FloatAudio
from utils.models.bundled import resolve_model
from utils.system.privacy import report_nothing

RATE = 16_000
WINDOW_S = 8
LEAST_STRETCH_S = 0.8  # a shorter one, an "um" after a pause, sounds complete whatever it was
HUB_FILE = "smart-turn-v3.2-cpu.onnx"


class SmartTurn:
    """The network, shared by all conversations; it holds no state of theirs.

    model_name: a bundled one, a folder or file, or a repository of the hub. Raises FileNotFoundError where there is no
    one .onnx in it, BundledModelError, and what the hub raises.
    """

    def __init__(self, model_name: str) -> None:
        report_nothing()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the models that answer want the other cores
        self._session = onnxruntime.InferenceSession(
            str(_onnx_file(model_name)), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def score(self, audio: FloatAudio, stretch: int = 0) -> float:
        """The probability that what was said in float32 [n], 16 kHz, is all that is to be said.

        stretch: samples at its end since the speaker last paused; 0 where there was no pause. A turn with a pause in it
        seldom sounds complete as a whole, so the end of it, if it is long enough, may do so by itself: at the same
        share of turns that were cut off, the mean delay fell from 1,040 to 600 ms (`benchmarks/turn_ends.py`).
        """
        score = self._score(audio)
        return max(score, self._score(audio[-stretch:])) if stretch >= LEAST_STRETCH_S * RATE else score

    def _score(self, audio: FloatAudio) -> float:
        window = audio[-WINDOW_S * RATE :]
        window = np.pad(window, (WINDOW_S * RATE - len(window), 0))
        (scores,) = self._session.run(None, {"input_features": log_mel(normalized(window))[None]})
        return float(np.asarray(scores).reshape(-1)[0])


def _onnx_file(model_name: str) -> Path:
    path = Path(resolve_model(model_name))
    if path.is_file():
        return path
    if not path.is_dir():
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(model_name, HUB_FILE))
    found = sorted(path.glob("*.onnx"))
    if len(found) != 1:
        raise FileNotFoundError(f"one .onnx file is needed in {path}, found {[file.name for file in found]}")
    return found[0]
