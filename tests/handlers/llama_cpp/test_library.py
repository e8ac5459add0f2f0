"""The declarations of llama.cpp's C API are those of the release that is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from types import SimpleNamespace

import pytest

from handlers.llama_cpp import library
from handlers.llama_cpp.library import RELEASE, WHEEL, Library, load_library
from utils.models.load_errors import UnusableModel
from utils.system.local_server import ROOT


@pytest.fixture
def unloaded():
    load_library.cache_clear()
    yield
    load_library.cache_clear()


def test_the_defaults_are_where_they_are_declared():
    """A field that is missing or too many would move all that follow."""
    model = load_library().c.llama_model_default_params()
    assert (model.n_gpu_layers, model.split_mode, model.load_mode, model.main_gpu) == (-1, 1, -1, 0)
    assert (model.vocab_only, model.check_tensors, model.use_extra_bufts) == (False, False, True)
    assert (model.no_host, model.no_alloc, model.load_mtp) == (False, False, False)
    context = load_library().c.llama_context_default_params()
    assert (context.n_ctx, context.n_batch, context.n_ubatch, context.n_seq_max) == (512, 2048, 512, 1)
    assert (context.rope_freq_scale, context.yarn_ext_factor, context.defrag_thold) == (0.0, -1.0, -1.0)
    assert (context.type_k, context.type_v, context.embeddings, context.no_perf) == (1, 1, False, True)
    assert (context.offload_kqv, context.swa_full, context.kv_unified) == (True, True, False)
    assert (context.samplers, context.n_samplers, context.ctx_other) == (None, 0, None)


def test_the_release_is_the_one_of_the_requirements():
    assert f"{WHEEL}=={RELEASE}" in (ROOT / "requirements.txt").read_text().splitlines()


def test_without_the_wheel_it_is_one_line(unloaded, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnusableModel, match=r"^the package xllamacpp is not installed: pip install -r requirements"):
        load_library()


def test_another_release_is_one_line(unloaded, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2026.1.1")
    with pytest.raises(UnusableModel, match=rf"^xllamacpp 2026\.1\.1 is installed, and {RELEASE} is needed"):
        load_library()


def test_a_library_that_does_not_load_is_one_line(unloaded, monkeypatch):
    def fail(path: str) -> None:
        raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(library.ctypes, "CDLL", fail)
    with pytest.raises(UnusableModel, match=r"can't be loaded: libgomp.*; on Debian and Ubuntu: apt install libgomp1$"):
        load_library()


def test_a_library_without_the_c_functions_is_one_line(unloaded, monkeypatch):
    monkeypatch.setattr(library.ctypes, "CDLL", lambda path: SimpleNamespace())
    with pytest.raises(UnusableModel, match=r"^this system's xllamacpp does not give access to llama\.cpp"):
        load_library()


def test_errors_are_kept_until_they_are_taken():
    loaded: Library = load_library()
    loaded.take_errors()
    for level, text in ((2, b"loading\n"), (4, b"bad: \xff\n"), (5, b"more"), (4, b"\n")):
        loaded._log(level, text, None)
    assert loaded.take_errors() == ["bad: \ufffd"]
    assert loaded.take_errors() == []
