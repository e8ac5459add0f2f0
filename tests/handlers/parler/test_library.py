"""Tests of handlers/parler/library.py, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.parler_checkpoint import EOS, build

ROOT = Path(__file__).parents[3]
LIKE_PARLER = "import torchaudio\nheld = torchaudio\n"
BROKEN = {
    "absent": "raise ModuleNotFoundError('no torchaudio here', name='torchaudio')",
    "its library can't load": "from torchaudio import part\nraise OSError('libcudart.so.13: cannot open')",
    "of another CUDA version": "raise RuntimeError('compiled with a different CUDA version')",
}


def run(folder: Path, code: str, **modules: str) -> subprocess.CompletedProcess[str]:
    """Run `code` after the import, where `modules` (name → source) come before what is installed."""
    for name, source in modules.items():
        package = folder / name
        package.mkdir()
        (package / "__init__.py").write_text(source)
        (package / "part.py").write_text("")
    start = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(ROOT)!r}]\n"
    start += "from handlers.parler.library import import_parler_tts\n"
    process = subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=False
    )
    assert process.returncode == 0, process.stderr
    return process


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_a_torchaudio_that_fails_is_stood_in_for_during_the_import_alone(tmp_path, source):
    code = """
        parler_tts = import_parler_tts()
        assert not [name for name in sys.modules if name.startswith("torchaudio")]
        assert parler_tts.held.__spec__.name == "torchaudio"
        assert not hasattr(parler_tts.held, "__file__")
        try:
            parler_tts.held.load
        except ImportError as error:
            print(error)
        try:
            import torchaudio
        except Exception as error:
            print(error)
    """
    used, imported = run(tmp_path, code, torchaudio=source, parler_tts=LIKE_PARLER).stdout.splitlines()
    assert used == f"torchaudio.load is used, but torchaudio can't load here: {imported}"


def test_a_working_torchaudio_is_untouched(tmp_path):
    code = """
        parler_tts = import_parler_tts()
        assert parler_tts.held is sys.modules["torchaudio"] is __import__("torchaudio")
        assert parler_tts.held.works
        assert "torchaudio.part" in sys.modules
    """
    run(tmp_path, code, torchaudio="from torchaudio import part\nworks = True", parler_tts=LIKE_PARLER)


def test_a_failing_parler_tts_leaves_no_stand_in(tmp_path):
    code = """
        try:
            import_parler_tts()
        except ImportError as error:
            print(error)
        assert "torchaudio" not in sys.modules
    """
    failing = LIKE_PARLER + "raise ImportError('a part of it is missing')"
    assert run(tmp_path, code, torchaudio="raise OSError", parler_tts=failing).stdout == "a part of it is missing\n"


def test_the_real_parler_tts_loads_and_speaks_without_torchaudio_and_without_a_word(tmp_path):
    """Only the three modules of audiotools that asked for torchaudio still hold the stand-in."""
    folder = build(tmp_path / "checkpoint", favourite=EOS)
    code = f"""
        from handlers.parler.handler import ParlerEngine
        from utils.system.engine_thread import EngineThread
        thread = EngineThread("test")
        options = dict(model_name={str(folder)!r}, device="cpu", torch_dtype="auto", compile_mode=None)
        options |= dict(description="A voice.", language="en", play_steps_s=0.2, max_prompt_pad_length=8)
        options |= dict(gen_kwargs=dict(min_new_tokens=70, max_new_tokens=2580))
        engine = thread.call(lambda: ParlerEngine(thread, **options))
        assert not [name for name in sys.modules if name.startswith("torchaudio")]
        held = [name for name, module in list(sys.modules.items()) if "torchaudio" in vars(module)]
        assert sorted(held) == ["audiotools.core." + name for name in ("effects", "loudness", "util")], held
        assert sum(len(samples) for samples in engine.stream("Hello.", lambda: True)) > 0
    """
    process = run(tmp_path, code, torchaudio=BROKEN["its library can't load"])
    assert process.stderr == ""
    assert process.stdout == ""
