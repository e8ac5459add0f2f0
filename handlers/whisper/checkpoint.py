"""Loads a Whisper checkpoint, of the hub or a folder: weights, tokenizer, log-mel features and generation config.

Published checkpoints and fine-tunes differ in what lies beside the weights. Here the features are made from the model's
own config, so a preprocessor_config.json is not needed. What an old generation config does not say is found in the
tokenizer: Transformers' `generate` refuses a language or a task without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer
from transformers.models.whisper.tokenization_whisper import LANGUAGES, TASK_IDS

from handlers.whisper.encoder import PLACES_A_SECOND
from utils.audio.samples import FloatAudio
from utils.models.load_errors import UnusableModel
from utils.models.model_folder import fault_of
from utils.models.progress_bars import hide_loading_bars

RATE = 16_000  # Hz
WINDOW_S = 30  # what Whisper hears at once
TIMESTAMPS = 1501  # tokens after <|notimestamps|>, for 0.00 to 30.00 s
MULTILINGUAL_VOCABULARY = 51_865  # tokens; English-only checkpoints have 51,864
START, NO_TIMESTAMPS = "<|startoftranscript|>", "<|notimestamps|>"


class UnusableCheckpoint(UnusableModel):
    """What was named is no Whisper checkpoint, or only a part of one; the message is one line."""


@dataclass(frozen=True)
class Checkpoint:
    """What `load_checkpoint` makes."""

    model: Any
    """A WhisperForConditionalGeneration in evaluation mode, its generation config complete."""

    tokenizer: Any
    """The checkpoint's WhisperTokenizer."""

    extractor: Any
    """A WhisperFeatureExtractor with as many mel bins as the model has."""

    @property
    def multilingual(self) -> bool:
        """Whether it knows more languages than English."""
        return bool(self.model.generation_config.is_multilingual)

    @property
    def no_speech(self) -> int | None:
        """The id of <|nospeech|>, or None. Older checkpoints spell it <|nocaptions|>; it is before <|notimestamps|>."""
        no_timestamps = getattr(self.model.generation_config, "no_timestamps_token_id", None)
        return None if no_timestamps is None else no_timestamps - 1

    def features(self, audio: FloatAudio, window_s: float = WINDOW_S) -> torch.Tensor:
        """Log-mel features, [1, bins, 100 a second], in the model's dtype and on its device.

        audio: float32 [n], 16 kHz. The window begins with it and goes on in silence; what is longer is cut off.
        """
        samples = int(window_s * RATE)
        features = self.extractor(audio, sampling_rate=RATE, return_tensors="pt", max_length=samples).input_features
        return features.to(self.model.device, self.model.dtype)

    def words(self, tokens: Sequence[int]) -> list[int]:
        """These ids without control tokens and timestamps.

        Those are told by their numbers: tokenizers that were saved long ago don't mark them all as special.
        """
        config = self.model.generation_config
        last = getattr(config, "no_timestamps_token_id", -1) + TIMESTAMPS
        return [token for token in tokens if not self.tokenizer.eos_token_id <= token <= last]

    def text(self, tokens: Sequence[int]) -> str:
        """What the words among these ids say."""
        return str(self.tokenizer.decode(self.words(tokens), skip_special_tokens=True)).strip()


def load_checkpoint(name: str, dtype: torch.dtype, device: str) -> Checkpoint:
    """The checkpoint of a folder, or of the hub, on a device.

    Raises UnusableCheckpoint where it is of another kind or lacks its tokenizer, and what Transformers raises.
    """
    _check_kind(name)
    hide_loading_bars()
    model = WhisperForConditionalGeneration.from_pretrained(name, dtype=dtype).to(device).eval()
    window_s = model.config.max_source_positions / PLACES_A_SECOND
    if window_s != WINDOW_S:
        raise UnusableCheckpoint(f"it hears {window_s:g} s at once, and Whisper {WINDOW_S}")
    tokenizer = WhisperTokenizer.from_pretrained(name)
    if _id_of(tokenizer, START) != model.config.decoder_start_token_id:  # Transformers makes an empty one of no files
        raise UnusableCheckpoint("it has no tokenizer, or another model's: tokenizer.json is needed, or vocab.json")
    complete(model, tokenizer)
    return Checkpoint(model, tokenizer, WhisperFeatureExtractor(feature_size=model.config.num_mel_bins))


def _check_kind(name: str) -> None:
    """Before the weights are loaded: what does not fit them is reported at length, and not by its cause."""
    config, _ = PreTrainedConfig.get_config_dict(name)
    kind = config.get("model_type")
    if kind is None and Path(name).exists() and (fault := fault_of(Path(name), "stt")):
        raise UnusableCheckpoint(fault)
    if kind != "whisper":
        raise UnusableCheckpoint(f"it is no Whisper checkpoint: its config.json says {kind or 'nothing'}")


def complete(model: WhisperForConditionalGeneration, tokenizer: Any) -> None:
    """Adds to the generation config what older checkpoints don't say, and takes out what the options decide.

    The options always say the task of a multilingual checkpoint, and the language or that it is to be detected. So a
    language or a prompt (`forced_decoder_ids`) that a fine-tune has stored has no say any more.
    """
    config = model.generation_config
    for name in ("decoder_start_token_id", "eos_token_id", "pad_token_id"):
        if getattr(config, name, None) is None:
            setattr(config, name, getattr(model.config, name))
    config.max_length = None  # --stt_gen_max_new_tokens is the limit; Transformers warns where both are given
    no_timestamps = _id_of(tokenizer, NO_TIMESTAMPS)
    if getattr(config, "no_timestamps_token_id", None) is None and no_timestamps is not None:
        config.no_timestamps_token_id = no_timestamps
    if getattr(config, "is_multilingual", None) is None:
        config.is_multilingual = model.config.vocab_size >= MULTILINGUAL_VOCABULARY
    if config.is_multilingual:
        languages = {f"<|{code}|>": f"<|{code}|>" for code in LANGUAGES}
        tasks = {task: f"<|{task}|>" for task in TASK_IDS}
        config.lang_to_id = getattr(config, "lang_to_id", None) or _ids_of(tokenizer, languages)
        config.task_to_id = getattr(config, "task_to_id", None) or _ids_of(tokenizer, tasks)
        config.language = config.task = None
    if config.is_multilingual or _is_usual(getattr(config, "forced_decoder_ids", None), no_timestamps):
        config.forced_decoder_ids = model.config.forced_decoder_ids = None


def _is_usual(forced: list[list[int | None]] | None, no_timestamps: int | None) -> bool:
    """Whether an English-only checkpoint's prompt is the one that `generate` begins with anyway."""
    return not forced or forced == [[1, no_timestamps]]


def _ids_of(tokenizer: Any, tokens: dict[str, str]) -> dict[str, int]:
    """{key: id} of {key: token}, without those that the tokenizer does not have."""
    found = {key: _id_of(tokenizer, token) for key, token in tokens.items()}
    return {key: number for key, number in found.items() if number is not None}


def _id_of(tokenizer: Any, token: str) -> int | None:
    """The tokenizer's id of a control token, or None where it has none."""
    number = tokenizer.convert_tokens_to_ids(token)
    return None if number is None or number == tokenizer.unk_token_id else int(number)
