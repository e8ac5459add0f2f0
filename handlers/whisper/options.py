"""What a Whisper checkpoint and its options ask of the decoder."""

from __future__ import annotations

import logging
from typing import Any

from transformers import GenerationConfig
from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

from utils.models.load_errors import UnusableModel

logger = logging.getLogger(__name__)

AUTO = "auto"
PLAIN_OPTIONS = {"max_new_tokens", "num_beams", "return_timestamps", "task", "language"}
# Of a checkpoint's generation config; everything else in one means something that only generate() can do.
PLAIN_CONFIG = {
    "alignment_heads", "begin_suppress_tokens", "bos_token_id", "cache_implementation", "decoder_start_token_id",
    "early_stopping", "eos_token_id", "forced_decoder_ids", "is_multilingual", "lang_to_id", "length_penalty",
    "max_initial_timestamp_index", "no_timestamps_token_id", "pad_token_id", "prev_sot_token_id", "return_timestamps",
    "suppress_tokens", "task_to_id", "transformers_version", "use_cache", "_from_model_config",
}  # fmt: skip


class UnknownLanguage(UnusableModel):
    """The checkpoint can't be told to hear this language; the message is one line."""


def generation_options(gen_kwargs: dict[str, Any], config: GenerationConfig) -> dict[str, Any]:
    """The options of `generate` for a checkpoint with this (complete) generation config.

    English-only checkpoints refuse a language and a task; `auto` leaves the language to the model.
    Raises UnknownLanguage.
    """
    options = {name: value for name, value in gen_kwargs.items() if value is not None}
    if not config.is_multilingual:
        dropped = {name: options.pop(name) for name in ("language", "task") if name in options}
        if dropped.get("language", "en").lower() not in ("en", AUTO, "english"):
            logger.warning("this Whisper checkpoint hears English only: --stt_gen_language has no effect")
        if dropped.get("task", "transcribe") != "transcribe":
            logger.warning("this Whisper checkpoint can't translate: --stt_gen_task has no effect")
        return options
    options.setdefault("task", "transcribe")
    if options.get("language") == AUTO:
        del options["language"]
    if "language" in options:
        _check_language(options["language"], config.lang_to_id)
    return options


def _check_language(language: str, known: dict[str, int]) -> None:
    """A code ("de"), a name ("german") or a token ("<|de|>")."""
    word = language.lower()
    if f"<|{TO_LANGUAGE_CODE.get(word, word)}|>" not in known and word not in known:
        raise UnknownLanguage(
            f"--stt_gen_language {language}: this checkpoint has {len(known)} languages, and that is none of them; "
            f"give a code such as en, a name such as english, or {AUTO}"
        )


def is_plain(options: dict[str, Any], config: GenerationConfig) -> bool:
    """Whether these options of generate() and the checkpoint ask for plain greedy decoding, and no more."""
    usual = GenerationConfig._get_default_generation_params()
    settings = config.to_diff_dict()
    unusual = {name for name, value in settings.items() if value not in (None, usual.get(name, False))}
    return (
        set(options) <= PLAIN_OPTIONS
        and unusual <= PLAIN_CONFIG
        and options.get("num_beams", 1) == 1
        and not options.get("return_timestamps", getattr(config, "return_timestamps", False))
        and isinstance(config.eos_token_id, int)
    )


def languages(options: dict[str, Any], config: GenerationConfig) -> tuple[int, ...]:
    """The tokens of the languages to choose from where the language is to be detected, else none."""
    detects = config.is_multilingual and options.get("language") is None
    return tuple(config.lang_to_id.values()) if detects else ()
