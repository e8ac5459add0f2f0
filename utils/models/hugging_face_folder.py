"""Writes a Hugging Face model folder from plain values: weights as safetensors, settings as JSON; no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[Any]
Weights = dict[str, Tensor]
Settings = dict[str, Any]

READABLE = 0o644  # safetensors creates files for their owner alone; a shared cache has other readers


def write_folder(folder: Path, weights: Weights, files: dict[str, Settings | str]) -> None:
    """Fills the existing `folder` with model.safetensors and with `files` by name: settings as JSON, text as it is.

    Raises OSError.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=2)
        (folder / name).write_text(text, "utf-8")
    path = folder / "model.safetensors"
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in weights.items()}
    try:
        save_file(contiguous, path, metadata={"format": "pt"})  # Transformers refuses files that don't say so
    except SafetensorError as error:
        raise OSError(f"{path}: {error}") from error
    path.chmod(READABLE)
