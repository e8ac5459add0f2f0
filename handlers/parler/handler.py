"""Text to speech with Parler-TTS (Lyth and King 2024, https://arxiv.org/abs/2402.01912): a voice described in words.

Any checkpoint, from the hub or a folder, fine-tuned and multilingual ones too. The engine reads its files and streams
by itself: see `handlers/parler/`.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from handlers.compilation import usable_mode
from handlers.parler.checkpoint import Checkpoint
from handlers.parler.speech import ParlerSpeech
from handlers.parler.streaming import SpeechStreamer
from handlers.tts import AHEAD, TTSHandler
from utils.audio.resampling import StreamResampler
from utils.audio.samples import PcmAudio
from utils.audio.wire import REPLY_RATE, to_pcm
from utils.models.bundled import resolve_model
from utils.models.devices import resolve_dtype
from utils.system.engine_thread import Emit, EngineThread, Live
from utils.text.spoken_parts import split_long
from utils.text.voice_text import VoiceText

logger = logging.getLogger(__name__)

LEAST_TEXT = 40  # letters: whoever wants utterances shorter than these wants them cut off
LETTERS_PER_S = 11  # of slow speech: a text of so many has room in the seconds that the longest utterance has


class ParlerEngine:
    """A Parler-TTS checkpoint on its engine thread. Options: see `arguments/parler_tts_arguments.py`.

    Raises OSError where the checkpoint can't be had or read, and ValueError that names what is not supported: of the
    checkpoint or of the options of `generate()`; or where the description can't be read by its text encoder.
    """

    def __init__(
        self,
        thread: EngineThread,
        *,
        model_name: str,
        device: str,
        torch_dtype: str,
        compile_mode: str | None,
        description: str,
        language: str,
        play_steps_s: float,
        max_prompt_pad_length: int,
        gen_kwargs: dict[str, Any],
        code_phrase: str | None = None,
    ) -> None:
        self._thread = thread
        dtype = resolve_dtype(torch_dtype, device)
        checkpoint = Checkpoint.load(resolve_model(model_name), dtype, device)
        self.reading = VoiceText(language, says=checkpoint.knows_letter, code_phrase=code_phrase)
        self.reading.warm_up()
        self.speech = ParlerSpeech(checkpoint, gen_kwargs["max_new_tokens"])
        self._options = self.speech.options(gen_kwargs)
        self._voice = self.speech.voice(description)
        self._streamer = SpeechStreamer(self.speech, play_steps_s)
        if (mode := usable_mode("tts", compile_mode, device)) is not None:
            self.speech.try_to_compile(mode, 2**max_prompt_pad_length)
        longest_s = self._options["max_new_tokens"] * self.speech.frame_s
        self._longest_text = max(LEAST_TEXT, int(longest_s * LETTERS_PER_S))
        costs = self._streamer.warm_up(self._voice, self._options)
        logger.debug("a step takes %.1f ms, the codec %.1f ms and %.2f ms a frame", *(1e3 * cost for cost in costs))

    def stream(self, text: str, live: Live) -> Generator[PcmAudio, None, None]:
        """See `handlers.tts.TTSEngine`."""
        pieces: Iterator[PcmAudio] = self._thread.stream(
            lambda emit, wanted: self._speak(text, wanted, emit), live, room=AHEAD, size=len
        )
        yield from pieces

    def _speak(self, text: str, live: Live, emit: Emit[PcmAudio]) -> None:
        resampler = StreamResampler(self.speech.codec.rate, REPLY_RATE)
        for part in split_long(text, self._longest_text):
            spoken = self._streamer.speak(
                part, self._voice, self._options, live, lambda audio: emit(to_pcm(resampler.feed(audio)))
            )
            if spoken.cut_off:
                logger.warning("the voice was cut off after %.1f s: %r", spoken.steps * self.speech.frame_s, part)
        emit(to_pcm(resampler.feed(np.zeros(0, dtype=np.float32), last=True)))


class ParlerTTSHandler(TTSHandler):
    """Speaks with Parler-TTS."""

    engine_type = ParlerEngine
