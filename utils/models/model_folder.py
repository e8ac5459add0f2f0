"""What a file or folder of this machine is, where Transformers can't load it as a model, and what it lacks.

Transformers says of most such folders that it has no `model_type`, or that a tokenizer can't be converted. Here the
files themselves say it: a LoRA adapter, a GGUF file, one folder too high, a part of a download.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONFIG, TOKENIZER, ADAPTER = "config.json", "tokenizer.json", "adapter_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
TOKENIZERS = ("tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json", "sentencepiece.bpe.model")
GGUF, GIT_LFS = b"GGUF", b"version https://git-lfs"
LISTED = 4  # names in a line
LONGEST_HEADER = 100_000_000  # bytes, of a safetensors file
RUNS_GGUF = {"lm": "--lm llama_cpp runs it", "stt": "a Whisper checkpoint in Transformers' format is needed"}


def fault_of(path: Path, part: str) -> str | None:
    """Why this file or folder can't be loaded by Transformers, in one line; None where nothing is missing.

    part: "lm" or "stt".
    """
    try:
        return _fault_of_folder(path, part) if path.is_dir() else _fault_of_file(path, part)
    except OSError as error:
        return f"{error.filename or path} can't be read: {error.strerror or error}"


def _fault_of_file(path: Path, part: str) -> str:
    if _begins_with(path, GGUF) or path.suffix == ".gguf":
        return f"it is a GGUF file: {RUNS_GGUF[part]}"
    return f"it is a file: give the folder with {CONFIG} and the weights"


def _fault_of_folder(folder: Path, part: str) -> str | None:
    names = sorted(file.name for file in folder.iterdir())
    if CONFIG not in names:
        return _without_config(folder, names, part)
    try:
        config = _settings(folder / CONFIG)
    except ValueError:
        return f"its {CONFIG} is no JSON object"
    if "model.bin" in names and not set(WEIGHTS) & set(names):
        return "it is a model of CTranslate2 (faster-whisper): give the one in Transformers' format"
    if not config.get("model_type"):
        return f"its {CONFIG} has no model_type"
    return _fault_of_weights(folder, names, part) or _fault_of_tokenizer(folder, names)


def _without_config(folder: Path, names: list[str], part: str) -> str:
    if ADAPTER in names:
        return f"it is a LoRA adapter{_base(folder / ADAPTER)}: merge it into that model, and give the merged folder"
    if any(name.endswith(".gguf") for name in names):
        return f"it is a folder of GGUF: {RUNS_GGUF[part]}"
    configs = [*folder.glob(f"*/{CONFIG}"), *folder.glob(f"*/*/{CONFIG}")]
    inside = sorted(str(config.parent.relative_to(folder)) for config in configs)
    if inside:
        return f"it has no {CONFIG}, and its folder {_listed(inside)} has one: give that"
    if not names:
        return "the folder is empty"
    return f"it has no {CONFIG}; there is {_listed(names)}"


def _base(adapter: Path) -> str:
    try:
        base = _settings(adapter).get("base_model_name_or_path")
    except ValueError:
        return ""
    return f" of {base}" if base else ""


def _fault_of_weights(folder: Path, names: list[str], part: str) -> str | None:
    for index in INDEXES:
        if index in names and not set(WEIGHTS) & set(names):
            return _fault_of_parts(folder, index, names)
    whole = next((name for name in WEIGHTS if name in names), None)
    if whole is not None:
        return _damage(folder / whole)
    if any(name.endswith((".safetensors", ".bin")) and not name.startswith("adapter_") for name in names):
        return None  # under names of its own, which its config may explain
    if ADAPTER in names:
        return f"it has a LoRA adapter{_base(folder / ADAPTER)} and no weights: give the folder of the merged model"
    if any(name.endswith(".gguf") for name in names):
        return f"it has no weights but those in GGUF: {RUNS_GGUF[part]}"
    return f"it has no weights: {WEIGHTS[0]} is missing"


def _fault_of_parts(folder: Path, index: str, names: list[str]) -> str | None:
    """Of weights that are divided over several files."""
    try:
        parts = sorted(set(_settings(folder / index)["weight_map"].values()))
    except (ValueError, KeyError, AttributeError):
        return f"its {index} is damaged"
    if missing := [part for part in parts if part not in names]:
        return f"it lacks {_listed(missing)}, of the {len(parts)} files that {index} names"
    return next((damage for part in parts if (damage := _damage(folder / part))), None)


def _damage(file: Path) -> str | None:
    """Of a file of weights."""
    if _begins_with(file, GIT_LFS):
        return f"its {file.name} is a pointer of Git LFS, and no weights: run git lfs pull there"
    if file.suffix == ".safetensors" and not _is_whole(file):
        return f"its {file.name} is damaged or a part of it is missing: fetch it again"
    return None


def _is_whole(file: Path) -> bool:
    """By its header, which says where each tensor begins and ends."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 0 < length <= min(size, LONGEST_HEADER):
            return False
        try:
            tensors = json.loads(opened.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
    return size == 8 + length + max(ends, default=0)


def _fault_of_tokenizer(folder: Path, names: list[str]) -> str | None:
    if TOKENIZER not in names:
        older = any(name in TOKENIZERS or name.endswith(".tiktoken") for name in names)
        return None if older else f"it has no tokenizer: {TOKENIZER} is missing"
    if _begins_with(folder / TOKENIZER, GIT_LFS):
        return f"its {TOKENIZER} is a pointer of Git LFS: run git lfs pull there"
    try:
        _settings(folder / TOKENIZER)
    except ValueError:
        return f"its {TOKENIZER} is no JSON object"
    return None


def _settings(file: Path) -> dict[str, Any]:
    """Raises ValueError where the file is no JSON object, and OSError."""
    settings = json.loads(file.read_text("utf-8"))
    if not isinstance(settings, dict):
        raise ValueError(f"{file} is no JSON object")
    return settings


def _begins_with(file: Path, magic: bytes) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(magic)) == magic


def _listed(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "")
