"""Text to speech with Piper (https://github.com/OHF-Voice/piper1-gpl, GPL-3.0, hence optional), on the CPU."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from handlers.base import Live
from handlers.tts import AHEAD, TTSHandler
from utils.bundled_models import resolve_model
from utils.engine_thread import Emit, EngineThread
from utils.messages import PcmAudio
from utils.privacy import report_nothing
from utils.resampling import StreamResampler
from utils.wire_protocol import REPLY_RATE, to_pcm

logger = logging.getLogger(__name__)


class PiperEngine:
    """A Piper voice on its engine thread. Options: see `arguments/piper_tts_arguments.py`.

    model_name: a folder that holds one voice (`*.onnx` and `*.onnx.json`), or the path of an .onnx file. device: has no
    effect. Raises RuntimeError where piper-tts is not installed, FileNotFoundError where there is no such voice, and
    ValueError where the voice has no such speaker.
    """

    def __init__(
        self, thread: EngineThread, *, model_name: str, device: str, length_scale: float, speaker_id: int | None
    ) -> None:
        piper = _import_piper()
        self._thread = thread
        self._voice = _load_voice(piper, find_voice(Path(resolve_model(model_name)).expanduser()))
        _check_speaker(speaker_id, self._voice.config.num_speakers)
        self._config = piper.SynthesisConfig(speaker_id=speaker_id, length_scale=length_scale)
        for _ in self._voice.synthesize("Hello.", self._config):  # warm-up: the first sentence is not slower
            pass

    def stream(self, text: str, live: Live) -> Generator[PcmAudio, None, None]:
        """See `handlers.tts.SpeechEngine`. One piece for each sentence that Piper itself finds in `text`."""
        pieces: Iterator[PcmAudio] = self._thread.stream(
            lambda emit, wanted: self._speak(text, wanted, emit), live, room=AHEAD, size=len
        )
        yield from pieces

    def _speak(self, text: str, live: Live, emit: Emit[PcmAudio]) -> None:
        resampler = StreamResampler(self._voice.config.sample_rate, REPLY_RATE)
        for chunk in self._voice.synthesize(text, self._config):
            emit(to_pcm(resampler.feed(chunk.audio_float_array)))
            if not live():
                return
        emit(to_pcm(resampler.feed(np.zeros(0, dtype=np.float32), last=True)))


class PiperTTSHandler(TTSHandler):
    """Speaks with Piper."""

    engine_type = PiperEngine


def find_voice(path: Path) -> Path:
    """The .onnx file that `path` is, or that the folder `path` holds. Raises FileNotFoundError."""
    if path.is_file():
        return path
    found = sorted(path.glob("*.onnx"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise FileNotFoundError(f"a folder with one Piper voice is needed, its .onnx and .onnx.json; found {names}")
    return found[0]


def _load_voice(piper: Any, file: Path) -> Any:
    """As `PiperVoice.load` does it, but its threads sleep while they have nothing to do.

    Sentences of 15 and 140 letters on two cores that nothing else uses: 73 and 396 ms, not 71 and 421. Beside other
    work, as of the language model: 133 and 726 ms, not 188 and 1,027.
    """
    import onnxruntime

    config = json.loads(Path(f"{file}.json").read_text(encoding="utf-8"))
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(file), sess_options=options, providers=["CPUExecutionProvider"])
    return piper.PiperVoice(session=session, config=piper.PiperConfig.from_dict(config))


def _import_piper() -> Any:
    report_nothing()
    try:
        import piper
    except ModuleNotFoundError as error:
        if error.name != "piper":
            raise
        raise RuntimeError("piper-tts is not installed: pip install -r requirements-piper.txt") from error
    return piper


def _check_speaker(speaker_id: int | None, speakers: int) -> None:
    """ONNX Runtime would fail at every sentence of a speaker that is not there."""
    if speaker_id is None:
        return
    if speakers <= 1:
        logger.warning("this Piper voice has one speaker: --tts_speaker_id has no effect")
    elif speaker_id >= speakers:
        raise ValueError(f"this Piper voice has the speakers 0 to {speakers - 1}, not {speaker_id}")
