"""Which file a model's name means."""

from __future__ import annotations

import pytest

from handlers.llama_cpp import files
from handlers.llama_cpp.files import all_parts, find_gguf, the_one
from tests.gguf_checkpoint import write_gguf
from utils.models.bundled import BundledModelError
from utils.models.load_errors import UnusableModel

REPOSITORY = [
    ".gitattributes", "README.md", "Model-Q4_K_M.gguf", "Model-Q4_K_S.gguf", "Model-Q8_0-00001-of-00002.gguf",
    "Model-Q8_0-00002-of-00002.gguf", "mmproj-model-f16.gguf", "imatrix.gguf", "Model-bf16.gguf",
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Model-Q4_K_S.gguf", "Model-Q4_K_S.gguf"),
        ("Q4_K_M", "Model-Q4_K_M.gguf"),
        ("q4_k_m", "Model-Q4_K_M.gguf"),
        ("Q8_0", "Model-Q8_0-00001-of-00002.gguf"),
        ("BF16", "Model-bf16.gguf"),
    ],
)
def test_a_repository_s_model_by_file_or_quantization(wanted, name):
    assert the_one(REPOSITORY, "it", wanted) == name


@pytest.mark.parametrize(
    ("names", "wanted", "line"),
    [
        (REPOSITORY, "", "it has several GGUF models; name one file of Model-Q4_K_M.gguf, Model-Q4_K_S.gguf, "),
        (REPOSITORY, "Model", "it has several GGUF models"),
        (REPOSITORY, "Q4_K", "it has no Q4_K; name one file of Model-Q4_K_M.gguf"),
        (REPOSITORY, "other.gguf", "it has no other.gguf; name one file of"),
        (["README.md", "mmproj-a.gguf"], "", "it has no GGUF file"),
    ],
)
def test_what_is_not_one_model_is_one_line(names, wanted, line):
    with pytest.raises(UnusableModel) as error:
        the_one(names, "it", wanted)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_the_parts_of_a_divided_model():
    assert all_parts("Model-Q8_0-00001-of-00002.gguf", REPOSITORY) == REPOSITORY[4:6]
    assert all_parts("Model-Q4_K_M.gguf", REPOSITORY) == ["Model-Q4_K_M.gguf"]


def test_a_file_a_folder_and_a_bundled_model(tmp_path):
    file = write_gguf(tmp_path / "tiny.gguf")
    (tmp_path / "notes.txt").write_text("")
    assert find_gguf(str(file)) == find_gguf(str(tmp_path)) == file
    assert find_gguf("bundled:smollm2-135m-instruct").name == "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_what_can_not_be_read_is_one_line(tmp_path):
    (tmp_path / "text.gguf").write_text("no model")
    (tmp_path / "empty.gguf").write_bytes(b"")
    (tmp_path / "none").mkdir()
    for name, line in {
        "text.gguf": "is no GGUF file", "empty.gguf": "is no GGUF file", "gone.gguf": "there is no such file or folder",
        "none": "has no GGUF file", "gone": "there is no such file or folder",
    }.items():  # fmt: skip
        with pytest.raises(UnusableModel, match=line):
            find_gguf(str(tmp_path / name))
    for name in ("gone.gguf", "a/b/c", "folder/gone.gguf"):
        with pytest.raises(UnusableModel, match="there is no such file or folder"):
            find_gguf(name)
    with pytest.raises(BundledModelError):
        find_gguf("bundled:other")
    with pytest.raises(UnusableModel, match="can't be read"):
        find_gguf("bundled:whisper-tiny.en")


class _Hub:
    """A model hub with one repository: the calls of its library that are used here."""

    def __init__(self, folder, monkeypatch, offline: bool) -> None:
        import huggingface_hub.constants

        self.folder, self.fetched = folder, []
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
        monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda api, repository: REPOSITORY)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", self.download)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", self.snapshot)

    def download(self, repository: str, name: str) -> str:
        assert repository == "owner/name"
        self.fetched.append(name)
        return str(write_gguf(self.folder / name))

    def snapshot(self, repository: str, local_files_only: bool) -> str:
        assert (repository, local_files_only) == ("owner/name", True)
        return str(self.folder)


def test_all_parts_are_fetched_from_the_hub_and_nothing_else(tmp_path, monkeypatch):
    hub = _Hub(tmp_path, monkeypatch, offline=False)
    assert find_gguf("owner/name:Q8_0") == tmp_path / REPOSITORY[4]
    assert hub.fetched == REPOSITORY[4:6]


def test_without_the_hub_what_its_cache_holds_is_found(tmp_path, monkeypatch):
    hub = _Hub(tmp_path, monkeypatch, offline=True)
    (tmp_path / "sub").mkdir()
    file = write_gguf(tmp_path / "sub" / "Model-Q4_K_M.gguf")
    assert find_gguf("owner/name:Q4_K_M") == find_gguf("owner/name") == file
    assert hub.fetched == []


def test_what_a_name_means_is_in_the_module_s_docstring():
    assert all(form in (files.__doc__ or "") for form in ("owner/name:file.gguf", "owner/name:Q4_K_M", "bundled:"))
