"""The server's command line as a real process: every mistake is one line, before any model loads."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from utils.system.local_server import ANY_PORTS, ROOT


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "s2s_pipeline.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--foo", "1"], "unknown option --foo"),
        (["--min_silence", "400"], "unknown option --min_silence (did you mean --min_silence_ms?)"),
        (["--thresh", "2"], "--thresh must be less than 1.0, not 2.0"),
        (["--recv_port", "70000"], "--recv_port must be at most 65535, not 70000"),
        (["--chat_size", "many"], "--chat_size needs a whole number, not 'many'"),
        (["--recv_port"], "--recv_port needs a value"),
        (["--recv_port", "5", "--send_port", "5"], "--recv_port and --send_port must differ, both are 5"),
        (["--recv_port", "5", "--metrics_port", "5"], "--recv_port and --metrics_port must differ, both are 5"),
        (["--metrics_port", "70000"], "--metrics_port must be at most 65535, not 70000"),
        (["--stt_gen_nonsense", "3"], "--stt_gen_nonsense: the model's generate() has no option 'nonsense'"),
        (["--lm_gen_top_p", "many"], "--lm_gen_top_p needs a number, not 'many'"),
        (["--tts", "foo"], "--tts must be one of parler, piper, not 'foo'"),
        (["--tts", "piper", "--description", "x"], "--description belongs to --tts parler, which is not chosen"),
        (
            ["--tts_compile_mode", "fast"],
            "--tts_compile_mode must be one of none, default, reduce-overhead, max-autotune, not 'fast'",
        ),
        (["no-such.json"], "the config file no-such.json can't be read: No such file or directory"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(arguments, line):
    result = run(*arguments)
    assert (result.returncode, result.stderr) == (2, f"s2s_pipeline.py: error: {line}\n")
    assert result.stdout == ""


def test_broken_json_names_its_line(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text('{\n"thresh": 0.3,\n}')
    result = run(str(broken))
    assert result.returncode == 2
    assert result.stderr.startswith(f"s2s_pipeline.py: error: the config file {broken} is no valid JSON, line 3")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("option", ["--recv_port", "--metrics_port"])
def test_a_port_in_use_is_one_line_and_status_1(option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(*ANY_PORTS, option, str(port))
    assert result.returncode == 1
    line = f"port {port} on localhost is in use: stop the other program, or choose another port"
    assert result.stderr == f"s2s_pipeline.py: error: {line}\n"


def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, so that nobody else listens on it
        hub = f"http://127.0.0.1:{closed.getsockname()[1]}"
        result = run(*ANY_PORTS, "--device", "cpu", HF_ENDPOINT=hub, HF_HOME=str(tmp_path))
    errors = [line for line in result.stderr.splitlines() if line.startswith("s2s_pipeline.py: error:")]
    assert result.returncode == 1
    assert len(errors) == 1
    # The models load beside each other, so any of the three may be the first that fails.
    defaults = ("distil-whisper/distil-large-v3", "microsoft/Phi-3-mini-4k-instruct", "parler-tts/parler-tts-mini-v1")
    assert any(f"_model_name {name} can't be loaded" in errors[0] for name in defaults)
    for part in ("the hub can't be reached", "refused", "configs/bundled.json"):
        assert part in errors[0]
    assert "Traceback" not in result.stderr


def test_a_missing_folder_and_a_missing_gpu_are_one_line():
    result = run("configs/bundled.json", *ANY_PORTS, "--lm_model_name", "./no/such/folder")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].endswith(
        "--lm_model_name ./no/such/folder can't be loaded: there is no such folder"
    )
    result = run("configs/bundled.json", *ANY_PORTS, "--device", "cuda:99")
    assert result.returncode == 1
    assert "no such GPU: cuda:99" in result.stderr.splitlines()[-1]


def test_a_gguf_file_that_is_none_is_one_line(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_text("no model")
    for name, reason in {str(file): f"{file} is no GGUF file", "./gone.gguf": "there is no such file"}.items():
        result = run("configs/bundled.json", *ANY_PORTS, "--lm", "llama_cpp", "--lm_model_name", name)
        assert result.returncode == 1
        line = f"s2s_pipeline.py: error: --lm_model_name {name} can't be loaded: {reason}"
        assert result.stderr.splitlines()[-1] == line
        assert "Traceback" not in result.stderr


def test_help_is_quick_to_import():
    code = (
        "import sys\n"
        "from utils.options.server import read_server_options\n"
        "try: read_server_options(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'transformers', 'numpy', 'prometheus_client'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    for option in ("--recv_host", "--thresh", "--stt_gen_language", "--description", "--tts_length_scale"):
        assert option in result.stdout
