"""Text to speech with Piper (https://github.com/OHF-Voice/piper1-gpl, GPL-3.0, hence optional), on the CPU."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from handlers.piper.voice import Voice
from handlers.tts import AHEAD, TTSHandler
from utils.audio.resampling import StreamResampler
from utils.audio.samples import PcmAudio
from utils.audio.wire import REPLY_RATE, to_pcm
from utils.models.bundled import resolve_model
from utils.system.engine_thread import Emit, EngineThread, Live
from utils.system.privacy import report_nothing
from utils.text.voice_text import VoiceText

logger = logging.getLogger(__name__)


class PiperEngine:
    """A Piper voice on its engine thread. Options: see `arguments/piper_tts_arguments.py`.

    model_name: a folder that holds one voice (`*.onnx` and `*.onnx.json`), or the path of an .onnx file. device: has no
    effect. Raises RuntimeError where piper-tts is not installed, FileNotFoundError where there is no such voice, and
    ValueError where the voice has no such speaker.
    """

    def __init__(
        self,
        thread: EngineThread,
        *,
        model_name: str,
        device: str,
        length_scale: float,
        speaker_id: int | None,
        code_phrase: str | None = None,
    ) -> None:
        piper = _import_piper()
        self._thread = thread
        file = find_voice(Path(resolve_model(model_name)).expanduser())
        self._voice = Voice(piper, file, length_scale, speaker_id)
        _check_speaker(speaker_id, self._voice.speakers)
        self._voice.warm_up()
        self.reading = VoiceText(self._voice.language or "en", code_phrase=code_phrase)
        self.reading.warm_up()

    def stream(self, text: str, live: Live) -> Generator[PcmAudio, None, None]:
        """See `handlers.tts.TTSEngine`."""
        pieces: Iterator[PcmAudio] = self._thread.stream(
            lambda emit, wanted: self._speak(text, wanted, emit), live, room=AHEAD, size=len
        )
        yield from pieces

    def _speak(self, text: str, live: Live, emit: Emit[PcmAudio]) -> None:
        resampler = StreamResampler(self._voice.sample_rate, REPLY_RATE)
        for audio in self._voice.speak(text):
            emit(to_pcm(resampler.feed(audio)))
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
