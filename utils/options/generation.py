"""Checks the options of a model's `generate` that no dataclass lists (`--stt_gen_X`, `--lm_gen_X`, `--tts_gen_X`).

Transformers takes seconds to import. So it is only imported if such an option is given.
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from utils.options.parser import OptionError, check_value
from utils.system.quiet_torchao import quiet_torchao

# What the engines pass themselves, what would break streaming and joining, and what takes objects rather than values.
NOT_SETTABLE = frozenset({
    "input_features", "inputs", "input_ids", "attention_mask", "generation_config", "logits_processor",
    "stopping_criteria", "prefix_allowed_tokens_fn", "synced_gpus", "return_dict_in_generate", "output_scores",
    "output_logits", "output_attentions", "output_hidden_states", "streamer", "assistant_model", "kwargs", "self",
    "return_segments", "return_token_timestamps", "num_return_sequences", "cache_implementation", "cache_config",
    "use_cache", "transformers_version", "return_legacy_cache", "num_segment_frames", "time_precision",
    "time_precision_features", "forced_decoder_ids", "is_multilingual", "generation_kwargs", "is_assistant",
    "assistant_confidence_threshold", "num_assistant_tokens", "num_assistant_tokens_schedule",
    "prompt_ids", "prompt_condition_type", "stop_strings", "token_healing", "negative_prompt_ids",
    "negative_prompt_attention_mask", "custom_generate", "trust_remote_code", "continuous_batching_config",
    "compile_config", "disable_compile", "max_cache_len", "use_mtp", "speculation_type", "assistant_early_exit",
    "assistant_lookbehind", "assistant_ensemble_weight", "target_lookbehind",
})  # fmt: skip
# What older versions of Transformers did themselves, and now fetch as code from the hub.
GONE = {
    "num_beam_groups": "beams in groups",
    "diversity_penalty": "beams in groups",
    "penalty_alpha": "contrastive search",
    "low_memory": "contrastive search",
    "dola_layers": "DoLa",
    "constraints": "constrained beams",
    "force_words_ids": "constrained beams",
}
# Parler-TTS takes the likeliest code or samples one: its `generate` has no beams and no assisted search.
NOT_SETTABLE_FOR = {
    "causal": frozenset({"eos_token_id", "pad_token_id"}),  # the engine finds them itself
    "whisper": frozenset[str](),
    "parler": frozenset({
        "num_beams", "length_penalty", "early_stopping", "prompt_lookup_num_tokens", "max_matching_ngram_size",
        "guidance_scale",
    }),
}  # fmt: skip
# Types and ranges that GenerationConfig itself does not check: those of Transformers' generation/logits_process.py,
# with the value that switches a processor off. Whisper's thresholds are of its own `generate`.
LIMITS: dict[str, tuple[type, dict[str, Any]]] = {
    "temperature": (float, {"min": 0.0}),
    "top_k": (int, {"min": 0}),
    "top_p": (float, {"min": 0.0, "max": 1.0}),
    "min_p": (float, {"min": 0.0, "max": 1.0}),
    "top_h": (float, {"exclusive_min": 0.0, "max": 1.0}),
    "typical_p": (float, {"exclusive_min": 0.0, "max": 1.0}),
    "epsilon_cutoff": (float, {"min": 0.0, "exclusive_max": 1.0}),
    "eta_cutoff": (float, {"min": 0.0, "exclusive_max": 1.0}),
    "repetition_penalty": (float, {"exclusive_min": 0.0}),
    "encoder_repetition_penalty": (float, {"exclusive_min": 0.0}),
    "length_penalty": (float, {}),
    "guidance_scale": (float, {}),
    "no_repeat_ngram_size": (int, {"min": 0}),
    "encoder_no_repeat_ngram_size": (int, {"min": 0}),
    "num_beams": (int, {"min": 1}),
    "max_new_tokens": (int, {"min": 1}),
    "min_new_tokens": (int, {"min": 0}),
    "max_length": (int, {"min": 1}),
    "min_length": (int, {"min": 0}),
    "max_time": (float, {"exclusive_min": 0.0}),
    "prompt_lookup_num_tokens": (int, {"min": 1}),
    "max_matching_ngram_size": (int, {"min": 1}),
    "prefill_chunk_size": (int, {"min": 1}),
    "do_sample": (bool, {}),
    "remove_invalid_values": (bool, {}),
    "renormalize_logits": (bool, {}),
    "condition_on_prev_tokens": (bool, {}),
    "compression_ratio_threshold": (float, {"min": 0.0}),
    "logprob_threshold": (float, {"max": 0.0}),
    "no_speech_threshold": (float, {"min": 0.0, "max": 1.0}),
}


class UnknownGenerationOption(OptionError):
    """`generate` does not know an option, or refuses its value. The message is one line."""


def check_generation_options(
    prefix: str, extra: Mapping[str, Any], target: str, listed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The options of `extra`, converted to the types that `generate` wants: 1.0 where it needs a float and 1 was given.

    prefix: the start of the names on the command line, such as "lm_gen_". target: "whisper", "causal" or "parler".
    listed: the generation options that the dataclass lists, by their names in `generate`; all values are checked
    together. Raises UnknownGenerationOption for a name, OptionError for a value.
    """
    if not extra:
        return {}
    for name in extra:
        _check_name(prefix, name, target)
    checked = {name: _checked_value(prefix, name, value, target) for name, value in extra.items()}
    _check_together(prefix, checked, listed or {})
    return checked


