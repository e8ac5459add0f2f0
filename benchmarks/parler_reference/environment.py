"""Where the Parler-TTS library lies that others are compared with, and how it is put there.

python -m benchmarks.parler_reference.environment      makes it (`make reference` calls this), or leaves it as it is
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".reference"
REQUIREMENTS = ROOT / "requirements-reference.txt"
NEWEST_PYTHON = (3, 13)
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", "--no-deps", "--no-compile")


class ReferenceMissing(RuntimeError):
    """The library is not there; the message is one line that says what to do."""


def why_not(version: tuple[int, int] = sys.version_info[:2]) -> str | None:
    """Why no library can run under a Python of this version, or None where it can."""
    if version <= NEWEST_PYTHON:
        return None
    return f"the Parler-TTS library runs under Python 3.11-3.13, and this is {version[0]}.{version[1]}"


def missing(folder: Path = FOLDER) -> str | None:
    """What to do where the library is not there, or was made of other requirements; else None."""
    return None if _is_made(folder) else "the Parler-TTS library to compare with is missing: run make reference"


def require(folder: Path = FOLDER) -> Path:
    """The folder of the library. Raises ReferenceMissing where it is missing or can't run."""
    if reason := why_not() or missing(folder):
        raise ReferenceMissing(reason)
    return folder


def make(folder: Path = FOLDER) -> Path:
    """The folder of the library, which is made where it is missing: 60 MB. Raises ReferenceMissing where it fails."""
    if reason := why_not():
        raise ReferenceMissing(reason)
    if _is_made(folder):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, *PIP, "--target", str(folder), "-r", str(REQUIREMENTS)]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    if ran.returncode:
        raise ReferenceMissing(f"the Parler-TTS library can't be installed: pip ended with status {ran.returncode}")
    _stamp(folder).write_text(REQUIREMENTS.read_text("utf-8"), "utf-8")
    return folder


def in_ci() -> bool:
    """Whether this is a continuous integration's run, in which nothing may be left out."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def _stamp(folder: Path) -> Path:
    return folder / ".made"


def _is_made(folder: Path) -> bool:
    stamp = _stamp(folder)
    return stamp.is_file() and stamp.read_text("utf-8") == REQUIREMENTS.read_text("utf-8")


def main() -> int:
    """Returns 0, also under a Python that can't run it, or 1 where it can't be made."""
    if reason := why_not():
        print(f"make reference: nothing is made: {reason}", file=sys.stderr)
        return 0
    try:
        make()
    except ReferenceMissing as error:
        print(f"make reference: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
