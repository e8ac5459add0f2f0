"""A folder that can't be loaded is named for what it is, or for the file that it lacks: with real ones, changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from handlers.language_model.checkpoint import load_model
from handlers.llama_cpp.files import find_gguf
from tests import chat_templates as templates
from tests.lm_checkpoint import build_checkpoint
from utils.models.chat_template import ChatTemplate
from utils.models.load_errors import load_error
from utils.models.model_folder import fault_of
from utils.models.tokenizer import load_tokenizer

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n"
INDEX = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
ADAPTER = {"base_model_name_or_path": "Qwen/Qwen3-4B", "peft_type": "LORA"}
GGUF = "GGUF and so on"


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A checkpoint as today's Transformers saves it."""
    return build_checkpoint(tmp_path_factory.mktemp("saved"), "llama", templates.CHATML)


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def load(name: str) -> None:
    ChatTemplate(load_tokenizer(name), "system", "user")
    load_model(name, torch.float32, "cpu", trust_remote_code=False)


def reason(path: Path, part: str = "lm") -> str:
    """What the user is told when it can't be loaded."""
    with pytest.raises(Exception) as error:  # noqa: PT011 the libraries raise what they like
        load(str(path))
    line = str(load_error(part, str(path), error.value))
    assert "\n" not in line
    assert "huggingface.co" not in line
    begins = f"--{part}_model_name {path} can't be loaded: "
    assert line.startswith(begins)
    return line.removeprefix(begins)


def write(folder: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def test_what_todays_transformers_saves_is_read(saved):
    settings = json.loads((saved / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "TokenizersBackend"
    assert "chat_template" not in settings
    assert (saved / "chat_template.jinja").exists()
    assert fault_of(saved, "lm") is None
    load(str(saved))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "the folder is empty"),
        (
            {"adapter_config.json": ADAPTER, "adapter_model.safetensors": ""},
            "it is a LoRA adapter of Qwen/Qwen3-4B: merge it into that model, and give the merged folder",
        ),
        ({"adapter_config.json": "{"}, "it is a LoRA adapter: merge it into that model, and give the merged folder"),
        ({"model.Q4_K_M.gguf": GGUF}, "it is a folder of GGUF: --lm llama_cpp runs it"),
        ({"checkpoint-90/config.json": {}}, "it has no config.json, and its folder checkpoint-90 has one: give that"),
        ({"params.json": {}, "x.pth": ""}, "it has no config.json; there is params.json, x.pth"),
        ({"config.json": "{nope"}, "its config.json is no JSON object"),
        ({"config.json": {}}, "its config.json has no model_type"),
    ],
)
def test_a_folder_of_something_else_is_named_for_what_it_is(tmp_path, files, said):
    write(tmp_path, files)
    assert reason(tmp_path) == said


@pytest.mark.parametrize(
    ("lost", "written", "said"),
    [
        (["model.safetensors"], {}, "it has no weights: model.safetensors is missing"),
        (["tokenizer.json"], {}, "it has no tokenizer: tokenizer.json is missing"),
        (["chat_template.jinja"], {}, "it has no chat template: choose an instruct model"),
        ([], {"tokenizer.json": "{"}, "its tokenizer.json is no JSON object"),
        ([], {"tokenizer.json": POINTER}, "its tokenizer.json is a pointer of Git LFS: run git lfs pull there"),
        (
            ["model.safetensors"],
            {"model.safetensors.index.json": INDEX, "model-00001-of-00002.safetensors": ""},
            "it lacks model-00002-of-00002.safetensors, of the 2 files that model.safetensors.index.json names",
        ),
        (
            [],
            {"model.safetensors": POINTER},
            "its model.safetensors is a pointer of Git LFS, and no weights: run git lfs pull there",
        ),
        (
            ["model.safetensors"],
            {"adapter_config.json": ADAPTER, "adapter_model.safetensors": ""},
            "it has a LoRA adapter of Qwen/Qwen3-4B and no weights: give the folder of the merged model",
        ),
        (["model.safetensors"], {"m.gguf": GGUF}, "it has no weights but those in GGUF: --lm llama_cpp runs it"),
    ],
)
def test_the_file_that_is_missing_or_damaged_is_named(folder, lost, written, said):
    for name in lost:
        (folder / name).unlink()
    write(folder, written)
    assert reason(folder) == said


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_weights_that_are_not_whole(folder, kept):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    assert reason(folder) == "its model.safetensors is damaged or a part of it is missing: fetch it again"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.gguf", GGUF, "it is a GGUF file: --lm llama_cpp runs it"),
        ("weights", GGUF, "it is a GGUF file: --lm llama_cpp runs it"),
        ("model.safetensors", "", "it is a file: give the folder with config.json and the weights"),
    ],
)
def test_a_file_is_named_for_what_it_is(tmp_path, name, content, said):
    write(tmp_path, {name: content})
    assert reason(tmp_path / name) == said


@pytest.mark.parametrize("name", ["", "model.safetensors"])
def test_a_folder_of_transformers_given_to_llama_cpp_is_sent_to_the_other_backend(saved, name):
    with pytest.raises(ValueError, match="GGUF") as error:
        find_gguf(str(saved / name))
    line = str(load_error("lm", str(saved / name), error.value))
    assert line.startswith(f"--lm_model_name {saved / name} can't be loaded: ")
    assert line.endswith("with --lm transformers")


def test_a_whole_folder_has_no_fault_and_the_error_is_said_as_it_is(saved):
    line = str(load_error("lm", str(saved), ValueError("something else")))
    assert line == f"--lm_model_name {saved} can't be loaded: ValueError: something else"
