"""SmolLM2 (Llama's architecture) from a GGUF file into an ordinary Hugging Face folder, without torch.

Transformers can read GGUF itself, but takes its time over it at every start, leaves lm_head random unless told that it
is tied, and splits numbers into tokens otherwise than SmolLM2 learnt.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from utils.bundled_errors import BundledModelCorrupt

if TYPE_CHECKING:
    from gguf import GGUFReader, ReaderTensor

Tensor = NDArray[Any]

ARCHITECTURE, PRE_TOKENIZER = "llama", "smollm"
CONTROL_TOKEN = 3  # GGUF's token type

# GGUF's name of a layer's tensor → Transformers'
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
    """Writes the Hugging Face folder `target` from the GGUF file `source`. Raises BundledModelCorrupt."""
    from gguf import GGUFReader
    from safetensors.numpy import save_file

    try:
        reader = GGUFReader(source)
        if (_field(reader, "general.architecture"), _field(reader, "tokenizer.ggml.pre")) != (
            ARCHITECTURE,
            PRE_TOKENIZER,
        ):
            raise ValueError("another model's")
        config = _model_config(reader)
        weights = _weights(reader, config)
        _write_json(target / "config.json", config)
        _write_json(
            target / "generation_config.json", _token_ids(reader) | {"max_length": config["max_position_embeddings"]}
        )
        _write_tokenizer(target, reader)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise BundledModelCorrupt(f"{source}: not a GGUF file of SmolLM2 ({error})") from error
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})


def _field(reader: GGUFReader, name: str) -> Any:
    return reader.fields[name].contents()


def _token_ids(reader: GGUFReader) -> dict[str, int]:
    pairs = {"bos": "bos", "eos": "eos", "pad": "padding"}
    return {f"{new}_token_id": int(_field(reader, f"tokenizer.ggml.{old}_token_id")) for new, old in pairs.items()}


def _model_config(reader: GGUFReader) -> dict[str, Any]:
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
        "torch_dtype": "float32",
        "use_cache": True,
        **_token_ids(reader),
    }


def _weights(reader: GGUFReader, config: dict[str, Any]) -> dict[str, Tensor]:
    weights = {_name(tensor.name): _dequantized(tensor, config) for tensor in reader.tensors}
    expected = 2 + len(LAYER_NAMES) * config["num_hidden_layers"]
    if len(weights) != expected:
        raise ValueError(f"{len(weights)} tensors, expected {expected}")
    return weights


def _name(gguf_name: str) -> str:
    if gguf_name in ("token_embd.weight", "output_norm.weight"):
        return {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[gguf_name]
    _, layer, part, _ = gguf_name.split(".")
    return f"model.layers.{int(layer)}.{LAYER_NAMES[part]}.weight"


def _dequantized(tensor: ReaderTensor, config: dict[str, Any]) -> Tensor:
    """float32, in Transformers' order of rows: GGUF interleaves the two halves that rotary embeddings turn."""
    from gguf.quants import dequantize

    values = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
    heads = {"attn_q": "num_attention_heads", "attn_k": "num_key_value_heads"}
    for part, count in heads.items():
        if f".{part}." in tensor.name:
            halves = values.reshape(config[count], -1, 2, values.shape[-1])
            return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(values.shape))
    return np.ascontiguousarray(values)


def _write_tokenizer(target: Path, reader: GGUFReader) -> None:
    """Byte-level BPE; `smollm` splits numbers into single digits first (llama.cpp's LLAMA_VOCAB_PRE_TYPE_SMOLLM)."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = [str(token) for token in _field(reader, "tokenizer.ggml.tokens")]
    kinds = _field(reader, "tokenizer.ggml.token_type")
    merges = [tuple(str(merge).split(" ")) for merge in _field(reader, "tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in control])
    tokenizer.save(str(target / "tokenizer.json"))
    ids = _token_ids(reader)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens[ids["bos_token_id"]],
        "eos_token": tokens[ids["eos_token_id"]],
        "pad_token": tokens[ids["pad_token_id"]],
        "unk_token": tokens[int(_field(reader, "tokenizer.ggml.unknown_token_id"))],
        "additional_special_tokens": control,
        "model_input_names": ["input_ids", "attention_mask"],  # Llama's generate refuses token_type_ids
        "clean_up_tokenization_spaces": False,
        "model_max_length": int(_field(reader, "llama.context_length")),
        "chat_template": _field(reader, "tokenizer.chat_template"),
    }
    _write_json(target / "tokenizer_config.json", settings)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2), "utf-8")
