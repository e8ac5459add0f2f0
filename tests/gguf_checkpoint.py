"""Tiny GGUF files with random weights: a Llama, and a Mamba, whose state can't go back. Their tokens are bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np

from tests.chat_templates import CHATML, Template

WIDTH, LAYERS, HEADS = 64, 2, 4
CONTEXT_LENGTH = 512
UNKNOWN, WORD, CONTROL, BYTE = 2, 1, 3, 6  # GGUF's token types
FIRST, SPACE = ("<unk>", "<s>", "</s>"), "▁"
Shapes = dict[str, tuple[int, ...]]


def write_gguf(
    path: Path, architecture: str = "llama", template: Template | None = CHATML, **described: int | bool | str
) -> Path:
    """A file of this architecture, "llama" or "mamba" or one that nobody knows. template: None for a base model.

    described: values of the description, by names without the architecture, in place of the usual ones.
    """
    writer = gguf.GGUFWriter(path, architecture)
    values: dict[str, Any] = _description(architecture) | {name.replace("__", "."): v for name, v in described.items()}
    for name, value in values.items():
        add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
        add[type(value)](f"{architecture}.{name}", value)
    tokens = _add_vocabulary(writer, template.special if template else ())
    if template is not None:
        writer.add_chat_template(template.text)
    random = np.random.default_rng(1)
    for name, shape in (_mamba_shapes if architecture == "mamba" else _llama_shapes)(tokens).items():
        writer.add_tensor(name, _weights(random, name, shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _description(architecture: str) -> dict[str, int | float]:
    common = {
        "context_length": CONTEXT_LENGTH, "embedding_length": WIDTH, "block_count": LAYERS,
        "attention.layer_norm_rms_epsilon": 1e-5,
    }  # fmt: skip
    if architecture == "mamba":
        return common | {
            "feed_forward_length": 0, "attention.head_count": 0, "ssm.conv_kernel": 4, "ssm.inner_size": 2 * WIDTH,
            "ssm.state_size": 16, "ssm.time_step_rank": 4,
        }  # fmt: skip
    return common | {"feed_forward_length": 2 * WIDTH, "attention.head_count": HEADS, "rope.dimension_count": 16}


def _add_vocabulary(writer: gguf.GGUFWriter, special: tuple[str, ...]) -> int:
    special = tuple(name for name in special if name not in FIRST)  # llama.cpp ends the process over a second one
    texts = [*FIRST, *(f"<0x{byte:02X}>" for byte in range(256)), SPACE, *special]
    kinds = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256, WORD, *[CONTROL] * len(special)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(texts)
    writer.add_token_scores([0.0] * len(texts))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_space_prefix(False)
    return len(texts)


def _llama_shapes(tokens: int) -> Shapes:
    shapes: Shapes = {"token_embd.weight": (tokens, WIDTH), "output_norm.weight": (WIDTH,)}
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        shapes |= {f"{block}attn_{name}.weight": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
        shapes |= {f"{block}{name}_norm.weight": (WIDTH,) for name in ("attn", "ffn")}
        shapes |= {f"{block}ffn_{name}.weight": (2 * WIDTH, WIDTH) for name in ("gate", "up")}
        shapes[f"{block}ffn_down.weight"] = (WIDTH, 2 * WIDTH)
    return shapes


def _mamba_shapes(tokens: int) -> Shapes:
    shapes: Shapes = {"token_embd.weight": (tokens, WIDTH), "output_norm.weight": (WIDTH,)}
    inner, state, rank = 2 * WIDTH, 16, 4
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        shapes |= {
            f"{block}attn_norm.weight": (WIDTH,), f"{block}ssm_in.weight": (2 * inner, WIDTH),
            f"{block}ssm_conv1d.weight": (inner, 4), f"{block}ssm_conv1d.bias": (inner,),
            f"{block}ssm_x.weight": (rank + 2 * state, inner), f"{block}ssm_dt.weight": (inner, rank),
            f"{block}ssm_dt.bias": (inner,), f"{block}ssm_a": (inner, state), f"{block}ssm_d": (inner,),
            f"{block}ssm_out.weight": (WIDTH, inner),
        }  # fmt: skip
    return shapes


def _weights(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if "norm" in name:
        return np.ones(shape, np.float32)
    if name.endswith("ssm_a"):  # the state has to fade
        return -np.exp(random.normal(0, 0.3, shape)).astype(np.float32)
    return random.normal(0, 0.3, shape).astype(np.float32)
