"""Speech to text with Whisper."""

from __future__ import annotations

from handlers.stt import STTHandler
from handlers.whisper.engine import WhisperEngine


class WhisperSTTHandler(STTHandler):
    """Transcribes with Whisper."""

    engine_type = WhisperEngine
