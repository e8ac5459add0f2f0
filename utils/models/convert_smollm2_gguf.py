"""SmolLM2 (Llama's architecture) from a GGUF file into an ordinary Hugging Face folder, without torch.

Transformers can read GGUF itself, but needs accelerate for it, takes seconds at every start, leaves lm_head random
unless told that it is tied, and puts <|im_start|> before every text.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.models.bundled_errors import BundledModelCorrupt
from utils.models.hugging_face_folder import Settings, Tensor, Weights, write_folder

if TYPE_CHECKING:
    from gguf import GGUFReader, ReaderTensor

ARCHITECTURE, PRE_TOKENIZER = "llama", "smollm"
CONTROL_TOKEN = 3  # GGUF's token type

# What GGUFReader and reading its fields raise on a file cut short, or of another kind.
SOURCE_ERRORS = (OSError, ValueError, KeyError, IndexError, TypeError, OverflowError, NotImplementedError)

# GGUF's names → Transformers'
OUTER_NAMES = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def convert(source: Path, target: Path) -> None:
    """Fills the folder `target` with a Hugging Face model from the GGUF file `source`.

    Weights become float16: half the bytes of float32, and greedy answers stay the same token for token.
    Raises BundledModelCorrupt for the source, OSError for the target.
    """
    from gguf import GGUFReader

    try:
        reader = GGUFReader(source)
        kind = (_field(reader, "general.architecture"), _field(reader, "tokenizer.ggml.pre"))
        if kind != (ARCHITECTURE, PRE_TOKENIZER):
            raise ValueError(f"a model of the kind {kind}")
        config = _model_config(reader)
        weights = _weights(reader, config)
        files: dict[str, Settings | str] = {
            "config.json": config,
            "generation_config.json": _token_ids(reader),
            **_tokenizer_files(reader),
        }
    except SOURCE_ERRORS as error:
        raise BundledModelCorrupt(f"{source}: not a GGUF file of SmolLM2 ({error})") from error
    write_folder(target, weights, files)


def _field(reader: GGUFReader, name: str) -> Any:
    return reader.fields[name].contents()


def _token_ids(reader: GGUFReader) -> dict[str, int]:
    pairs = {"bos": "bos", "eos": "eos", "pad": "padding"}
    return {f"{new}_token_id": int(_field(reader, f"tokenizer.ggml.{old}_token_id")) for new, old in pairs.items()}


def _model_config(reader: GGUFReader) -> Settings:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "hidden_size": int(_field(reader, "llama.embedding_length")),
        "intermediate_size": int(_field(reader, "llama.feed_forward_length")),
        "num_hidden_layers": int(_field(reader, "llama.block_count")),
        "num_attention_heads": int(_field(reader, "llama.attention.head_count")),
        "num_key_value_heads": int(_field(reader, "llama.attention.head_count_kv")),
        "max_position_embeddings": int(_field(reader, "llama.context_length")),
        "rms_norm_eps": round(float(_field(reader, "llama.attention.layer_norm_rms_epsilon")), 9),
        "rope_theta": float(_field(reader, "llama.rope.freq_base")),
        "vocab_size": int(_field(reader, "llama.vocab_size")),
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "use_cache": True,
        **_token_ids(reader),
    }


def _weights(reader: GGUFReader, config: Settings) -> Weights:
    weights = {_name(tensor.name): _dequantized(tensor, config) for tensor in reader.tensors}
    expected = len(OUTER_NAMES) + len(LAYER_NAMES) * config["num_hidden_layers"]
    if len(weights) != expected:
        raise ValueError(f"{len(weights)} tensors, expected {expected}")
    return weights


def _name(gguf_name: str) -> str:
    if gguf_name in OUTER_NAMES:
        return OUTER_NAMES[gguf_name]
    _, layer, part, _ = gguf_name.split(".")
    return f"model.layers.{int(layer)}.{LAYER_NAMES[part]}.weight"


def _dequantized(tensor: ReaderTensor, config: Settings) -> Tensor:
    """float16, in Transformers' order of rows: GGUF interleaves the two halves that rotary embeddings turn."""
    from gguf.quants import dequantize

    values = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float16)
    heads = {"attn_q": "num_attention_heads", "attn_k": "num_key_value_heads"}
    for part, count in heads.items():
        if f".{part}." in tensor.name:
            halves = values.reshape(config[count], -1, 2, values.shape[-1])
            return halves.swapaxes(1, 2).reshape(values.shape)
    return values


def _tokenizer_files(reader: GGUFReader) -> dict[str, Settings | str]:
    tokens = _field(reader, "tokenizer.ggml.tokens")
    kinds = _field(reader, "tokenizer.ggml.token_type")
    control = [number for number, kind in zip(range(len(tokens)), kinds, strict=True) if kind == CONTROL_TOKEN]
    ids = _token_ids(reader)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens[ids["bos_token_id"]],
        "eos_token": tokens[ids["eos_token_id"]],
        "pad_token": tokens[ids["pad_token_id"]],
        "unk_token": tokens[int(_field(reader, "tokenizer.ggml.unknown_token_id"))],
        "additional_special_tokens": [tokens[number] for number in control],
        "model_input_names": ["input_ids", "attention_mask"],  # Llama's generate refuses token_type_ids
        "clean_up_tokenization_spaces": False,
        "model_max_length": int(_field(reader, "llama.context_length")),
        "chat_template": _field(reader, "tokenizer.chat_template"),
    }
    merges = _field(reader, "tokenizer.ggml.merges")
    return {"tokenizer.json": _tokenizer(tokens, merges, control), "tokenizer_config.json": settings}


def _tokenizer(tokens: list[str], merges: list[str], control: list[int]) -> Settings:
    """tokenizer.json: byte-level BPE that splits numbers into single digits first, as llama.cpp's `smollm` does."""
    flags = {**dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False), "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": tokens[number], **flags} for number in control],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": merges,
        },
    }
