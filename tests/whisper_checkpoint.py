"""Tiny Whisper checkpoints with random weights and the published structure: tokens, mel bins, layers, heads, files.

The values are those of the checkpoints' own config.json and generation_config.json. Words come from the tokenizer of
the bundled tiny.en; the multilingual control tokens are added in the published order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration
from transformers.models.whisper.configuration_whisper import NON_SPEECH_TOKENS, NON_SPEECH_TOKENS_MULTI
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from utils.models.bundled import resolve_model
from utils.models.hugging_face_folder import write_folder

ENGLISH, MULTILINGUAL, LARGE_V3 = 51_864, 51_865, 51_866  # sizes of the vocabulary
TIMESTAMPS = 1501  # 0.00 to 30.00 s, in steps of 20 ms
WIDTH = 64  # at least; in a narrower one the random weights say the same token again and again
LANGUAGES_OF_V2 = 99


@dataclass(frozen=True)
class Published:
    """What one checkpoint is made of."""

    name: str
    vocabulary: int
    """Its size: ENGLISH, MULTILINGUAL or LARGE_V3."""

    layers: int
    """Of the decoder. The encoder has one here."""

    heads: int
    alignment_heads: tuple[tuple[int, int], ...]
    """(layer, head) each; distilled checkpoints have kept those of their teacher."""

    mel_bins: int = 80
    no_speech: str = "<|nospeech|>"
    """How its tokenizer spells it."""

    left_out: tuple[str, ...] = ()
    """Keys that its generation_config.json lacks."""

    added: tuple[tuple[str, Any], ...] = ()
    """Further (key, value) of its generation_config.json."""

    files_left_out: tuple[str, ...] = ()

    @property
    def multilingual(self) -> bool:
        return self.vocabulary > ENGLISH

    def control(self) -> dict[str, int]:
        """{token: id}, from the end token to <|notimestamps|>."""
        end = 50_257 if self.multilingual else 50_256
        count = LANGUAGES_OF_V2 + (self.vocabulary == LARGE_V3)
        names = [
            "endoftext", "startoftranscript", *list(LANGUAGES)[:count], "translate", "transcribe", "startoflm",
            "startofprev", self.no_speech.strip("<|>"), "notimestamps",
        ]  # fmt: skip
        return {f"<|{name}|>": end + place for place, name in enumerate(names)}


TINY_EN = Published("tiny.en", ENGLISH, 4, 6, ((1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)))
BASE = Published("base", MULTILINGUAL, 6, 8, ((3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)))
SMALL_EN_HEADS = (
    (6, 6), (7, 0), (7, 3), (7, 8), (8, 2), (8, 5), (8, 7), (9, 0), (9, 4), (9, 8), (9, 10), (10, 0), (10, 1), (10, 2),
    (10, 3), (10, 6), (10, 11), (11, 2), (11, 4),
)  # fmt: skip
LARGE_V2_HEADS = (
    (10, 12), (13, 17), (16, 11), (16, 12), (16, 13), (17, 15), (17, 16), (18, 4), (18, 11), (18, 19), (19, 11),
    (21, 2), (21, 3), (22, 3), (22, 9), (22, 12), (23, 5), (23, 7), (23, 13), (25, 5), (26, 1), (26, 12), (27, 15),
)  # fmt: skip
LARGE_V3_HEADS = (
    (7, 0), (10, 17), (12, 18), (13, 12), (16, 1), (17, 14), (19, 11), (21, 4), (24, 1), (25, 6),
)  # fmt: skip
TURBO_HEADS = ((2, 4), (2, 11), (3, 3), (3, 6), (3, 11), (3, 14))
OLD_KEYS = (
    "is_multilingual", "lang_to_id", "task_to_id", "no_timestamps_token_id", "alignment_heads", "prev_sot_token_id",
    "max_initial_timestamp_index", "return_timestamps",
)  # fmt: skip

PUBLISHED = {
    made.name: made
    for made in (
        replace(TINY_EN, no_speech="<|nocaptions|>"),
        replace(BASE, no_speech="<|nocaptions|>"),
        Published("small.en", ENGLISH, 12, 12, SMALL_EN_HEADS, no_speech="<|nocaptions|>"),
        Published("large-v2", MULTILINGUAL, 32, 20, LARGE_V2_HEADS, no_speech="<|nocaptions|>"),
        Published("large-v3", LARGE_V3, 32, 20, LARGE_V3_HEADS, mel_bins=128),
        Published("large-v3-turbo", LARGE_V3, 4, 20, TURBO_HEADS, mel_bins=128),
        Published(
            "distil-large-v3", LARGE_V3, 2, 20, LARGE_V3_HEADS, mel_bins=128,
            added=(("language", "<|en|>"), ("task", "transcribe")),
        ),
        Published("distil-small.en", ENGLISH, 4, 12, SMALL_EN_HEADS, no_speech="<|nocaptions|>"),
        replace(BASE, name="old-fine-tune", no_speech="<|nocaptions|>", left_out=OLD_KEYS),
        replace(BASE, name="without-preprocessor", files_left_out=("preprocessor_config.json",)),
    )
}  # fmt: skip


def build(folder: Path, published: Published) -> Path:
    """The checkpoint's files in the existing `folder`. The same structure gets the same weights."""
    config = _model_config(published)
    torch.manual_seed(3)
    model = WhisperForConditionalGeneration(WhisperConfig(**config))
    with torch.no_grad():  # else the output, which is the same matrix as the input, repeats the last token
        model.model.decoder.embed_tokens.weight *= 0.2
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items() if name != "proj_out.weight"}
    files = {
        "config.json": {"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", **config},
        "generation_config.json": _generation_config(published),
        "preprocessor_config.json": {
            "feature_extractor_type": "WhisperFeatureExtractor", "processor_class": "WhisperProcessor",
            "feature_size": published.mel_bins, "sampling_rate": 16_000, "hop_length": 160, "n_fft": 400,
            "chunk_length": 30, "n_samples": 480_000, "nb_max_frames": 3_000, "padding_side": "right",
            "padding_value": 0.0, "return_attention_mask": False,
        },
        **_tokenizer_files(published),
    }  # fmt: skip
    write_folder(folder, weights, {name: file for name, file in files.items() if name not in published.files_left_out})
    return folder


