"""What a Whisper checkpoint and its options ask of the decoder."""

from __future__ import annotations

import logging
from typing import Any

from transformers import WhisperForConditionalGeneration

logger = logging.getLogger(__name__)

MULTILINGUAL_VOCABULARY = 51_865  # tokens; English-only checkpoints have 51,864
PLAIN_OPTIONS = {"max_new_tokens", "num_beams", "return_timestamps", "task", "language"}
# Of a checkpoint's generation config; everything else in one means something that only generate() can do.
PLAIN_CONFIG = {
    "alignment_heads", "begin_suppress_tokens", "bos_token_id", "decoder_start_token_id", "eos_token_id",
    "forced_decoder_ids", "is_multilingual", "lang_to_id", "max_initial_timestamp_index", "max_length",
    "no_timestamps_token_id", "pad_token_id", "prev_sot_token_id", "return_timestamps", "suppress_tokens",
    "task_to_id", "transformers_version", "_from_model_config",
}  # fmt: skip


def is_multilingual(model: WhisperForConditionalGeneration) -> bool:
    """As the checkpoint says; an older one that does not is told by its vocabulary, which English-only ones lack."""
    said = getattr(model.generation_config, "is_multilingual", None)
    return bool(said) if said is not None else model.config.vocab_size >= MULTILINGUAL_VOCABULARY


def generation_options(gen_kwargs: dict[str, Any], multilingual: bool) -> dict[str, Any]:
    """English-only checkpoints refuse a language and a task; `auto` leaves the language to the model."""
    options = {name: value for name, value in gen_kwargs.items() if value is not None}
    if not multilingual:
        dropped = {name: options.pop(name) for name in ("language", "task") if name in options}
        if dropped.get("language", "en") not in ("en", "auto", "english"):
            logger.warning("this Whisper checkpoint hears English only: --stt_gen_language has no effect")
        if dropped.get("task", "transcribe") != "transcribe":
            logger.warning("this Whisper checkpoint can't translate: --stt_gen_task has no effect")
    elif options.get("language") == "auto":
        del options["language"]
    return options


def is_plain(options: dict[str, Any], model: WhisperForConditionalGeneration) -> bool:
    """Whether these options of generate() and the checkpoint ask for plain greedy decoding, and no more."""
    config = model.generation_config
    forced = config.forced_decoder_ids or getattr(model.config, "forced_decoder_ids", None)
    return (
        set(options) <= PLAIN_OPTIONS
        and set(config.to_diff_dict()) <= PLAIN_CONFIG
        and options.get("num_beams", 1) == 1
        and not options.get("return_timestamps", getattr(config, "return_timestamps", False))
        and isinstance(config.eos_token_id, int)
        and not (forced and is_multilingual(model) and "task" not in options)
    )


def languages(options: dict[str, Any], model: WhisperForConditionalGeneration) -> tuple[int, ...]:
    """The tokens of the languages to choose from where the language is to be detected, else none."""
    named = getattr(model.generation_config, "lang_to_id", {})
    return () if options.get("language") is not None or not is_multilingual(model) else tuple(named.values())
