"""The dataclasses of options: fixed names and defaults, files, documented command lines, no drift to the engines."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import shlex

import pytest

from arguments.client_arguments import ClientArguments
from utils.options.parser import OptionError, option_fields
from utils.options.server import all_dataclasses, read_server_options, server_options
from utils.options.stages import PARTS, discover_backends, load_handler, stage_options
from utils.system.local_server import ROOT

DESCRIPTION = (
    "A female speaker with a slightly low-pitched voice delivers her words quite expressively, in a very confined "
    "sounding environment with clear audio quality. She speaks very fast."
)
FIXED = {
    "log_level": "info", "device": "auto", "recv_host": "localhost", "send_host": "localhost", "recv_port": 12345,
    "send_port": 12346, "chunk_size": 1024, "send_lead_ms": 200, "thresh": 0.3, "sample_rate": 16000,
    "min_silence_ms": 250, "max_speech_ms": math.inf, "stt_model_name": "distil-whisper/distil-large-v3",
    "stt_device": None, "lm_device": None, "tts_device": None, "stt_torch_dtype": "auto", "lm_torch_dtype": "auto",
    "tts_torch_dtype": "auto", "stt_compile_mode": None, "lm_compile_mode": None, "tts_compile_mode": None,
    "stt_gen_max_new_tokens": 128, "stt_gen_num_beams": 1, "stt_gen_return_timestamps": False,
    "stt_gen_task": "transcribe", "stt_gen_language": "en", "lm_model_name": "microsoft/Phi-3-mini-4k-instruct",
    "user_role": "user", "init_chat_role": None, "init_chat_prompt": "You are a helpful AI assistant.",
    "lm_gen_temperature": 0.0, "lm_gen_do_sample": False, "tts_model_name": "parler-tts/parler-tts-mini-v1",
    "tts_gen_min_new_tokens": None, "description": DESCRIPTION, "play_steps_s": 0.2, "max_prompt_pad_length": 8,
    "stt": "whisper", "lm": "transformers", "tts": "parler", "metrics_file": None, "lm_trust_remote_code": False,
}  # fmt: skip
BETTER = {
    "min_speech_ms": lambda v: v <= 250,
    "speech_pad_ms": lambda v: v > 30,
    "lm_gen_max_new_tokens": lambda v: v > 64,
    "chat_size": lambda v: v > 1,
    "tts_gen_max_new_tokens": lambda v: v >= 1000,
}
ADDED = {
    "stt_no_speech_threshold", "stt_logprob_threshold", "tts_language", "turn_detection", "turn_model_name",
    "turn_thresh", "max_pause_ms", "allow_interruptions", "min_interruption_ms", "speculative_silence_ms",
    "lm_quantize", "stt_window_s", "metrics_port", "metrics_host", "tts_code_phrase",
}  # fmt: skip
CLIENT = {
    "host": "localhost", "send_port": 12345, "recv_port": 12346, "send_rate": 16000, "recv_rate": 44100,
    "list_play_chunk_size": 1024, "input": None, "output": None, "list_devices": False, "input_device": None,
    "output_device": None,
}  # fmt: skip


def defaults(options) -> dict:
    instances = [getattr(options, f.name) for f in dataclasses.fields(options) if f.name != "notes"]
    return {f.name: getattr(instance, f.name) for instance in instances for f in option_fields(type(instance))}


def test_fixed_names_and_defaults():
    found = defaults(server_options({}))
    assert {name: found[name] for name in FIXED} == FIXED
    assert all(better(found[name]) for name, better in BETTER.items())
    assert set(found) - set(FIXED) - set(BETTER) <= ADDED


def test_client_names_and_defaults():
    assert {name: getattr(ClientArguments(), name) for name in CLIENT} == CLIENT


def test_every_option_has_a_help_and_its_default_is_valid():
    for cls in [*all_dataclasses(), ClientArguments]:
        for f in option_fields(cls):
            assert f.metadata.get("help"), f.name
            limits, value = f.metadata, f.default
            assert value is None or not ("choices" in limits and value not in limits["choices"])
            assert value is None or limits.get("min", -math.inf) <= value if isinstance(value, float) else True


@pytest.mark.parametrize(
    "line",
    [
        "--recv_host 0.0.0.0 --send_host 0.0.0.0",
        "--device mps",
        "--lm_model_name microsoft/Phi-3-mini-4k-instruct --init_chat_role system --stt_compile_mode reduce-overhead "
        "--tts_compile_mode default",
        "--lm_model_name google/gemma-2b-it",
        "--stt_gen_max_new_tokens 128",
        "configs/gpu.json --min_silence_ms 400",
        "configs/bundled.json",
        "configs/mac.json",
        "configs/today.json",
    ],
)
def test_documented_command_lines(line, monkeypatch):
    monkeypatch.chdir(ROOT)
    options = read_server_options(shlex.split(line))
    if "min_silence_ms" in line:
        assert options.vad.min_silence_ms == 400
        assert options.server.device == "cuda"


def test_every_config_file_holds_known_options():
    files = sorted((ROOT / "configs").glob("*.json"))
    assert {file.name for file in files} == {"bundled.json", "gpu.json", "mac.json", "today.json"}
    for file in files:
        server_options(json.loads(file.read_text()))


@pytest.mark.parametrize("cls", [cls for part in PARTS for cls in discover_backends()[part].values()])
def test_options_and_engine_agree(cls):
    """What the dataclass offers is what the engine takes: no option without effect, none without a place."""
    handler = load_handler(cls)
    parameters = inspect.signature(handler.engine_type.__init__).parameters
    taken = {name for name, parameter in parameters.items() if parameter.kind is parameter.KEYWORD_ONLY}
    assert taken == set(stage_options(cls()))


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"device": "gpu"}, "--device must be auto, cpu, cuda, cuda:N or mps, not 'gpu'"),
        ({"stt_device": "cuda:x"}, "--stt_device must be auto, cpu, cuda, cuda:N or mps, not 'cuda:x'"),
        ({"lm_device": ""}, "--lm_device must be auto, cpu, cuda, cuda:N or mps, not ''"),
        ({"recv_host": ""}, "--recv_host must be a host name or an address, not ''"),
        ({"lm_model_name": ""}, "--lm_model_name must be the name of a model, not ''"),
        ({"thresh": 0}, "--thresh must be more than 0.0, not 0.0"),
        ({"thresh": 1}, "--thresh must be less than 1.0, not 1.0"),
        ({"sample_rate": 44100}, "--sample_rate must be one of 8000, 16000, not 44100"),
        ({"min_silence_ms": 31}, "--min_silence_ms must be at least 32, not 31.0"),
        ({"max_speech_ms": 999}, "--max_speech_ms must be at least 1000, not 999.0"),
        ({"chunk_size": 1}, "--chunk_size must be at least 2, not 1"),
        ({"send_lead_ms": 19}, "--send_lead_ms must be at least 20, not 19"),
        ({"play_steps_s": 0}, "--play_steps_s must be more than 0.0, not 0.0"),
        ({"chat_size": -1}, "--chat_size must be at least 0, not -1"),
        ({"stt_gen_task": "sing"}, "--stt_gen_task must be one of transcribe, translate, not 'sing'"),
        ({"lm": "llama"}, "--lm must be one of llama_cpp, transformers, not 'llama'"),
        ({"tts_length_scale": 2}, "--tts_length_scale belongs to --tts piper, which is not chosen"),
        ({"tts": "piper", "play_steps_s": 1}, "--play_steps_s belongs to --tts parler, which is not chosen"),
        ({"tts": "piper", "tts_gen_top_k": 1}, "--tts_gen_top_k belongs to --tts parler, which is not chosen"),
        ({"lm": "llama_cpp", "lm_gen_top_h": 1}, "--lm_gen_top_h belongs to --lm transformers, which is not chosen"),
        ({"lm_n_ctx": 1024}, "--lm_n_ctx belongs to --lm llama_cpp, which is not chosen"),
        ({"lm": "llama_cpp", "lm_gen_min_p": 2}, "--lm_gen_min_p must be at most 1, not 2.0"),
        ({"recv_port": 5, "send_port": 5}, "--recv_port and --send_port must differ, both are 5"),
    ],
)
def test_a_value_that_can_not_be_used_is_one_line(values, line):
    with pytest.raises(OptionError) as error:
        server_options(values)
    assert str(error.value) == line


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:3", "mps"])
def test_devices(device):
    options = server_options({"device": device, "stt_device": device})
    assert (options.server.device, options.stt.stt_device) == (device, device)


def test_both_ports_may_be_any_free_one():
    sockets = server_options({"recv_port": 0, "send_port": 0}).sockets
    assert (sockets.recv_port, sockets.send_port) == (0, 0)


def test_a_backend_is_found_by_its_file(tmp_path, monkeypatch):
    package = tmp_path / "more_arguments"
    package.mkdir()
    (package / "echo_arguments.py").write_text(
        "from dataclasses import dataclass\n"
        "from typing import ClassVar\n\n\n"
        "@dataclass(frozen=True)\n"
        "class EchoArguments:\n"
        '    part: ClassVar[str] = "lm"\n'
        '    backend: ClassVar[str] = "echo"\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = discover_backends("more_arguments")
    assert {part: list(backends) for part, backends in found.items()} == {
        "vad": [],
        "stt": [],
        "lm": ["echo"],
        "tts": [],
    }


def test_stage_options_strip_the_prefix_and_fold_generation():
    options = stage_options(server_options({"stt_gen_num_beams": 2, "stt_gen_length_penalty": "0.5"}).stt)
    assert options["model_name"] == "distil-whisper/distil-large-v3"
    assert options["gen_kwargs"] == {
        "max_new_tokens": 128, "num_beams": 2, "return_timestamps": False, "task": "transcribe", "language": "en",
        "length_penalty": 0.5,
    }  # fmt: skip
