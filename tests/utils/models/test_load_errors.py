"""A model that can't be loaded is one line, whatever the library raised."""

from __future__ import annotations

import json

import pytest

from utils.models.bundled import BundledWheelMissing
from utils.models.hub import hub_problem, looks_like_path, of_hub
from utils.models.load_errors import load_error

GATED = OSError("You are trying to access a gated repo. Make sure to have access to it at https://hf.co/x. 401 Client")
UNKNOWN = (
    "The checkpoint you are trying to load has model type `new` but Transformers does not recognize this architecture."
)
REMOTE = "Loading x requires you to execute the configuration file. Please pass the argument `trust_remote_code=True`."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (GATED, "the model is gated: accept its licence on the hub, then set HF_TOKEN to a token of your account"),
        (ValueError(UNKNOWN), "this Transformers does not know its model type; choose another --lm_model_name"),
        (ValueError(REMOTE), "if you trust that code, add --lm_trust_remote_code true"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out of memory; choose a smaller model"),
        (OSError("x is not a local folder and is not a valid model identifier"), "neither a folder here nor a model"),
        (OSError("We couldn't connect to 'https://hf.co'"), "the hub can't be reached"),
        (ModuleNotFoundError("No module named 'piper'", name="piper"), "the package piper is not installed"),
        (BundledWheelMissing("run make install"), "run make install"),
        (ValueError("something\nnew " + "x" * 1_000), "ValueError: something new"),
    ],
)
def test_the_line_names_the_model_and_what_to_do(error, words):
    line = str(load_error("lm", "some/model", error))
    assert line.startswith("--lm_model_name some/model can't be loaded: ")
    assert words in line
    assert "\n" not in line
    assert len(line) < 500


CONFIGLESS = (
    "org/x-GGUF does not appear to have a file named config.json. Checkout 'https://huggingface.co/org/x-GGUF/tree/main'"
    " for available files."
)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("org/x-GGUF", "it has no config.json: it is a repository of GGUF files, which --lm llama_cpp runs"),
        ("org/x", "it has no config.json, or none that can be fetched"),
    ],
)
def test_a_repository_without_the_file(name, reason):
    assert str(load_error("lm", name, OSError(CONFIGLESS))) == f"--lm_model_name {name} can't be loaded: {reason}"


def test_a_folder_here_gets_no_address_of_the_hub(tmp_path):
    error = ValueError(f"{tmp_path} is odd. Checkout 'https://huggingface.co/{tmp_path}/tree/main' for files.")
    line = str(load_error("tts", str(tmp_path), error))
    assert line.endswith(f"can't be loaded: ValueError: {tmp_path} is odd.")


def test_the_cause_is_looked_through():
    error = OSError("can't load")
    error.__cause__ = ConnectionError("Max retries exceeded")
    line = str(load_error("stt", "a/b", error))
    assert "the hub can't be reached (ConnectionError: Max retries exceeded)" in line


def test_a_folder_that_is_not_there():
    assert str(load_error("tts", "./none", OSError("x"))).endswith("can't be loaded: there is no such folder")


def test_a_known_problem_of_the_hub_is_the_reason():
    line = str(load_error("stt", "a/b", OSError("x"), "hub.test: refused"))
    assert "the hub can't be reached (hub.test: refused), and it is not in the hub's cache here" in line


def test_an_unknown_model_type_really_says_so(tmp_path):
    from transformers import AutoModelForCausalLM

    (tmp_path / "config.json").write_text(json.dumps({"model_type": "brand-new"}))
    with pytest.raises(ValueError, match="brand-new") as error:
        AutoModelForCausalLM.from_pretrained(tmp_path)
    assert "does not know its model type" in str(load_error("lm", str(tmp_path), error.value))


@pytest.mark.parametrize(
    ("name", "hub", "path"),
    [
        ("openai/whisper-tiny", True, False),
        ("gpt2", True, False),
        ("bundled:whisper-tiny.en", False, False),
        ("/models/x", False, True),
        ("./x", False, True),
        ("a/b/c", False, True),
        ("", False, False),
    ],
)
def test_what_needs_the_hub(name, hub, path):
    assert (of_hub(name), looks_like_path(name)) == (hub, path)


def test_the_hub_is_asked_only_when_it_is_needed(monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    closed = {"HF_ENDPOINT": "http://127.0.0.1:1"}
    assert hub_problem(["bundled:x", "/models/y"], closed) is None
    assert hub_problem(["a/b"], closed) == "127.0.0.1: Connection refused"
    assert hub_problem(["a/b"], {"HF_HUB_OFFLINE": "1"}) == "HF_HUB_OFFLINE is set"
