"""Decoding with Transformers' `generate`: beams, timestamps, sampling, and the compiled steps.

Plain greedy decoding is done by `handlers.whisper.decoder`, in less time.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import logging
from typing import Any

import torch
from transformers import EncoderDecoderCache, GenerationConfig, WhisperForConditionalGeneration

from handlers.compilation import Compilation
from handlers.stale import StaleCriteria
from handlers.whisper.decoder import Decoded
from utils.system.engine_thread import Live, always

logger = logging.getLogger(__name__)

# Whisper's `generate` itself gives the inner one what this line warns of, once a process.
OF_NO_USE = "Passing `generation_config` together with generation-related arguments"
logging.getLogger("transformers.generation.utils").addFilter(lambda line: not line.getMessage().startswith(OF_NO_USE))

LONGEST_TEXT = 448  # tokens: what every checkpoint has positions for, at most


class Generator:
    """model: a WhisperForConditionalGeneration in evaluation mode. options: of its `generate`.

    no_speech: the id of <|nospeech|>, if there is one.
    """

    def __init__(self, model: WhisperForConditionalGeneration, options: dict[str, Any], no_speech: int | None) -> None:
        self._model = model
        self._no_speech = no_speech
        own = inspect.signature(type(model).generate).parameters
        self._arguments = {name: value for name, value in options.items() if name in own}
        self._config = copy.deepcopy(model.generation_config)
        self._config.update(**{name: value for name, value in options.items() if name not in own})
        ends = self._config.eos_token_id
        self._ends = frozenset(ends if isinstance(ends, list) else [ends])
        # Whisper's `generate` takes max_length for the new tokens alone. Given max_new_tokens, it warns at each call.
        self._config.max_length = self._config.max_new_tokens or LONGEST_TEXT
        self._config.max_new_tokens = None
        # With a static cache `generate` would compile the model by itself, on a GPU.
        self._config.update(return_dict_in_generate=True, output_scores=True, disable_compile=True)

    def prompt(self, features: torch.Tensor) -> tuple[int, ...]:
        """What the decoder begins with. features: of any sound, log-mel [1, bins, 3000]."""
        output = self._generate(features, always, self._changed(max_length=1))
        return tuple(output.sequences[0, :-1].tolist())

    def decode(self, features: torch.Tensor, live: Live) -> Decoded:
        """What was said in log-mel features [1, bins, 3000].

        Raises nothing when `live` turns false: it ends within a token, and what there is comes back.
        """
        return self._decode(features, live, self._config)

    def compile(self, mode: str, features: torch.Tensor, tokens: int) -> bool:
        """Compile the encoder, and the decoder's step that makes one token. False: not with beams, or not here.

        features: of any sound; up to so many tokens are made of it to warm up.
        """
        if (self._config.num_beams or 1) > 1:
            logger.warning("--stt_compile_mode: a search with beams has no cache of fixed length: uncompiled")
            return False
        self._config.cache_implementation = "static"
        compilation = Compilation("stt", mode)
        # cuDNN may want memory for a convolution while a graph is recorded, which breaks it off (H100, PyTorch 2.11).
        compilation.add(self._model.model.encoder, _is_whole_window, "last_hidden_state", graphs=False)
        compilation.add(self._model, _makes_one_token, "logits")
        config = self._changed(min_new_tokens=min(tokens, self._config.max_length), min_length=None)

        def warm_up() -> None:
            self._decode(features, always, config)

        if compilation.warmed_up([warm_up]):
            return True
        self._config.cache_implementation = None
        return False

    def _changed(self, **changes: Any) -> GenerationConfig:
        """The options with some others."""
        config = copy.deepcopy(self._config)
        config.update(**changes)
        return config

    def _decode(self, features: torch.Tensor, live: Live, config: GenerationConfig) -> Decoded:
        with _NoSpeechProbe(self._model, self._no_speech) as probe:
            output = self._generate(features, live, config)
        tokens = self._after_prompt(output.sequences[0].tolist())
        said = tuple(itertools.takewhile(lambda token: token not in self._ends, tokens))
        return Decoded(said, _mean_logprob(output), probe.probability, len(said) < len(tokens), False)

    def _after_prompt(self, tokens: list[int]) -> list[int]:
        """Without the control tokens at the beginning; they are numbered from the start token to <|notimestamps|>."""
        first = self._config.decoder_start_token_id
        last = getattr(self._config, "no_timestamps_token_id", first)
        return list(itertools.dropwhile(lambda token: first <= token <= last, tokens))

    def _generate(self, features: torch.Tensor, live: Live, config: GenerationConfig) -> Any:
        """One pass over the window, with its scores, also where timestamps would ask for a second one."""
        return self._model.generate(
            features,
            generation_config=config,
            attention_mask=torch.ones(features.shape[::2], dtype=torch.long, device=features.device),
            stopping_criteria=[StaleCriteria(live)],
            force_unique_generate_call=True,
            **self._arguments,
        )


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


def _mean_logprob(output: Any) -> float:
    """Of the generated tokens; of the best beam where there are several."""
    if getattr(output, "sequences_scores", None) is not None:
        return float(output.sequences_scores[0])
    scores = torch.stack([score[0] for score in output.scores]).float().log_softmax(-1)
    tokens = output.sequences[0, -len(output.scores) :]
    return float(scores.gather(1, tokens[:, None]).mean())


def _is_whole_window(arguments: dict[str, Any]) -> bool:
    """The encoder always hears 30 s."""
    return True


def _makes_one_token(arguments: dict[str, Any]) -> bool:
    """Whether these arguments of the model's forward have the one shape of the decoder that is compiled.

    The pass that reads the encoder's keys and values into the cache is another, also where its prompt is one token.
    """
    ids, cache = arguments["decoder_input_ids"], arguments.get("cache")
    return ids.shape[1] == 1 and isinstance(cache, EncoderDecoderCache) and bool(cache.is_updated.get(0))
