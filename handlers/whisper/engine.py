"""The Whisper engine (Radford et al. 2022, https://arxiv.org/abs/2212.04356) through Transformers.

Any checkpoint, from the hub or a folder: multilingual, English-only, distilled. Utterances over 30 s go through
Whisper's own sequential long-form decoding. What is no speech stays silent, by Whisper's own two measures (section 4.5
of the paper): the probability of <|nospeech|> and the mean log-probability of the text.

The paper drops text where the first is over 0.6 and the second under -1.0. That lets through the "you" that tiny.en is
fairly sure (-0.4) to hear in silence (no-speech 0.95). So for utterances of up to 30 s the two are joined: text is kept
where its mean log-probability plus log(1 - no-speech) reaches -1.0. Measured with tiny.en: single words such as "yes",
"no", "thank you", also quiet or in noise, -0.9 or more; silence, noise, breath, keys, music, coughs -1.2 or less.

Nearly all of a small checkpoint's time goes into the encoder's 30 s. With `--stt_window_s` it reads less and takes the
rest as silence (`handlers.whisper.encoder`); what comes of that is checked (`handlers.whisper.guard`, and how sure
Whisper is) and heard again in 30 s where it is doubtful. tiny.en, on 235 recordings (clean, fast, slow, quiet, noisy,
short words, long turns) with 8 s: 231 transcripts say the same, 55 of 1,993 words wrong and not 54.
"""

from __future__ import annotations

import copy
import logging
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import EncoderDecoderCache, WhisperForConditionalGeneration, WhisperProcessor

from handlers.compilation import Compilation, usable_mode
from handlers.stale import StaleCriteria
from handlers.whisper.decoder import Decoded, GreedyDecoder, Prompt
from handlers.whisper.encoder import WindowEncoder
from handlers.whisper.guard import repeats, too_many
from handlers.whisper.options import generation_options, is_multilingual, is_plain, languages
from utils.audio.samples import FloatAudio
from utils.models.bundled import resolve_model
from utils.models.devices import resolve_dtype
from utils.system.engine_thread import EngineThread, Live, always

logger = logging.getLogger(__name__)

RATE = 16_000
WINDOW_S = 30
# Section 4.5 of the paper: text that compresses better than this repeats itself.
COMPRESSION_RATIO_THRESHOLD = 2.4
# tiny.en makes words of "mm-hm", -0.94 and less ("MMA CHEM"); "Stop!", "No.", "Wait!", "Hold on." have -0.84 and more.
DOUBTFUL_LOGPROB = -0.9
# What lasts for longer than that is no such sound. Of 54 questions and calls over a reply, in three rooms with an echo
# canceller, three had less than -0.9 and none less than -1.1; a voice that is garbled means to interrupt all the same.
LONG_S, GARBLED_LOGPROB = 1.4, -1.15  # with the silence around it
WARM_UP_TOKENS = 4
LONGEST_TEXT = 448  # tokens: what every checkpoint has positions for, at most
SILENCE_S = 2.0  # at least so much follows the speech in a short window
STEP_S = 2.0  # lengths of window, so that they are few
SURE_LOGPROB = -0.5  # under that, mean log-probability plus log(1 - no-speech), a short window is not to be trusted
LONG_FORM_TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # section 4.5: retried at a higher one when a test fails


@dataclass
class Draft:
    """What was heard of the same speech when there was less of it. The engine reads it and leaves here what it heard.

    It makes the next time faster, and no different. tokens: of the checkpoint's vocabulary.
    """

    tokens: tuple[int, ...] = ()

    def begin_with(self, tokens: Sequence[int]) -> None:
        """What was heard so far, should it be broken off; what stands here already may go on after that."""
        heard = tuple(tokens)
        if self.tokens[: len(heard)] != heard:
            self.tokens = heard


