"""Finds the GGUF file that a model's name means: a file, a folder with one, a bundled model, a repository of the hub.

    models/qwen3.gguf                   a file
    models/                             a folder with one model
    bundled:smollm2-135m-instruct       a bundled model
    owner/name:file.gguf                a file of a repository of the Hugging Face hub
    owner/name:Q4_K_M                   the one model of the repository whose name has Q4_K_M as one of its words
    owner/name                          the repository's one model

A model that is divided over several files (`…-00001-of-00003.gguf`) counts as one, and is named by its first file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from utils.models.bundled import PREFIX, bundled_file
from utils.models.load_errors import UnusableModel

SUFFIX, MAGIC = ".gguf", b"GGUF"
OF_TRANSFORMERS = (".safetensors", ".bin", ".json")  # names of files that its folders have
NOT_FIRST = re.compile(r"-(?!0*1-)\d+-of-\d+\.gguf$")  # a further file of a divided model
PART = re.compile(r"-\d+(-of-\d+\.gguf)$")
NO_MODELS = ("mmproj", "imatrix")  # files beside a model: what it sees with, what it was quantized with
LISTED = 6  # names in an error


def find_gguf(name: str) -> Path:
    """The model's first file. Raises UnusableModel for what is no model here, and what the hub's library raises."""
    if name.startswith(PREFIX):
        path = bundled_file(name)
    elif (path := Path(name).expanduser()).is_dir():
        path = path / the_one([file.name for file in path.iterdir()], f"the folder {name}")
    elif not path.exists():
        repository, _, wanted = name.partition(":")
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository) or repository.endswith(SUFFIX):
            raise UnusableModel("there is no such file or folder")
        path = from_hub(repository, wanted)
    check_magic(path)
    return path


def check_magic(path: Path) -> None:
    """Raises UnusableModel where this is no GGUF file, or can't be read."""
    try:
        with path.open("rb") as file:
            found = file.read(len(MAGIC))
    except OSError as error:
        raise UnusableModel(f"{path} can't be read: {error.strerror}") from error
    if found != MAGIC:
        hint = "; its folder runs with --lm transformers" if path.suffix in OF_TRANSFORMERS else ""
        raise UnusableModel(f"{path} is no GGUF file{hint}")


def the_one(names: Iterable[str], place: str, wanted: str = "") -> str:
    """The one model among these files that is wanted. place: where they are, for the error. Raises UnusableModel.

    wanted: the name of a file; or a word of it, such as a quantization; "": any.
    """
    models = sorted(name for name in names if _is_model(name))
    if wanted.endswith(SUFFIX):
        chosen = [name for name in models if name == wanted]
    else:
        word = re.compile(rf"(^|[^a-z0-9]){re.escape(wanted.lower())}([^a-z0-9_]|$)")
        chosen = [name for name in models if not wanted or word.search(name.lower())]
    if len(chosen) == 1:
        return chosen[0]
    if not models:
        raise UnusableModel(f"{place} has no GGUF file; other models run with --lm transformers")
    listed = ", ".join(models[:LISTED]) + (", …" if len(models) > LISTED else "")
    problem = "several GGUF models" if chosen else f"no {wanted}"
    raise UnusableModel(f"{place} has {problem}; name one file of {listed}")


def all_parts(name: str, names: Iterable[str]) -> list[str]:
    """The files of a model, of which this is the first."""
    pattern = PART.sub(r"-#\1", name)
    return sorted(other for other in names if PART.sub(r"-#\1", other) == pattern)


def from_hub(repository: str, wanted: str) -> Path:
    """The first file of the wanted model, fetched if it is not in the hub's cache."""
    from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download

    if constants.HF_HUB_OFFLINE:
        folder = Path(snapshot_download(repository, local_files_only=True))
        return folder / the_one(_relative(folder), f"the hub's cache of {repository}", wanted)
    names = HfApi().list_repo_files(repository)
    parts = all_parts(the_one(names, f"the repository {repository}", wanted), names)
    paths = [hf_hub_download(repository, part) for part in parts]
    return Path(paths[0])


def _relative(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob(f"*{SUFFIX}")]


def _is_model(name: str) -> bool:
    file = name.rpartition("/")[2].lower()
    return file.endswith(SUFFIX) and not NOT_FIRST.search(file) and not any(word in file for word in NO_MODELS)
