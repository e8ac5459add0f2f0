"""Caches of bundled models for the tests of this folder: one freshly converted, and an empty one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from utils.models.bundled import resolve_model


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache with both models freshly converted, whatever the cache in use holds."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2S_CACHE", str(folder))
        resolve_model("bundled:whisper-tiny.en")
        resolve_model("bundled:smollm2-135m-instruct")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def cache(converted, monkeypatch) -> Path:
    monkeypatch.setenv("S2S_CACHE", str(converted))
    return converted


@pytest.fixture
def empty_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("S2S_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