def _check_name(prefix: str, name: str, target: str) -> None:
    known, refused = _known(target), NOT_SETTABLE | NOT_SETTABLE_FOR[target] | GONE.keys()
    if name in known - refused:
        return
    if name in GONE:
        raise UnknownGenerationOption(f"--{prefix}{name}: Transformers 5 has no {GONE[name]} any more")
    if name in known and name not in ("self", "kwargs"):
        raise UnknownGenerationOption(f"--{prefix}{name} can't be set for this model from the command line")
    close = difflib.get_close_matches(name, sorted(known - refused), 1)
    hint = f" (did you mean --{prefix}{close[0]}?)" if close else ""
    raise UnknownGenerationOption(f"--{prefix}{name}: the model's generate() has no option {name!r}{hint}")


def _known(target: str) -> set[str]:
    quiet_torchao()
    from transformers import GenerationConfig

    known = {name for name in vars(GenerationConfig()) if not name.startswith("_")}
    if target == "whisper":
        from transformers import WhisperForConditionalGeneration

        known |= set(inspect.signature(WhisperForConditionalGeneration.generate).parameters)
    return known


def _checked_value(prefix: str, name: str, value: Any, target: str) -> Any:
    if value is None or name not in LIMITS:
        return value
    kind, limits = LIMITS[name]
    if name == "temperature" and target == "whisper" and isinstance(value, list) and value:
        return [check_value(prefix + name, kind, limits, one) for one in value]  # tried in turn
    return check_value(prefix + name, kind, limits, value)


def _check_together(prefix: str, extra: Mapping[str, Any], listed: Mapping[str, Any]) -> None:
    refusal = _refusal({**listed, **extra})
    if refusal is None:
        return
    without = (name for name in extra if _refusal({**listed, **{n: v for n, v in extra.items() if n != name}}) is None)
    culprit = next(without, next(iter(extra)))
    raise UnknownGenerationOption(f"--{prefix}{culprit} {extra[culprit]!r} is refused: {refusal}")


@contextlib.contextmanager
def _silenced(logger_name: str) -> Iterator[None]:
    """A logger that says nothing. It would speak of options without effect, too."""
    logger = logging.getLogger(logger_name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _refusal(options: Mapping[str, Any]) -> str | None:
    """What the check of Transformers says against the options, in one line. None if it accepts them."""
    quiet_torchao()
    from transformers import GenerationConfig

    if options.get("prompt_lookup_num_tokens") and (options.get("num_beams") or 1) > 1:
        return "`prompt_lookup_num_tokens` needs `num_beams` to be 1."  # Transformers would leave it out, and say so
    known = vars(GenerationConfig())
    with warnings.catch_warnings(), _silenced(GenerationConfig.__module__):
        warnings.simplefilter("ignore")  # of options without effect, such as top_p without do_sample
        try:
            GenerationConfig(**{name: value for name, value in options.items() if name in known})  # validates
        except (ValueError, TypeError, AttributeError) as error:
            return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return None
