"""What Transformers and the hub's library really raise, for models that can't be loaded, becomes the right line.

A process of its own, for the hub's address is read when the library is imported; the hub is a small one here.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from utils.system.local_server import ROOT

TRIES = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
time.sleep = lambda seconds: None  # the library waits 23 s between its tries
from transformers import AutoModelForCausalLM, WhisperProcessor
from utils.models.load_errors import load_error
from utils.models.tokenizer import load_tokenizer
for name in sys.argv[1:]:
    for load in (AutoModelForCausalLM.from_pretrained, WhisperProcessor.from_pretrained, load_tokenizer):
        try:
            load(name)
        except Exception as error:
            kind = load.__self__.__name__ if hasattr(load, "__self__") else load.__name__
            print(json.dumps([name, kind, str(load_error("lm", name, error))]))
"""
STATUS = {
    "gated": (401, {"X-Error-Code": "GatedRepo"}),
    "not-yours": (403, {"X-Error-Code": "GatedRepo"}),
    "missing": (401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Invalid username or password."}),
    "bad-token": (401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
    "down": (503, {}),
}

NO_PROCESSOR = "it has no preprocessor_config.json, or none that can be fetched"


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers like the model hub; the model's name says how."""

    def do_HEAD(self):
        path = self.path.removeprefix("/api/models")
        status, headers = STATUS[path.split("/")[2]]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *ignored):
        """Nothing on stderr."""


def lines(endpoint: str, home: Path, names: list[str]) -> dict[tuple[str, str], str]:
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environ = {**kept, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "HF_TOKEN": ""}
    command = [sys.executable, "-c", TRIES, *names]
    done = subprocess.run(command, cwd=ROOT, env=environ, input="", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    prompted = [line[line.index('["') :] for line in done.stdout.splitlines() if '] ["' in line]
    return {(Path(name).name, kind): line for name, kind, line in [*found, *map(json.loads, prompted)]}


@pytest.fixture(scope="module")
def from_the_hub(tmp_path_factory):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        yield lines(
            f"http://127.0.0.1:{hub.server_port}", tmp_path_factory.mktemp("home"), [f"org/{name}" for name in STATUS]
        )
        hub.shutdown()


@pytest.fixture(scope="module")
def without_a_hub(tmp_path_factory):
    folders = tmp_path_factory.mktemp("models")
    custom = {"model_type": "mine", "auto_map": {"AutoConfig": "c.C", "AutoModelForCausalLM": "m.M"}}
    configs = {
        "unknown": '{"model_type": "brand-new"}', "custom": json.dumps(custom), "broken": "{nope", "typeless": "{}",
        "weightless": '{"model_type": "llama"}', "empty": None,
    }  # fmt: skip
    for name, config in configs.items():
        (folders / name).mkdir()
        if config is not None:
            (folders / name / "config.json").write_text(config)
    names = ["org/unreachable", *(str(folders / name) for name in configs)]
    return lines("http://127.0.0.1:1", tmp_path_factory.mktemp("home"), names)


@pytest.mark.parametrize("kind", ["AutoModelForCausalLM", "WhisperProcessor", "load_tokenizer"])
@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("gated", "the model is gated: accept its licence on the hub"),
        ("not-yours", "the model is gated: accept its licence on the hub"),
        ("missing", "neither a folder here nor a model of the hub that your token may see"),
        ("bad-token", "the hub refuses the token: set HF_TOKEN to a valid token of your account"),
    ],
)
def test_what_the_hub_refuses(from_the_hub, model, words, kind):
    line = from_the_hub[model, kind]
    assert line.startswith(f"--lm_model_name org/{model} can't be loaded: {words}")
    assert "\n" not in line


def test_a_hub_that_is_down(from_the_hub):
    """For parts of a processor Transformers does not say why it did not get them."""
    begins = "--lm_model_name org/down can't be loaded: "
    words = "the hub can't be reached (it answers with HTTP status 503)"
    assert from_the_hub["down", "AutoModelForCausalLM"].startswith(begins + words)
    assert from_the_hub["down", "WhisperProcessor"] == begins + NO_PROCESSOR


def test_a_missing_model_is_not_called_gated(from_the_hub):
    """The hub answers 401 for both, and its library's text for a missing one speaks of gated ones."""
    assert "gated" not in from_the_hub["missing", "AutoModelForCausalLM"]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("unreachable", "the hub can't be reached (ConnectionRefusedError: [Errno"),
        ("unknown", "this Transformers does not know its model type; choose another --lm_model_name"),
        ("custom", "it needs code from its repository; if you trust that code, add --lm_trust_remote_code true"),
        ("broken", "can't be loaded: its config.json is no JSON object"),
        ("typeless", "can't be loaded: its config.json has no model_type"),
        ("weightless", "can't be loaded: it has no weights: model.safetensors is missing"),
        ("empty", "can't be loaded: the folder is empty"),
    ],
)
def test_what_a_folder_lacks(without_a_hub, model, words):
    line = without_a_hub[model, "AutoModelForCausalLM"]
    assert words in line
    assert "\n" not in line
    assert len(line) < 600


def test_an_empty_folder_is_called_one_whatever_was_looked_for(without_a_hub):
    assert without_a_hub["empty", "WhisperProcessor"].endswith("can't be loaded: the folder is empty")
