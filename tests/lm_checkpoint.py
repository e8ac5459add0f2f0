"""Tiny language models of real classes with random weights, each with a tokenizer and a chat template."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)

from tests.chat_templates import Template
from utils.models.bundled import resolve_model

SIZES: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512,
}  # fmt: skip
CHARACTERS = string.digits + string.ascii_letters + string.punctuation + " \n"


def build_checkpoint(folder: Path, model_type: str, template: Template | None = None, **changes: Any) -> Path:
    """A checkpoint of this type ("llama", "phi3", …) in `folder`.

    template: its tokenizer then has a token for every character; without, it is the bundled model's. changes: of its
    config; those of a model that also sees go into its `text_config` or `vision_config`.
    """
    tokenizer = tokenizer_of_characters(template) if template else bundled_tokenizer()
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    text = {**SIZES, **special, "vocab_size": len(tokenizer)}
    if "text_config" in changes:
        changes["text_config"] = text | changes["text_config"]
        config = AutoConfig.for_model(model_type, **special, **changes)
    else:
        config = AutoConfig.for_model(model_type, **{**text, **changes})
    sees = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    kind = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    torch.manual_seed(0)
    kind.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def bundled_tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(resolve_model("bundled:smollm2-135m-instruct"))


def tokenizer_of_characters(template: Template) -> PreTrainedTokenizerFast:
    """Every ASCII character is a token, so is each special one of the template; all else is one unknown token."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {character: number for number, character in enumerate(["<unk>", *CHARACTERS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    made.decoder = decoders.Fuse()
    made.add_special_tokens([AddedToken(name, special=True) for name in template.special])
    first = template.special[0]
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", bos_token=first, eos_token=template.end, pad_token=first,
        chat_template=template.text, clean_up_tokenization_spaces=False,
    )  # fmt: skip
