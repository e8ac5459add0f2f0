"""The files of a checkpoint: a folder, or a model of the hub, and the weights in it, one tensor at a time.

Weights are safetensors or PyTorch's own files (`.bin`), whole or in parts. Both are mapped into memory: a tensor is
read when it is asked for, so that it can be cast and moved before the next one is.
"""

from __future__ import annotations

import contextlib
import json
import math
import pickle
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from utils.models.hub import of_hub

SAFETENSORS, PYTORCH = "model.safetensors", "pytorch_model.bin"  # the names that `save_pretrained` gives them
MOST_MAPPED = 64 * 2**20  # numbers that are read before a file is closed and opened again; 256 MiB in float32
DESCRIPTIONS = (
    "config.json", "generation_config.json", "*.index.json",
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt", "spiece.model",
)  # fmt: skip


def checkpoint_folder(name: str) -> Path:
    """The folder of this name, or of this model of the hub once what is needed of it is in the hub's cache.

    Raises OSError where there is none; what the hub refuses is one, too.
    """
    if not of_hub(name):
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise OSError(f"there is no folder {name}")
        return folder
    # Folders of a repository hold a training run's states, and `.bin` files what the safetensors hold already.
    folder = Path(_download(name, "model*.safetensors"))
    if not list(folder.glob("model*.safetensors")):
        folder = Path(_download(name, "pytorch_model*.bin"))
    return folder


def _download(name: str, weights: str) -> str:
    from huggingface_hub import snapshot_download

    return snapshot_download(name, allow_patterns=[*DESCRIPTIONS, weights], ignore_patterns=["*/*"])


class WeightFiles:
    """The weights of a checkpoint folder, under the names that they have in the files.

    Raises OSError where there are no weights, where a part of them is missing or where a file can't be read.
    """

    def __init__(self, folder: Path) -> None:
        self._shapes: dict[str, list[int]] = {}
        self._files: dict[Path, list[str]] = {}
        for file in _weight_files(folder):
            with _opened(file) as tensors:
                self._files[file] = tensors.names
                self._shapes.update({name: tensors.shape(name) for name in tensors.names})

    @property
    def names(self) -> list[str]:
        """Of all tensors."""
        return list(self._shapes)

    def shape(self, name: str) -> list[int]:
        """Of one tensor."""
        return self._shapes[name]

    def read(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, Tensor]]:
        """(name, tensor) of each that is wanted, on the CPU, of the file's dtype. Valid until the next one is read."""
        for file, names in self._files.items():
            for group in self._groups(filter(wanted, names)):
                with _opened(file) as tensors:
                    for name in group:
                        yield name, tensors.read(name)

    def _groups(self, names: Iterable[str]) -> Iterator[list[str]]:
        """What was read of a file counts as memory in use until the file is closed. So it is closed now and then."""
        group: list[str] = []
        size = 0
        for name in names:
            group.append(name)
            size += math.prod(self._shapes[name])
            if size >= MOST_MAPPED:
                yield group
                group, size = [], 0
        if group:
            yield group


def _weight_files(folder: Path) -> list[Path]:
    for name in (SAFETENSORS, PYTORCH):
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            return [folder / name]
        if index.is_file():
            files = [folder / part for part in _parts(index)]
            for file in files:
                if not file.is_file():
                    raise OSError(f"{folder} has no {file.name}, which {index.name} names as a part of the weights")
            return files
    raise OSError(f"{folder} has no weights: neither {SAFETENSORS} nor {PYTORCH}, nor an index of their parts")


def _parts(index: Path) -> list[str]:
    try:
        parts = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OSError(f"{index} is damaged: it names no parts") from None
    return [str(part) for part in parts]


class _Safetensors:
    """One file of safetensors, open."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.names: list[str] = list(file.keys())

    def shape(self, name: str) -> list[int]:
        return list(self._file.get_slice(name).get_shape())

    def read(self, name: str) -> Tensor:
        return self._file.get_tensor(name)


class _Pickled:
    """One of PyTorch's files, mapped."""

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        self._tensors = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, Tensor)}
        self.names = list(self._tensors)

    def shape(self, name: str) -> list[int]:
        return list(self._tensors[name].shape)

    def read(self, name: str) -> Tensor:
        return self._tensors[name].detach()


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[_Safetensors | _Pickled]:
    """Raises OSError, in one line, where the file is cut short or is something else."""
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, "pt") as tensors:
                yield _Safetensors(tensors)
        else:
            yield _Pickled(_unpickled(file))
    except (SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()
        raise OSError(f"{file} is damaged: {reason[0] if reason else type(error).__name__}") from error


def _unpickled(file: Path) -> Mapping[str, Any]:
    tensors = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    if not isinstance(tensors, Mapping):
        raise pickle.UnpicklingError("it holds no tensors under names")
    return tensors
