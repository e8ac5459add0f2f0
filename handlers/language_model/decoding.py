"""Our own greedy decoding, in place of Transformers' `generate`, where nothing but the likeliest token is asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from transformers import GenerationConfig

from utils.system.engine_thread import Live

# What of a checkpoint's or the user's settings changes nothing while no sampling, or no beams, are asked for.
WITHOUT_EFFECT = {
    "bos_token_id", "eos_token_id", "pad_token_id", "max_new_tokens", "max_length", "do_sample", "temperature",
    "top_p", "top_k", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff", "early_stopping",
    "length_penalty", "transformers_version", "_from_model_config", "use_cache", "cache_implementation",
    "disable_compile", "compile_config",
}  # fmt: skip


def is_plain_greedy(model: Any, options: dict[str, Any]) -> bool:
    """Whether `generate` with these options would do no more than take the likeliest token until an end or a length.

    options: of `generate`, after `sampling_options`.
    """
    settings = model.generation_config.to_diff_dict() | options
    usual = GenerationConfig._get_default_generation_params()
    unusual = {name for name, value in settings.items() if value not in (None, usual.get(name, False))}
    return not settings.get("do_sample") and unusual <= WITHOUT_EFFECT and bool(options.get("max_new_tokens"))


class Reader:
    """Reads tokens into a cache and says what may follow. All methods: on the engine's thread, in inference mode."""

    def __init__(self, model: Any, device: str) -> None:
        self._model = model
        self._device = device
        self._last_only = {"logits_to_keep": 1} if model._supports_logits_to_keep() else {}

    def read(self, tokens: list[int], cache: Any) -> torch.Tensor:
        """Read those of `tokens` that `cache` does not hold, at least one → the last one's logits, [vocabulary]."""
        start = cache.get_seq_length()
        inputs = self._model.prepare_inputs_for_generation(
            self._tensor(tokens),
            next_sequence_length=len(tokens) - start,
            cache=cache,
            is_first_iteration=not start,
            use_cache=True,
            **self._last_only,
        )
        logits: torch.Tensor = self._model(**inputs, return_dict=True).logits[0, -1]
        return logits

    def greedy(
        self,
        prompt: list[int],
        cache: Any,
        new_tokens: int,
        ends: Collection[int],
        live: Live,
        put: Callable[[int], None],
    ) -> None:
        """Give each next token, the likeliest, to `put`: until one is of `ends`, so many are made, or `live` is false.

        The cache then holds the prompt and all of them but the last.
        """
        tokens = list(prompt)
        for _ in range(new_tokens):
            if not live():
                return
            tokens.append(int(self.read(tokens, cache).float().argmax()))
            put(tokens[-1])
            if tokens[-1] in ends:
                return

    def read_ahead(self, tokens: list[int], cache: Any, live: Live, chunk: int) -> None:
        """Read all of `tokens` into the cache, so many at a time, and stop between them when `live` turns false."""
        while (held := cache.get_seq_length()) < len(tokens) and live():
            self.read(tokens[: held + chunk], cache)

    def _tensor(self, tokens: list[int]) -> torch.Tensor:
        return torch.tensor([tokens], device=self._device)
