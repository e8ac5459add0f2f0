"""Text to speech with Parler-TTS (Lyth and King 2024, https://arxiv.org/abs/2402.01912): a voice described in words.

Any checkpoint, from the hub or a folder, fine-tuned and multilingual ones too. The library's own `generate()` and
streamer are used, all on the engine's thread: what the streamer has decoded leaves for the stage at once, an error in
`generate()` is raised where the audio is waited for, and a sentence that nobody wants any more stops within one step.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, LogitsProcessor, LogitsProcessorList

from handlers.base import Live
from handlers.generation import note_compile_mode, sampling_options
from handlers.parler_import import import_parler_tts
from handlers.tts import TTSHandler
from utils.bundled_models import resolve_model
from utils.devices import resolve_dtype
from utils.engine_thread import Abandoned, Emit, EngineThread, always
from utils.messages import FloatAudio, PcmAudio
from utils.model_hub import hub_problem
from utils.resampling import StreamResampler
from utils.wire_protocol import REPLY_RATE, to_pcm

logger = logging.getLogger(__name__)

# Every so many steps the streamer decodes all frames so far once more: with fewer, the codec costs more than an earlier
# start is worth. (With the library's own stride, fewer also damage the audio.)
LEAST_PLAY_STEPS = 65
# DAC's decoder looks 9.29 frames ahead (4,757 samples of 44.1 kHz audio): so many frames at the end are not final yet.
UNSETTLED_FRAMES = 10
WARM_UP_STEPS = 20

parler_tts: Any = import_parler_tts()


class ParlerEngine:
    """A Parler-TTS checkpoint on its engine thread. Options: see `arguments/parler_tts_arguments.py`.

    max_prompt_pad_length: has no effect. Only a compiled model needs prompts of few different lengths, and padding a
    prompt on the right changes the audio. Raises what `from_pretrained` raises, and ValueError where the description
    can't be read by the checkpoint's text encoder.
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
        play_steps_s: float,
        max_prompt_pad_length: int,
        gen_kwargs: dict[str, Any],
    ) -> None:
        note_compile_mode("tts", compile_mode)
        folder = resolve_model(model_name)
        self._thread = thread
        self._device = device
        self._model = _load_model(folder, resolve_dtype(torch_dtype, device)).to(device).eval()
        self._rate = int(self._model.config.audio_encoder.sampling_rate)
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._description = self._read_description(folder, description)
        self._play_steps = self._count_play_steps(play_steps_s)
        self._options = _generation_options(gen_kwargs, self._model.generation_config)
        self._warm_up()

    def stream(self, text: str, live: Live) -> Generator[PcmAudio, None, None]:
        """See `handlers.tts.SpeechEngine`."""
        closed = threading.Event()

        def wanted() -> bool:
            return live() and not closed.is_set()

        try:
            pieces: Iterator[PcmAudio] = self._thread.stream(lambda emit: self._speak(text, wanted, emit), wanted)
            yield from pieces
        finally:
            closed.set()

    def _speak(self, text: str, live: Live, emit: Emit[PcmAudio]) -> None:
        resampler = StreamResampler(self._rate, REPLY_RATE)
        self._generate(text, self._options, live, lambda audio: emit(to_pcm(resampler.feed(audio))))
        emit(to_pcm(resampler.feed(np.zeros(0, dtype=np.float32), last=True)))

    @torch.inference_mode()
    def _generate(self, text: str, options: dict[str, Any], live: Live, emit: Callable[[FloatAudio], None]) -> None:
        """Emits the audio, float32 [n] at the codec's rate. Raises Abandoned when `live` turns false."""
        prompt = self._tokenizer(text, return_tensors="pt").input_ids.to(self._device)
        streamer = _Streamer(self._model, self._play_steps, live, emit)
        # No prompt_attention_mask: nothing is padded, and with one the library builds a second mask and warns of it.
        with contextlib.suppress(_Spoken):
            self._model.generate(
                **self._description,
                prompt_input_ids=prompt,
                streamer=streamer,
                logits_processor=self._logits_processors(),
                **options,
            )

    def _logits_processors(self) -> LogitsProcessorList:
        """The library's own, which `generate` drops when it is given any, and ours. The former has a state."""
        end = self._model.generation_config.eos_token_id
        codebooks = self._model.decoder.num_codebooks
        delay_pattern = parler_tts.modeling_parler_tts.ParlerTTSLogitsProcessor(end, codebooks, 1, self._device)
        return LogitsProcessorList([delay_pattern, _OnlyCodes(self._model.config.audio_encoder.codebook_size, end)])

    def _read_description(self, folder: str, description: str) -> dict[str, torch.Tensor]:
        """`input_ids` and `attention_mask`, int64 [1, n]."""
        config = self._model.config.text_encoder
        tokenizer = _description_tokenizer(config._name_or_path) or self._tokenizer
        tokens = tokenizer(description, return_tensors="pt").to(self._device)
        if int(tokens.input_ids.max()) >= config.vocab_size:
            raise ValueError("the checkpoint's tokenizer does not fit its text encoder, whose own is not at hand")
        return {"input_ids": tokens.input_ids, "attention_mask": tokens.attention_mask}

    def _count_play_steps(self, play_steps_s: float) -> int:
        """Steps until so many seconds of audio are final: a frame is complete when its last codebook is."""
        frames = math.ceil(play_steps_s * self._rate / _hop(self._model))
        steps = frames + UNSETTLED_FRAMES + int(self._model.decoder.num_codebooks)
        if steps < LEAST_PLAY_STEPS:
            logger.debug("the first chunk comes after %d steps, not %d", LEAST_PLAY_STEPS, steps)
        return max(steps, LEAST_PLAY_STEPS)

    def _warm_up(self) -> None:
        """A few steps and a decode, so that the first sentence is not slower."""
        longest = min(WARM_UP_STEPS, int(self._options.get("max_new_tokens", WARM_UP_STEPS)))
        self._generate("Hello.", _limited(self._options, longest), always, lambda _: None)


