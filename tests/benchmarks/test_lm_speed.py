"""The comparison of the language model's backends, on the real models; small."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from utils.system.local_server import ROOT


@pytest.mark.more
def test_both_backends_answer_and_are_measured():
    command = ["benchmarks.lm_speed", "--variants", "llama_cpp", "float32", "--questions", "1", "--tokens", "12"]
    ran = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert all("Paris" in text for texts in figures["answers"].values() for text in texts)
    for figure in figures["variants"].values():
        assert all(value > 0 for name, value in figure.items() if name != "same")
    llama_cpp, transformers = figures["variants"].values()
    assert llama_cpp["same"] == 1
    assert llama_cpp["MiB"] < transformers["MiB"]
