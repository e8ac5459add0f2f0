"""Which further `--*_gen_X` options a model's `generate` knows.

Transformers, which takes seconds to import, is imported only when an option is given that the dataclass does not list.
"""

from __future__ import annotations

import difflib
import inspect
from typing import Any

# What the engines pass themselves, or what would break streaming and joining.
OURS = frozenset({
    "input_features", "inputs", "input_ids", "attention_mask", "generation_config", "logits_processor",
    "stopping_criteria", "prefix_allowed_tokens_fn", "synced_gpus", "return_dict_in_generate", "output_scores",
    "output_logits", "output_attentions", "output_hidden_states", "streamer", "assistant_model", "kwargs", "self",
    "return_segments", "return_token_timestamps", "num_return_sequences", "cache_implementation", "cache_config",
    "use_cache", "transformers_version", "return_legacy_cache", "num_segment_frames", "time_precision",
    "time_precision_features", "forced_decoder_ids", "is_multilingual",
})  # fmt: skip


class UnknownGenerationOption(ValueError):
    """`generate` does not know the option, or refuses its value; the message is one line."""


def check_generation_options(prefix: str, extra: dict[str, Any], target: str) -> None:
    """Refuse what `generate` does not know. target: "whisper", "causal" or "parler". Raises UnknownGenerationOption."""
    if not extra:
        return
    known = _known(target)
    for name in extra:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f" (did you mean --{prefix}{close[0]}?)" if close else ""
            raise UnknownGenerationOption(f"--{prefix}{name}: the model's generate() has no option {name!r}{hint}")
    _check_values(prefix, extra)


def _known(target: str) -> set[str]:
    from transformers import GenerationConfig

    known = {name for name in vars(GenerationConfig()) if not name.startswith("_")}
    if target == "whisper":
        from transformers import WhisperForConditionalGeneration

        known |= set(inspect.signature(WhisperForConditionalGeneration.generate).parameters)
    return known - OURS


def _check_values(prefix: str, extra: dict[str, Any]) -> None:
    import warnings

    from transformers import GenerationConfig

    for name, value in extra.items():
        if name not in vars(GenerationConfig()):
            continue
        default = getattr(GenerationConfig(), name)
        if isinstance(default, (int, float)) and not isinstance(default, bool) and isinstance(value, (str, bool)):
            raise UnknownGenerationOption(f"--{prefix}{name} needs a number, not {value!r}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                GenerationConfig(**{name: value}).validate()
        except (ValueError, TypeError) as error:
            line = str(error).strip().splitlines()[0]
            raise UnknownGenerationOption(f"--{prefix}{name} {value!r} is refused: {line}") from error