class ParlerTTSHandler(TTSHandler):
    """Speaks with Parler-TTS."""

    engine_type = ParlerEngine


class _Spoken(Exception):
    """Leaves `generate()` when the streamer has emitted everything: it would decode the whole sentence once more."""


class _Streamer(parler_tts.ParlerTTSStreamer):
    """Emits audio, float32 [n] at the codec's rate, as `generate()` makes it; raises Abandoned once not `live`."""

    def __init__(self, model: Any, play_steps: int, live: Live, emit: Callable[[FloatAudio], None]) -> None:
        super().__init__(model, play_steps=play_steps, stride=UNSETTLED_FRAMES * _hop(model))
        self._live = live
        self._emit = emit

    def put(self, value: torch.Tensor) -> None:
        """Takes the ids of one step, int64 [codebooks]; at first those of the start, [codebooks, 1]."""
        self._check()
        super().put(value)

    def end(self) -> None:
        """Emits the rest. Raises _Spoken."""
        self._check()
        super().end()
        raise _Spoken

    def on_finalized_audio(self, audio: FloatAudio, stream_end: bool = False) -> None:
        """What the library puts into a queue."""
        if len(audio):
            self._emit(audio)

    def apply_delay_pattern_mask(self, input_ids: torch.Tensor) -> FloatAudio:
        """The audio of the whole frames in int64 [codebooks, steps]; empty where there is none.

        The library's own leaves fewer than 17 steps in their delay pattern, and asks the codec to decode no frames at
        all when the end comes at once.
        """
        frames = max(0, input_ids.shape[1] - len(input_ids))
        codes = torch.stack([row[k + 1 : k + 1 + frames] for k, row in enumerate(input_ids)])
        codes = codes[:, (codes < self.audio_encoder.config.codebook_size).all(0)].to(self.audio_encoder.device)
        if not codes.shape[1]:
            return np.zeros(0, dtype=np.float32)
        batch = codes[None, None] if self.use_4dim_audio_codes else codes[None]
        audio = self.audio_encoder.decode(audio_codes=batch, **self.audio_kwargs).audio_values
        return audio.reshape(-1).float().cpu().numpy()

    def _check(self) -> None:
        if not self._live():
            raise Abandoned


class _OnlyCodes(LogitsProcessor):
    """Lets the model give out codes and the end alone. It knows more ids, and the codec fails on them."""

    def __init__(self, codebook_size: int, end: int) -> None:
        self._codebook_size = codebook_size
        self._end = end

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        allowed = scores.new_full((scores.shape[-1],), -math.inf)
        allowed[: self._codebook_size] = allowed[self._end] = 0.0
        return scores + allowed


def _load_model(folder: str, dtype: torch.dtype) -> Any:
    with warnings.catch_warnings():
        # dac makes its layers with a weight norm that torch has deprecated: one warning for each of its 80 layers.
        warnings.filterwarnings("ignore", "`torch.nn.utils.weight_norm` is deprecated", FutureWarning)
        return parler_tts.ParlerTTSForConditionalGeneration.from_pretrained(folder, torch_dtype=dtype)


def _description_tokenizer(name: str) -> Any:
    """The text encoder's own tokenizer, or None where its name is unknown or it can't be loaded.

    A checkpoint names it as it was called where it was trained: on the hub, or in a folder that was there.
    """
    if not name:
        return None
    try:
        return AutoTokenizer.from_pretrained(name, local_files_only=hub_problem([name]) is not None)
    except (OSError, ValueError) as error:
        logger.warning("the description is read with the checkpoint's own tokenizer: %s can't be loaded", name)
        logger.debug("%s", error)
        return None


def _hop(model: Any) -> int:
    """Samples a frame, at the codec's rate."""
    config = model.config.audio_encoder
    return int(getattr(config, "hop_length", None) or config.sampling_rate // config.frame_rate)


def _generation_options(gen_kwargs: dict[str, Any], defaults: Any) -> dict[str, Any]:
    """Parler-TTS samples unless told otherwise. defaults: the checkpoint's `GenerationConfig`."""
    given = {name: value for name, value in gen_kwargs.items() if value is not None}
    options = sampling_options({"do_sample": defaults.do_sample, "min_new_tokens": defaults.min_new_tokens} | given)
    longest = options.get("max_new_tokens")
    return options if longest is None else _limited(options, longest)


def _limited(options: dict[str, Any], longest: int) -> dict[str, Any]:
    """With at most so many steps, and never at least more than that, of which Transformers warns."""
    shortest = options.get("min_new_tokens") or 0
    return options | {"max_new_tokens": longest, "min_new_tokens": min(shortest, longest)}
