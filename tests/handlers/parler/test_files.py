"""Folders, models of the hub, and weight files: whole, in parts, missing and damaged."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub.utils import filter_repo_objects
from safetensors.torch import save_file

from handlers.parler import files as files_module
from handlers.parler.files import WeightFiles, checkpoint_folder

WEIGHTS = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.ones(4, dtype=torch.float16), "c": torch.zeros(1)}


def save(file: Path, weights: dict[str, torch.Tensor] = WEIGHTS) -> None:
    if file.suffix == ".bin":
        torch.save(weights, file)
    else:
        save_file(weights, file)


def save_in_parts(folder: Path, whole: str) -> list[Path]:
    names = list(WEIGHTS)
    stem, ending = whole.split(".")
    parts = {f"{stem}-0000{n + 1}-of-00003.{ending}": {name: WEIGHTS[name]} for n, name in enumerate(names)}
    for file, weights in parts.items():
        save(folder / file, weights)
    index = {"weight_map": {name: file for file, weights in parts.items() for name in weights}}
    (folder / f"{whole}.index.json").write_text(json.dumps(index))
    return [folder / file for file in parts]


WHOLE = ["model.safetensors", "pytorch_model.bin"]


@pytest.mark.parametrize("most_mapped", [1, 7, 10**9], ids=lambda most: f"{most} at a time")
@pytest.mark.parametrize("in_parts", [False, True], ids=["whole", "in parts"])
@pytest.mark.parametrize("name", WHOLE)
def test_weights_have_their_names_shapes_and_values(tmp_path, monkeypatch, name, in_parts, most_mapped):
    monkeypatch.setattr(files_module, "MOST_MAPPED", most_mapped)
    if in_parts:
        save_in_parts(tmp_path, name)
    else:
        save(tmp_path / name)
    files = WeightFiles(tmp_path)
    assert sorted(files.names) == sorted(WEIGHTS)
    assert files.shape("a.weight") == [2, 3]
    read = dict(files.read(lambda name: name != "c"))
    assert sorted(read) == ["a.weight", "b"]
    for name, tensor in read.items():
        assert tensor.dtype == WEIGHTS[name].dtype
        assert torch.equal(tensor, WEIGHTS[name])


def test_safetensors_come_before_pickles(tmp_path):
    save(tmp_path / "pytorch_model.bin", {"old": torch.zeros(1)})
    save(tmp_path / "model.safetensors")
    assert "old" not in WeightFiles(tmp_path).names


def test_a_pickle_of_the_old_form_is_read_too(tmp_path):
    torch.save(WEIGHTS, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert torch.equal(dict(WeightFiles(tmp_path).read(lambda name: True))["a.weight"], WEIGHTS["a.weight"])


def test_a_folder_without_weights(tmp_path):
    with pytest.raises(OSError, match="has no weights"):
        WeightFiles(tmp_path)


@pytest.mark.parametrize("name", WHOLE)
def test_a_part_that_is_missing_is_named(tmp_path, name):
    part = save_in_parts(tmp_path, name)[1]
    part.unlink()
    with pytest.raises(OSError, match=part.name):
        WeightFiles(tmp_path)


@pytest.mark.parametrize("index", ["{", "[]", '{"weight_map": 3}'])
def test_a_damaged_index(tmp_path, index):
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(OSError, match=r"index\.json is damaged"):
        WeightFiles(tmp_path)


@pytest.mark.parametrize("kept", [0, 5, 60, 150], ids=lambda kept: f"{kept} bytes")
@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_is_cut_short(tmp_path, name, kept):
    save(tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:kept])
    with pytest.raises(OSError, match=f"{name} is damaged") as error:
        WeightFiles(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_of_something_else(tmp_path, name):
    (tmp_path / name).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 3511490560\n")
    with pytest.raises(OSError, match=f"{name} is damaged"):
        WeightFiles(tmp_path)


class Dangerous:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path, capsys):
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Dangerous()}, protocol=2))
    with pytest.raises(OSError, match="is damaged"):
        WeightFiles(tmp_path)
    assert "must not run" not in capsys.readouterr().out


def test_a_folder_is_itself(tmp_path):
    assert checkpoint_folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["/not/there", "./nor/there", "~/nothing-of-this-name"])
def test_a_folder_that_is_not_there(name):
    with pytest.raises(OSError, match="there is no folder"):
        checkpoint_folder(name)


class FakeHub:
    """`snapshot_download` from a repository of these files: it makes those that match, empty."""

    def __init__(self, folder: Path, *files: str) -> None:
        self.folder, self.files, self.calls = folder, files, 0

    def __call__(self, repo_id: str, *, allow_patterns: list[str], ignore_patterns: list[str]) -> str:
        self.calls += 1
        for file in filter_repo_objects(self.files, allow_patterns=allow_patterns, ignore_patterns=ignore_patterns):
            (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / file).touch()
        return str(self.folder)

    @property
    def got(self) -> set[str]:
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}


NEEDED = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "spiece.model"}
NOT_NEEDED = {"README.md", "training_args.bin", "checkpoint-100/model.safetensors", "onnx/model.onnx", "sample.wav"}


@pytest.mark.parametrize(
    ("weights", "taken", "calls"),
    [
        ({"model.safetensors", "pytorch_model.bin"}, {"model.safetensors"}, 1),
        ({"pytorch_model.bin"}, {"pytorch_model.bin"}, 2),
        (
            {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"},
            {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"},
            1,
        ),
    ],
)
def test_of_the_hub_only_what_is_needed_is_taken(tmp_path, monkeypatch, weights, taken, calls):
    hub = FakeHub(tmp_path, *NEEDED, *NOT_NEEDED, *weights)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub)
    assert checkpoint_folder("some/model") == tmp_path
    assert hub.got == NEEDED | taken
    assert hub.calls == calls


def test_without_the_hub_a_model_that_is_in_its_cache_is_found(tmp_path, monkeypatch):
    """The cache is laid out as huggingface_hub lays it out."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    snapshot = tmp_path / "models--some--model" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    (tmp_path / "models--some--model" / "refs").mkdir()
    (tmp_path / "models--some--model" / "refs" / "main").write_text("a" * 40)
    assert checkpoint_folder("some/model") == snapshot
    with pytest.raises(OSError, match="outgoing traffic has been disabled"):
        checkpoint_folder("some/other")
