"""A library that would report on its use to somebody is not allowed to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from utils.system.privacy import report_nothing

LOAD = {
    "silero": "from handlers.vad.silero import SileroModel; SileroModel(16_000)",
    "smart-turn": "from handlers.vad.smart_turn import SmartTurn; SmartTurn('bundled:smart-turn-v3.2')",
    "the bundled voice": "from utils.models.bundled_voice import BundledVoice; BundledVoice()",
    "Piper": "from handlers.piper.handler import _import_piper; _import_piper()",
}


@pytest.mark.parametrize("load", LOAD.values(), ids=LOAD.keys())
def test_onnx_runtime_keeps_no_events_to_send(load, tmp_path):
    # ONNX Runtime opens its store of events in the home as soon as it is imported, unless it runs in CI.
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    caches = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "caches")}
    environment.setdefault("S2S_CACHE", os.path.join(caches, "speech-to-speech"))
    subprocess.run([sys.executable, "-c", load], env=environment, check=True)
    assert not [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name]


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY", raising=False)
    report_nothing()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
