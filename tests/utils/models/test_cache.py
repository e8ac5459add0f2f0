"""The cache of converted models: made once, whole or not at all, whoever starts together with whom."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from utils.models import cache as model_cache
from utils.models.bundled_errors import CacheUnusable
from utils.models.cache import cache_folder, made_once

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("S2S_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write_model(folder: Path) -> None:
    assert not list(folder.iterdir()), "an empty folder to begin with"
    (folder / "model").write_text("whole")


def never(folder: Path) -> None:
    pytest.fail(f"{folder} made again")


def start(code: str, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "S2S_CACHE": str(cache)},
    )


@pytest.mark.parametrize(
    ("variables", "platform", "expected"),
    [
        ({"S2S_CACHE": "/chosen", "XDG_CACHE_HOME": "/xdg"}, "linux", "/chosen"),
        ({"S2S_CACHE": "~/chosen"}, "linux", "/home/jo/chosen"),
        ({"S2S_CACHE": "", "XDG_CACHE_HOME": "/xdg"}, "linux", "/xdg/speech-to-speech"),
        ({"XDG_CACHE_HOME": "/xdg"}, "darwin", "/xdg/speech-to-speech"),
        ({"XDG_CACHE_HOME": ""}, "linux", "/home/jo/.cache/speech-to-speech"),
        ({}, "linux", "/home/jo/.cache/speech-to-speech"),
        ({}, "darwin", "/home/jo/Library/Caches/speech-to-speech"),
    ],
)
def test_where_the_cache_is(variables, platform, expected, monkeypatch):
    for name in ("S2S_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/jo", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(model_cache.sys, "platform", platform)
    assert cache_folder() == Path(expected)


def test_made_the_first_time_and_found_the_second(cache):
    assert made_once("m-v1", write_model) == made_once("m-v1", never) == cache / "m-v1"
    assert (cache / "m-v1" / "model").read_text() == "whole"


def test_a_newer_conversion_is_another_folder(cache):
    assert made_once("m-v1", write_model) != made_once("m-v2", write_model)


def test_what_an_interrupted_conversion_left_behind_is_not_taken_for_a_model(cache):
    leftover = cache / ".m-v1.partial"
    leftover.mkdir(parents=True)
    (leftover / "model").write_text("ha")
    assert (made_once("m-v1", write_model) / "model").read_text() == "whole"
    assert not leftover.exists()


def test_a_conversion_that_fails_leaves_nothing(cache):
    def fail(folder: Path) -> None:
        write_model(folder)
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        made_once("m-v1", fail)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []
    assert made_once("m-v1", write_model).is_dir()


def test_a_process_that_dies_half_way_leaves_the_work_to_the_next(cache):
    dies = """
import os
from utils.models.cache import made_once
def make(folder):
    (folder / "model").write_text("ha")
    os._exit(9)
made_once("m-v1", make)
"""
    process = start(dies, cache)
    process.communicate()
    assert process.returncode == 9
    assert not (cache / "m-v1").exists()
    assert (made_once("m-v1", write_model) / "model").read_text() == "whole"


def test_a_second_process_finds_it_locked_waits_and_makes_nothing(cache):
    first = start(
        """
from utils.models.cache import made_once
def make(folder):
    print("making", flush=True)
    input()
    (folder / "model").write_text("whole")
made_once("m-v1", make)
""",
        cache,
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "making\n"
    second = start(
        """
import filelock
from utils.models.cache import cache_folder, made_once
try:
    filelock.FileLock(cache_folder() / "m-v1.lock").acquire(blocking=False)
except filelock.Timeout:
    print("locked", flush=True)
print((made_once("m-v1", lambda folder: print("made again")) / "model").read_text())
""",
        cache,
    )
    assert second.stdout is not None
    assert second.stdout.readline() == "locked\n"
    first.communicate("\n")
    assert (second.communicate()[0], first.returncode, second.returncode) == ("whole\n", 0, 0)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), NotImplementedError("no locks")])
def test_a_cache_that_cannot_be_written_is_one_line_with_the_way_out(cache, error):
    def fail(folder: Path) -> None:
        raise error

    with pytest.raises(CacheUnusable, match=f"{cache}.*set S2S_CACHE") as caught:
        made_once("m-v1", fail)
    assert "\n" not in str(caught.value)


def test_a_cache_below_a_file_is_no_cache(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("S2S_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(CacheUnusable):
        made_once("m-v1", never)
