"""The converted models for real: loaded by Transformers, hearing what Piper says and answering."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from utils.models.bundled import resolve_model

WHISPER, SMOLLM2, PIPER = "bundled:whisper-tiny.en", "bundled:smollm2-135m-instruct", "bundled:piper-en_US-joe-medium"
TEXT = "# bundled\nname==1.0.2 \\\n    --hash=sha256:0af9\nGrüße, 你好 🎉"
LONG = (
    "The history of the telephone begins in the nineteenth century. Many people worked on it at the same time, in "
    "Europe and in America. At first nobody believed that it would be useful to anyone. Then the price fell, and every "
    "town wanted its own exchange. Operators connected the calls by hand, with cables and plugs. Later, machines took "
    "over this work, and the operators found other jobs. Today we carry telephones in our pockets, and we seldom use "
    "them to talk. It is hard to imagine what the next hundred years will bring. Perhaps we will speak to our houses, "
    "and perhaps they will answer. One thing is certain, people will always want to hear each other."
)


class Collector(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What Transformers logs from warnings up; its logger passes nothing on to the root's handlers."""
    handler = Collector(logging.WARNING)
    logging.getLogger("transformers").addHandler(handler)
    yield handler.messages
    logging.getLogger("transformers").removeHandler(handler)


@pytest.fixture(scope="session")
def whisper(converted) -> tuple[Any, Any]:
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    folder = converted / "whisper-tiny.en-v1"
    model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return model, WhisperProcessor.from_pretrained(folder)


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
        assert tokenizer.decode(tokenizer(TEXT).input_ids) == TEXT
        assert tokenizer.decode(tokenizer("Hi<|im_end|>").input_ids, skip_special_tokens=True) == "Hi"
        prompt = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
        assert prompt.endswith("<|im_start|>user\nHi<|im_end|>\n")