class _NoSpeechProbe:
    """Reads the probability of <|nospeech|> off the first decoder pass, whose first position is the start token.

    Then it goes: a hook in a compiled step would have it compiled anew.
    """

    def __init__(self, model: WhisperForConditionalGeneration, token: int | None) -> None:
        self._model = model
        self._token = token
        self.probability = 0.0

    def __enter__(self) -> _NoSpeechProbe:
        self._hook = self._model.proj_out.register_forward_hook(self._look)
        return self

    def __exit__(self, *error: object) -> None:
        self._hook.remove()

    def _look(self, module: torch.nn.Module, inputs: Any, logits: torch.Tensor) -> None:
        self._hook.remove()
        if self._token is not None:
            self.probability = float(logits[0, 0].float().softmax(-1)[self._token])


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
        folder = resolve_model(model_name)
        self._thread = thread
        self._device = device
        self._dtype = resolve_dtype(torch_dtype, device, bfloat16_on_cpu=True)
        self._processor = WhisperProcessor.from_pretrained(folder)
        self._model = WhisperForConditionalGeneration.from_pretrained(folder, torch_dtype=self._dtype).to(device).eval()
        self._no_speech_threshold = no_speech_threshold
        self._logprob_threshold = logprob_threshold
        self._gen_kwargs = generation_options(gen_kwargs, is_multilingual(self._model))
        self._scored = copy.deepcopy(self._model.generation_config)
        self._scored.update(return_dict_in_generate=True, output_scores=True, return_legacy_cache=compile_mode is None)
        self._no_speech_token = self._find_no_speech_token()
        self.window_s = window_s
        self.heard_again = 0  # utterances whose short window was not to be trusted
        self._encoder = WindowEncoder(self._model.model.encoder)
        self._decoder: GreedyDecoder | None = None
        if (mode := usable_mode("stt", compile_mode, device)) is None or not self._compile(mode):
            self._decoder = self._greedy_decoder()
            self._warm_up()

    def new_memo(self) -> Draft:
        """See `handlers.stt.STTEngine`."""
        return Draft()

    def transcribe(self, audio: FloatAudio, live: Live, doubtful: bool = False, draft: Draft | None = None) -> str:
        """The words in float32 [n], 16 kHz; "" where there is no speech. CancelledError when `live` turns false.

        doubtful: it was said over a reply. Where it is short, it may well be none, and Whisper has to be surer; where
        it is long, the reply has garbled it, and Whisper may be less sure. draft: see there.
        """
        least = self._logprob_threshold
        if doubtful and len(audio) < LONG_S * RATE:
            least = max(least, DOUBTFUL_LOGPROB)
        elif doubtful:
            least = min(least, GARBLED_LOGPROB)
        return self._thread.call(lambda: self._transcribe(audio, live, least, draft or Draft()), live)

    def _warm_up(self) -> None:
        """Hear a second of silence, so that the first utterance is not slower than the others."""
        self._transcribe(np.zeros(RATE, dtype=np.float32), always)

    @torch.inference_mode()
    def _greedy_decoder(self) -> GreedyDecoder | None:
        """None where the options ask for more than greedy decoding. What it begins with, generate() tells."""
        config, options = self._model.generation_config, self._gen_kwargs
        if not is_plain(options, self._model):
            return None
        features = self._features(np.zeros(RATE, dtype=np.float32), WINDOW_S)
        mask = torch.ones(features.shape[::2], dtype=torch.long, device=self._device)
        options = {**options, "max_new_tokens": 1, "attention_mask": mask}
        begun = self._model.generate(features, generation_config=self._scored, **options).sequences[0, :-1]
        suppressed, first = (tuple(ids or ()) for ids in (config.suppress_tokens, config.begin_suppress_tokens))
        chosen = languages(self._gen_kwargs, self._model)
        end = config.eos_token_id
        return GreedyDecoder(
            self._model, Prompt(tuple(begun.tolist()), chosen, suppressed, first, end, self._no_speech_token)
        )

    def _compile(self, mode: str) -> bool:
        """Compile the encoder and the decoder's step that makes one token. False: not with beams, or not here."""
        if self._gen_kwargs.get("num_beams", 1) > 1:
            logger.warning("--stt_compile_mode: a search with beams has no cache of fixed length: uncompiled")
            return False
        for options in (self._scored, self._model.generation_config):
            options.cache_implementation = "static"
        compilation = Compilation("stt", mode)
        compilation.add(self._model.model.encoder, _is_whole_window, "last_hidden_state")
        compilation.add(self._model, _makes_one_token, "logits")
        if compilation.warmed_up([self._warm_up_both_ways]):
            return True
        for options in (self._scored, self._model.generation_config):
            options.cache_implementation = None
        return False

    def _warm_up_both_ways(self) -> None:
        """As short utterances are decoded, and those over 30 s; to some tokens, where silence would have none."""
        options = self._gen_kwargs
        tokens = min(WARM_UP_TOKENS, int(options.get("max_new_tokens", WARM_UP_TOKENS)))
        self._gen_kwargs = {**options, "min_new_tokens": tokens}
        try:
            for seconds in (1, WINDOW_S + 1):
                self._transcribe(np.zeros(seconds * RATE, dtype=np.float32), always)
        finally:
            self._gen_kwargs = options

    def _find_no_speech_token(self) -> int | None:
        """<|nospeech|>, spelled <|nocaptions|> in older checkpoints, comes right before <|notimestamps|>."""
        no_timestamps = getattr(self._model.generation_config, "no_timestamps_token_id", None)
        return None if no_timestamps is None else no_timestamps - 1

    @torch.inference_mode()
    def _transcribe(self, audio: FloatAudio, live: Live, least: float = -math.inf, draft: Draft | None = None) -> str:
        long = len(audio) > WINDOW_S * RATE
        if self._decoder is not None and not long:
            return self._greedy(self._decoder, audio, live, least, draft or Draft())
        features = self._processor(
            audio,
            sampling_rate=RATE,
            return_tensors="pt",
            return_attention_mask=True,
            **({"truncation": False, "padding": "longest"} if long else {}),
        ).to(self._device)
        inputs = features.input_features.to(self._dtype)
        options = {
            **self._gen_kwargs,
            "attention_mask": features.attention_mask,
            "stopping_criteria": [StaleCriteria(live)],
        }
        return self._long(inputs, options) if long else self._short(inputs, options, least)

    def _features(self, audio: FloatAudio, window_s: float) -> torch.Tensor:
        """Log-mel [1, bins, 100 a second] of the window that begins with this audio and goes on in silence."""
        samples = int(window_s * RATE)
        features = self._processor(audio, sampling_rate=RATE, return_tensors="pt", max_length=samples).input_features
        return features.to(self._device, self._dtype)

    def _greedy(self, decoder: GreedyDecoder, audio: FloatAudio, live: Live, least: float, draft: Draft) -> str:
        seconds = len(audio) / RATE
        window = self._short_window(seconds)
        decoded = self._hear(decoder, audio, window, live, draft)
        if window < WINDOW_S and self._is_suspect(decoded, seconds):
            logger.debug("in a window of %.0f s %r, not to be trusted", window, self._text(decoded.tokens))
            self.heard_again += 1
            decoded = self._hear(decoder, audio, WINDOW_S, live, draft)
        draft.tokens = decoded.tokens
        return self._judged(self._text(decoded.tokens), decoded.mean_logprob, decoded.no_speech, least)

    def _short_window(self, seconds: float) -> float:
        """Seconds that the encoder hears first of an utterance of so many."""
        window = max(self.window_s, STEP_S * math.ceil((seconds + SILENCE_S) / STEP_S))
        return float(min(window, WINDOW_S))

    def _hear(self, decoder: GreedyDecoder, audio: FloatAudio, window: float, live: Live, draft: Draft) -> Decoded:
        states = self._encoder.encode(self._features(audio, window), live)
        seconds = len(audio) / RATE

        def halt(tokens: Sequence[int]) -> bool:
            draft.begin_with(tokens)
            return window < WINDOW_S and (repeats(tokens) or too_many(tokens, seconds))

        limit = self._gen_kwargs.get("max_new_tokens", LONGEST_TEXT)
        return decoder.decode(states, limit, live, draft.tokens, halt)

    def _is_suspect(self, decoded: Decoded, seconds: float) -> bool:
        """Whether a short window may have led the decoder astray."""
        confidence = decoded.mean_logprob + math.log(max(1e-9, 1.0 - decoded.no_speech))
        return decoded.halted or not decoded.ended or confidence < SURE_LOGPROB

    def _long(self, inputs: torch.Tensor, options: dict[str, Any]) -> str:
        options = {
            "condition_on_prev_tokens": False,
            "temperature": LONG_FORM_TEMPERATURES,
            "compression_ratio_threshold": COMPRESSION_RATIO_THRESHOLD,
            "logprob_threshold": self._logprob_threshold,
            "no_speech_threshold": self._no_speech_threshold,
            **options,
        }
        options["return_timestamps"] = True  # Whisper finds its place in long audio by them
        tokens = self._model.generate(inputs, **options)
        return self._text(tokens[0])

    def _short(self, inputs: torch.Tensor, options: dict[str, Any], least: float) -> str:
        with _NoSpeechProbe(self._model, self._no_speech_token) as probe:
            output = self._model.generate(inputs, generation_config=self._scored, **options)
        return self._judged(self._text(output.sequences[0]), self._mean_logprob(output), probe.probability, least)

    def _judged(self, text: str, mean: float, no_speech: float, least: float) -> str:
        """The text, or "" if it is none. mean: its log-probability's; no_speech: probability."""
        confidence = mean + math.log(max(1e-9, 1.0 - no_speech))
        logger.debug("%r: no-speech %.2f, mean log-probability %.2f", text, no_speech, mean)
        if confidence < least:
            return ""
        repeating = _compression_ratio(text) > COMPRESSION_RATIO_THRESHOLD
        return "" if repeating and no_speech > self._no_speech_threshold else text

    def _mean_logprob(self, output: Any) -> float:
        """Of the generated tokens; of the best beam where there are several."""
        if getattr(output, "sequences_scores", None) is not None:
            return float(output.sequences_scores[0])
        scores = torch.stack([score[0] for score in output.scores]).float().log_softmax(-1)
        tokens = output.sequences[0, -len(output.scores) :]
        return float(scores.gather(1, tokens[:, None]).mean())

    def _text(self, tokens: Sequence[int] | torch.Tensor) -> str:
        return str(self._processor.tokenizer.decode([int(token) for token in tokens], skip_special_tokens=True)).strip()


def _is_whole_window(arguments: dict[str, Any]) -> bool:
    """The encoder always hears 30 s."""
    return True


def _makes_one_token(arguments: dict[str, Any]) -> bool:
    """Whether these arguments of the model's forward have the one shape of the decoder that is compiled.

    The pass that reads the encoder's keys and values into the cache is another, also where its prompt is one token.
    """
    ids, cache = arguments["decoder_input_ids"], arguments.get("past_key_values")
    return ids.shape[1] == 1 and isinstance(cache, EncoderDecoderCache) and bool(cache.is_updated.get(0))


def _compression_ratio(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0
