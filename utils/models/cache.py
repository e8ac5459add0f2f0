"""A folder of things made once and kept: written beside their place, then renamed into it, under a lock of files.

So a folder that stands in its place is whole, whatever crashed, and of two processes that start together one works and
the other waits for it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from utils.models.bundled_errors import CacheUnusable

APPLICATION = "speech-to-speech"
FOLDER_VARIABLE = "S2S_CACHE"


def cache_folder() -> Path:
    """$S2S_CACHE, or the user's cache folder of this platform; not created yet."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    user_caches = os.environ.get("XDG_CACHE_HOME")
    if user_caches:
        return Path(user_caches) / APPLICATION
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / APPLICATION


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, filled by `make(empty folder)` unless it stands there already.

    Raises CacheUnusable when it can't be written, and what `make` raises; nothing half made stays in its place.
    """
    target = cache_folder() / name
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f"{name}.lock"):
            if not target.is_dir():
                _make(target, make)
    except (OSError, NotImplementedError) as error:  # filelock's, where a file system knows no locks
        raise CacheUnusable(f"can't write {target} ({error}); set {FOLDER_VARIABLE} to a folder with room") from error
    return target


def _make(target: Path, make: Callable[[Path], None]) -> None:
    """Only under the lock: what an interrupted process left behind is nobody's then, and is swept away."""
    partial = target.parent / f".{target.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        make(partial)
        for file in partial.iterdir():
            _flush_to_disk(file)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _flush_to_disk(file: Path) -> None:
    """After a power cut, a renamed folder may else hold empty files."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
