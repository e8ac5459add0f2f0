"""Whisper from CTranslate2's binary format into an ordinary Hugging Face folder, with neither torch nor CTranslate2.

The format (little-endian; CTranslate2's `python/ctranslate2/specs/model_spec.py`, `_serialize`): u32 version 6, the
spec's name, u32 its revision, u32 how many variables; each: name, u8 rank, u32 dims, u8 dtype, u32 bytes, data; then
u32 how many aliases, each a pair of names. A string is u16 its length with the NUL that ends it, then its bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from utils.models.bundled_errors import BundledModelCorrupt
from utils.models.hugging_face_folder import Settings, Tensor, Weights, write_folder

BINARY_VERSION = 6
SPEC_NAME = "WhisperSpec"
DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}  # CTranslate2's DataType enumeration
MAX_VARIABLES = 10_000  # far above any Whisper (large-v3 has about 1,300): more means that the header is damaged

MEL_BINS = 80
N_FFT, HOP_LENGTH, SAMPLING_RATE, CHUNK_S = 400, 160, 16_000, 30
MAX_TARGET_POSITIONS = 448
HEAD_SIZE = 64  # of every Whisper size
END, START, PREVIOUS, NO_TIMESTAMPS = "<|endoftext|>", "<|startoftranscript|>", "<|startofprev|>", "<|notimestamps|>"


def convert(source: Path, target: Path) -> None:
    """Fills the folder `target` with a Hugging Face model from `source`, a folder with CTranslate2's model.bin,
    config.json, tokenizer.json and vocabulary.txt of an English-only Whisper. Weights stay float16, bit for bit.

    Raises BundledModelCorrupt for the source, OSError for the target.
    """
    weights = to_hugging_face(read_ct2(source / "model.bin"))
    try:
        files = _files(source, weights)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundledModelCorrupt(f"{source}: not the files of a Whisper model ({error!r})") from error
    write_folder(target, weights, files)


def _files(source: Path, weights: Weights) -> dict[str, Settings | str]:
    extra = json.loads((source / "config.json").read_text("utf-8"))
    tokenizer = json.loads((source / "tokenizer.json").read_text("utf-8"))
    vocabulary = (source / "vocabulary.txt").read_text("utf-8").removesuffix("\n").split("\n")
    special = {token["content"]: int(token["id"]) for token in tokenizer["added_tokens"]}
    return {
        "config.json": _model_config(weights, special),
        "generation_config.json": _generation_config(extra, special),
        "preprocessor_config.json": _preprocessor_config(),
        **_tokenizer_files(tokenizer, special, vocabulary),
    }


def read_ct2(path: Path) -> Weights:
    """The variables of a CTranslate2 Whisper `model.bin` by name; aliases left out. Raises BundledModelCorrupt."""
    try:
        with path.open("rb") as file:
            variables = dict(_read_variables(file))
            for _alias in range(_read(file, "I")):
                _read_string(file), _read_string(file)
            if file.read(1):
                raise ValueError("bytes after its end")
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise BundledModelCorrupt(f"{path}: not a CTranslate2 Whisper model ({error})") from error
    return variables


def _read_variables(file: BinaryIO) -> Iterator[tuple[str, Tensor]]:
    version = _read(file, "I")
    if version != BINARY_VERSION:
        raise ValueError(f"binary version {version}, expected {BINARY_VERSION}")
    name, _revision = _read_string(file), _read(file, "I")
    if name != SPEC_NAME:
        raise ValueError(f"a model of {name!r}, expected {SPEC_NAME!r}")
    count = _read(file, "I")
    if count > MAX_VARIABLES:
        raise ValueError(f"{count} variables")
    for _ in range(count):
        yield _read_string(file), _read_tensor(file)


def _read_tensor(file: BinaryIO) -> Tensor:
    shape = tuple(_read(file, "I") for _ in range(_read(file, "B")))
    dtype = np.dtype(DTYPES[_read(file, "B")]).newbyteorder("<")
    size = _read(file, "I")
    expected = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size != expected:
        raise ValueError(f"{size} bytes for {shape} {dtype}")
    data = file.read(size)
    if len(data) != size:
        raise ValueError("the file ends in the middle of a variable")
    return np.frombuffer(data, dtype).reshape(shape)


def _read(file: BinaryIO, code: str) -> int:
    layout = struct.Struct("<" + code)
    return layout.unpack(file.read(layout.size))[0]


def _read_string(file: BinaryIO) -> str:
    length = _read(file, "H")
    data = file.read(length)
    if len(data) != length or not data.endswith(b"\0"):
        raise ValueError("a damaged name")
    return data[:-1].decode("utf-8")


def to_hugging_face(variables: Weights) -> Weights:
    """CTranslate2's variables under the names of `WhisperForConditionalGeneration` (its tied proj_out left out).

    Raises BundledModelCorrupt when one is missing or when one is left over: nothing is guessed.
    """
    left = dict(variables)
    weights: Weights = {}
    try:
        for side in ("encoder", "decoder"):
            _map_embeddings(side, left, weights)
            layer = 0
            while f"{side}/layer_{layer}/ffn/linear_0/weight" in left:
                _map_layer(f"{side}/layer_{layer}", f"model.{side}.layers.{layer}", left, weights)
                layer += 1
    except (KeyError, ValueError) as error:
        raise BundledModelCorrupt(f"a Whisper model without what Whisper needs ({error})") from error
    unused = sorted(name for name, tensor in left.items() if tensor.ndim > 0)  # scalars are settings, not weights
    if unused:
        raise BundledModelCorrupt(f"a Whisper model with unknown weights: {', '.join(unused[:3])}")
    return weights


def _map_embeddings(side: str, left: Weights, weights: Weights) -> None:
    model = f"model.{side}"
    weights[f"{model}.embed_positions.weight"] = left.pop(f"{side}/position_encodings/encodings")
    _map_norm(f"{side}/layer_norm", f"{model}.layer_norm", left, weights)
    if side == "decoder":
        weights[f"{model}.embed_tokens.weight"] = left.pop(f"{side}/embeddings/weight")
        return
    for conv in ("conv1", "conv2"):
        _map_linear(f"{side}/{conv}", f"{model}.{conv}", left, weights)


def _map_layer(old: str, new: str, left: Weights, weights: Weights) -> None:
    own = f"{old}/self_attention"
    _map_norm(f"{own}/layer_norm", f"{new}.self_attn_layer_norm", left, weights)
    _map_fused(f"{own}/linear_0", f"{new}.self_attn", ("q_proj", "k_proj", "v_proj"), left, weights)
    _map_linear(f"{own}/linear_1", f"{new}.self_attn.out_proj", left, weights)
    if old.startswith("decoder"):
        cross = f"{old}/attention"
        _map_norm(f"{cross}/layer_norm", f"{new}.encoder_attn_layer_norm", left, weights)
        _map_linear(f"{cross}/linear_0", f"{new}.encoder_attn.q_proj", left, weights)
        _map_fused(f"{cross}/linear_1", f"{new}.encoder_attn", ("k_proj", "v_proj"), left, weights)
        _map_linear(f"{cross}/linear_2", f"{new}.encoder_attn.out_proj", left, weights)
    _map_norm(f"{old}/ffn/layer_norm", f"{new}.final_layer_norm", left, weights)
    _map_linear(f"{old}/ffn/linear_0", f"{new}.fc1", left, weights)
    _map_linear(f"{old}/ffn/linear_1", f"{new}.fc2", left, weights)


def _map_norm(old: str, new: str, left: Weights, weights: Weights) -> None:
    weights[f"{new}.weight"] = left.pop(f"{old}/gamma")
    weights[f"{new}.bias"] = left.pop(f"{old}/beta")


def _map_linear(old: str, new: str, left: Weights, weights: Weights) -> None:
    weights[f"{new}.weight"] = left.pop(f"{old}/weight")
    weights[f"{new}.bias"] = left.pop(f"{old}/bias")


def _map_fused(old: str, new: str, parts: tuple[str, ...], left: Weights, weights: Weights) -> None:
    """Splits one projection into its parts, [len(parts) * size, …] → len(parts) of [size, …]. Whisper's keys have no
    bias: CTranslate2 holds zeros there."""
    matrices = np.split(left.pop(f"{old}/weight"), len(parts))
    biases = np.split(left.pop(f"{old}/bias"), len(parts))
    for part, matrix, bias in zip(parts, matrices, biases, strict=True):
        weights[f"{new}.{part}.weight"] = matrix
        if part != "k_proj":
            weights[f"{new}.{part}.bias"] = bias
        elif bias.any():
            raise ValueError(f"{old}: keys with a bias")


def _model_config(weights: Weights, special: dict[str, int]) -> Settings:
    vocabulary, width = weights["model.decoder.embed_tokens.weight"].shape
    feed_forward = len(weights["model.encoder.layers.0.fc1.bias"])
    config: Settings = {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "activation_function": "gelu",
        "d_model": width,
        "vocab_size": vocabulary,
        "num_mel_bins": weights["model.encoder.conv1.weight"].shape[1],
        "max_source_positions": len(weights["model.encoder.embed_positions.weight"]),
        "max_target_positions": len(weights["model.decoder.embed_positions.weight"]),
        "scale_embedding": False,
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "use_cache": True,
        **_token_ids(special),
    }
    for side in ("encoder", "decoder"):
        layers = sum(name.startswith(f"model.{side}.layers.") and name.endswith("fc1.bias") for name in weights)
        config |= {
            f"{side}_layers": layers,
            f"{side}_attention_heads": width // HEAD_SIZE,
            f"{side}_ffn_dim": feed_forward,
        }
    return config | {"num_hidden_layers": config["encoder_layers"]}


def _token_ids(special: dict[str, int]) -> dict[str, int]:
    end, start = special[END], special[START]
    return {"bos_token_id": start, "decoder_start_token_id": start, "eos_token_id": end, "pad_token_id": end}


def _generation_config(extra: Settings, special: dict[str, int]) -> Settings:
    """English-only: no lang_to_id and no task_to_id; no forced_decoder_ids either, which Transformers deprecates."""
    return {
        **_token_ids(special),
        "alignment_heads": extra["alignment_heads"],
        "begin_suppress_tokens": extra["suppress_ids_begin"],
        "suppress_tokens": extra["suppress_ids"],
        "is_multilingual": False,
        "max_initial_timestamp_index": 50,  # 1 s in steps of 20 ms, as in OpenAI's decoding
        "max_length": MAX_TARGET_POSITIONS,
        "no_timestamps_token_id": special[NO_TIMESTAMPS],  # the token before it is the "no speech" one
        "prev_sot_token_id": special[PREVIOUS],
        "return_timestamps": False,
    }


def _preprocessor_config() -> Settings:
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": MEL_BINS,
        "sampling_rate": SAMPLING_RATE,
        "hop_length": HOP_LENGTH,
        "n_fft": N_FFT,
        "chunk_length": CHUNK_S,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
    }


def _tokenizer_files(tokenizer: Settings, special: dict[str, int], vocabulary: list[str]) -> dict[str, Settings | str]:
    """tokenizer.json for the fast tokenizer; vocab.json and merges.txt for the slow one, which WhisperProcessor takes.

    The control tokens are special, and in the order of their ids: WhisperTokenizer takes the last one's id + 1 for the
    first timestamp. The timestamps themselves aren't special.
    """
    control = sorted(special, key=special.__getitem__)
    first_timestamp = special[control[-1]] + 1
    added = {special[token]: _added_token(token, True) for token in control}
    added |= {n: _added_token(token, False) for n, token in enumerate(vocabulary) if n >= first_timestamp}
    model = tokenizer["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    settings = {
        "tokenizer_class": "WhisperTokenizer",
        "processor_class": "WhisperProcessor",
        "added_tokens_decoder": {str(number): token for number, token in added.items()},
        "additional_special_tokens": control,
        "add_bos_token": False,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "errors": "replace",
        "model_max_length": MAX_TARGET_POSITIONS,
        **dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), END),
    }
    return {
        "tokenizer.json": tokenizer | {"added_tokens": [{"id": n, **token} for n, token in added.items()]},
        "vocab.json": model["vocab"],
        "merges.txt": "\n".join(["#version: 0.2", *merges, ""]),
        "tokenizer_config.json": settings,
    }


def _added_token(token: str, special: bool) -> Settings:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"content": token, **flags, "special": special}