def _model_config(published: Published) -> dict[str, Any]:
    width = math.ceil(WIDTH / published.heads) * published.heads
    control = published.control()
    end, start = control["<|endoftext|>"], control["<|startoftranscript|>"]
    return {
        "vocab_size": published.vocabulary, "num_mel_bins": published.mel_bins, "d_model": width, "encoder_layers": 1,
        "decoder_layers": published.layers, "encoder_attention_heads": published.heads,
        "decoder_attention_heads": published.heads, "encoder_ffn_dim": 2 * width, "decoder_ffn_dim": 2 * width,
        "max_source_positions": 1500, "max_target_positions": 448, "pad_token_id": end, "bos_token_id": end,
        "eos_token_id": end, "decoder_start_token_id": start, "begin_suppress_tokens": [220, end], "init_std": 0.3,
    }  # fmt: skip


def _generation_config(published: Published) -> dict[str, Any]:
    control = published.control()
    end, start, no_timestamps = (control[f"<|{name}|>"] for name in ("endoftext", "startoftranscript", "notimestamps"))
    words = NON_SPEECH_TOKENS_MULTI if published.multilingual else NON_SPEECH_TOKENS
    config: dict[str, Any] = {
        "alignment_heads": [list(pair) for pair in published.alignment_heads],
        "begin_suppress_tokens": [220, end],
        "bos_token_id": end,
        "decoder_start_token_id": start,
        "eos_token_id": end,
        "forced_decoder_ids": [[1, no_timestamps]],
        "is_multilingual": published.multilingual,
        "max_initial_timestamp_index": 50,
        "max_length": 448,
        "no_timestamps_token_id": no_timestamps,
        "pad_token_id": end,
        "prev_sot_token_id": control["<|startofprev|>"],
        "return_timestamps": False,
        "suppress_tokens": [
            *(token for token in words if token < end),
            start,
            *range(control["<|translate|>"], no_timestamps),
        ],
        "transformers_version": "4.31.0.dev0",
        **dict(published.added),
    }
    if published.multilingual:
        tasks = {name: control[f"<|{name}|>"] for name in ("transcribe", "translate")}
        known = {token: number for token, number in control.items() if token.strip("<|>") in LANGUAGES}
        config |= {
            "lang_to_id": known,
            "task_to_id": tasks,
            "forced_decoder_ids": [[1, None], [2, tasks["transcribe"]]],
        }
    return {key: value for key, value in config.items() if key not in published.left_out}


def _tokenizer_files(published: Published) -> dict[str, dict[str, Any] | str]:
    source = json.loads((Path(resolve_model("bundled:whisper-tiny.en")) / "tokenizer.json").read_text("utf-8"))
    control = published.control()
    end = "<|endoftext|>"
    words = {word: number for word, number in source["model"]["vocab"].items() if word != end}
    if published.multilingual:
        words["\N{REPLACEMENT CHARACTER}" * 3] = len(words)  # the multilingual vocabulary has one word more
    first = control["<|notimestamps|>"] + 1
    stamps = {f"<|{0.02 * place:.2f}|>": first + place for place in range(TIMESTAMPS)}
    added = [*_added(control.items(), True), *_added(stamps.items(), False)]
    settings = {
        "tokenizer_class": "WhisperTokenizer", "processor_class": "WhisperProcessor", "errors": "replace",
        "add_prefix_space": False, "model_max_length": 1024, "additional_special_tokens": list(control),
        "added_tokens_decoder": {str(token.pop("id")): token for token in [dict(one) for one in added]},
        **dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), end),
    }  # fmt: skip
    model = source["model"] | {"vocab": words | {end: control[end]}}
    made = source | {"added_tokens": added, "model": model, "post_processor": None}
    return {"tokenizer.json": made, "tokenizer_config.json": settings}


def _added(tokens: Iterable[tuple[str, int]], special: bool) -> list[dict[str, Any]]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return [{"id": number, "content": token, **flags, "special": special} for token, number in tokens]
