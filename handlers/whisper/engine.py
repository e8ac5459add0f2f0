"""The Whisper engine (Radford et al. 2022, https://arxiv.org/abs/2212.04356) through Transformers.

Any checkpoint, from the hub or a folder: multilingual, English-only, distilled. What is no speech stays silent
(`handlers.whisper.judgement`).

Nearly all of a small checkpoint's time goes into the encoder's 30 s. With `--stt_window_s` it reads less and takes the
rest as silence (`handlers.whisper.encoder`); what comes of that is checked (`handlers.whisper.guard`, and how sure
Whisper is) and heard again in 30 s where it is doubtful. tiny.en, on 235 recordings (clean, fast, slow, quiet, noisy,
short words, long turns) with 8 s: 231 transcripts say the same, 55 of 1,993 words wrong and not 54.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from handlers.compilation import usable_mode
from handlers.whisper.checkpoint import RATE, WINDOW_S, load_checkpoint
from handlers.whisper.decoder import Decoded, GreedyDecoder, Prompt
from handlers.whisper.draft import Draft
from handlers.whisper.encoder import WindowEncoder
from handlers.whisper.generation import LONGEST_TEXT, Generator
from handlers.whisper.guard import falls_into_a_loop, repeats, too_many
from handlers.whisper.judgement import confidence, least_confidence
from handlers.whisper.listening import Demands, Listener
from handlers.whisper.options import generation_options, is_plain, languages
from utils.audio.samples import FloatAudio
from utils.models.bundled import resolve_model
from utils.models.devices import resolve_dtype
from utils.system.engine_thread import EngineThread, Live, always
from utils.turns.interruptions import is_backchannel

logger = logging.getLogger(__name__)

WARM_UP_TOKENS = 4
SILENCE_S = 2.0  # at least so much follows the speech in a short window
STEP_S = 2.0  # lengths of window, so that they are few
EVERYTHING = Demands(-math.inf, 1.0)  # is taken for speech
SURE_LOGPROB = -0.5  # under that, mean log-probability plus log(1 - no-speech), a short window is not to be trusted


class TooLong(ValueError):
    """The utterance is longer than what Whisper hears at once."""


class WhisperEngine:
    """A Whisper checkpoint on its engine thread. Options: see `arguments/whisper_stt_arguments.py`."""

    def __init__(
        self,
        thread: EngineThread,
        *,
        model_name: str,
        device: str,
        torch_dtype: str,
        compile_mode: str | None,
        gen_kwargs: dict[str, Any],
        no_speech_threshold: float,
        logprob_threshold: float,
        window_s: float,
    ) -> None:
        self._thread = thread
        dtype = resolve_dtype(torch_dtype, device, bfloat16_on_cpu=True)
        self._checkpoint = load_checkpoint(resolve_model(model_name), dtype, device)
        model = self._checkpoint.model
        self._no_speech_threshold = no_speech_threshold
        self._logprob_threshold = logprob_threshold
        self._options = generation_options(gen_kwargs, model.generation_config)
        self.window_s = window_s
        self.heard_again = 0  # utterances whose short window was not to be trusted
        self._encoder = WindowEncoder(model.model.encoder)
        self._generator = Generator(model, self._options, self._checkpoint.no_speech)
        self._listener = Listener(self.decode, self._checkpoint.words, self._checkpoint.text)
        self._decoder: GreedyDecoder | None = None
        if (mode := usable_mode("stt", compile_mode, device)) is None or not self._compile(mode):
            self._decoder = self._greedy_decoder()
            self.decode(_silence(), always, Draft())  # so that the first utterance is not slower than the others

    def new_memo(self) -> Draft:
        """See `handlers.stt.STTEngine`."""
        return Draft()

    def transcribe(self, audio: FloatAudio, live: Live, doubtful: bool = False, draft: Draft | None = None) -> str:
        """The words in float32 [n], 16 kHz, of up to 30 s; "" where there is no speech.

        doubtful: it was said over a reply, see `handlers.whisper.judgement`. draft: see there. Raises TooLong, and
        CancelledError when `live` turns false.
        """
        seconds = len(audio) / RATE
        if seconds > WINDOW_S:
            raise TooLong(f"Whisper hears {WINDOW_S} s at once, and this is {seconds:.1f} s")
        demands = Demands(
            least_confidence(self._logprob_threshold, seconds, doubtful),
            self._no_speech_threshold,
            one_language=not (self._checkpoint.multilingual or doubtful),
        )
        draft = Draft() if draft is None else draft
        draft.doubtful = doubtful
        return self._thread.call(lambda: self._transcribe(audio, live, demands, draft), live)

    @torch.inference_mode()
    def _compile(self, mode: str) -> bool:
        """False: the model runs uncompiled."""
        return self._generator.compile(mode, self._checkpoint.features(_silence()), WARM_UP_TOKENS)

    @torch.inference_mode()
    def _greedy_decoder(self) -> GreedyDecoder | None:
        """None where the options ask for more than greedy decoding. What it begins with, generate() tells."""
        model, config = self._checkpoint.model, self._checkpoint.model.generation_config
        if not is_plain(self._options, config):
            return None
        suppressed, first = (tuple(ids or ()) for ids in (config.suppress_tokens, config.begin_suppress_tokens))
        prompt = Prompt(
            tokens=self._generator.prompt(self._checkpoint.features(_silence())),
            languages=languages(self._options, config),
            suppressed=suppressed,
            suppressed_first=first,
            end=config.eos_token_id,
            no_speech=self._checkpoint.no_speech,
        )
        return GreedyDecoder(model, prompt)

    @torch.inference_mode()
    def _transcribe(
        self, audio: FloatAudio, live: Live, demands: Demands = EVERYTHING, draft: Draft | None = None
    ) -> str:
        return self._listener.hear(audio, live, demands, Draft() if draft is None else draft)

    @torch.inference_mode()
    def decode(self, audio: FloatAudio, live: Live, draft: Draft) -> Decoded:
        """What one window gives, with an end or without; to be called on the engine's thread. See `transcribe`."""
        if self._decoder is not None:
            return self._greedy(self._decoder, audio, live, draft)
        return self._generator.decode(self._checkpoint.features(audio), live)

    def _greedy(self, decoder: GreedyDecoder, audio: FloatAudio, live: Live, draft: Draft) -> Decoded:
        """In a short window first, and in 30 s where that is not to be trusted.

        But not over a reply, where it is a listener's sound: the reply is silent until it is known. Of 302 short sounds
        tiny.en took the same for words, in 82 and not 270 ms for a listener's sound (two cores of an AMD EPYC).
        """
        seconds = len(audio) / RATE
        window = self._short_window(seconds)
        decoded = self._hear(decoder, audio, window, live, draft)
        if window < WINDOW_S and _is_suspect(decoded) and not (draft.doubtful and self._is_backchannel(decoded)):
            logger.debug("in a window of %.0f s %r, not to be trusted", window, self._checkpoint.text(decoded.tokens))
            self.heard_again += 1
            decoded = self._hear(decoder, audio, WINDOW_S, live, draft)
        draft.tokens = decoded.tokens
        return decoded

    def _is_backchannel(self, decoded: Decoded) -> bool:
        return is_backchannel(self._checkpoint.text(decoded.tokens))

    def _short_window(self, seconds: float) -> float:
        """Seconds that the encoder hears first of an utterance of so many."""
        window = max(self.window_s, STEP_S * math.ceil((seconds + SILENCE_S) / STEP_S))
        return float(min(window, WINDOW_S))

    def _hear(self, decoder: GreedyDecoder, audio: FloatAudio, window: float, live: Live, draft: Draft) -> Decoded:
        features, seconds = self._checkpoint.features(audio, window), len(audio) / RATE
        states, beginning = self._encoder.encode_more(features, live, draft.beginning, seconds)
        draft.beginning = beginning or draft.beginning

        checked = 0

        def goes_astray(tokens: Sequence[int]) -> bool:
            if window < WINDOW_S:
                return repeats(tokens) or too_many(tokens, seconds)
            return falls_into_a_loop(tokens, seconds)

        def halt(tokens: Sequence[int]) -> bool:
            """A draft adds several tokens at once: each is looked at as if it had come alone."""
            nonlocal checked
            draft.begin_with(tokens)
            lengths = range(checked + 1, len(tokens) + 1)
            checked = len(tokens)
            return any(goes_astray(tokens[:length]) for length in lengths)

        limit = self._options.get("max_new_tokens", LONGEST_TEXT)
        return decoder.decode(states, limit, live, draft.tokens, halt)


def _silence() -> FloatAudio:
    """A second of it: what a model is warmed up with."""
    return np.zeros(RATE, dtype=np.float32)


def _is_suspect(decoded: Decoded) -> bool:
    """Whether a short window may have led the decoder astray."""
    return decoded.halted or not decoded.ended or confidence(decoded) < SURE_LOGPROB
