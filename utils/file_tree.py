"""Every file of the project with the line that says what it is, for README.md (`python -m utils.readme_parts`)."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MIRROR = "tests"  # it mirrors the tree: its folders say enough
SAYS_NOTHING_ITSELF = {
    ".ci/run": "what continuous integration runs: what a newcomer would",
    ".gitignore": "what git leaves out",
    "CHANGELOG.md": "what changed from version to version",
    "LICENSE": "Apache-2.0",
    "Makefile": "the commands: make demo, talk, test, check, install",
    "README.md": "this page",
    "configs/bundled.json": "CPU, no model hub: the models that come with the installation",
    "configs/gpu.json": "the recommended usage on a GPU",
    "configs/mac.json": "an Apple GPU",
    "dashboards/speech_to_speech.json": "for Grafana: what a server exports with --metrics_port",
    "docs/timeline.png": "a conversation, drawn by benchmarks/timeline.py",
    "pyproject.toml": "ruff, mypy, pytest; the project itself is run from its folder, not installed",
    "requirements.txt": "the server",
    "requirements-bundled.txt": "the bundled models, pinned by hash",
    "requirements-client.txt": "the client alone",
    "requirements-dev.txt": "tests, linting, types, benchmarks",
    "requirements-piper.txt": "Piper's program (GPL-3.0, optional)",
}


def file_tree() -> str:
    """Text: a line for each file and folder, folders first. KeyError for a file that nothing describes."""
    return "\n".join(_lines(ROOT, 0))


def _lines(folder: Path, depth: int) -> Iterator[str]:
    ignored = [".git", *(ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    entries = [
        entry for entry in folder.iterdir() if not any(fnmatch.fnmatch(entry.name, i.rstrip("/")) for i in ignored)
    ]
    for entry in sorted(entries, key=lambda entry: (entry.is_file(), entry.name)):
        indent = "    " * depth
        if entry.is_file() and entry.name != "__init__.py":
            yield f"{indent}{entry.name:<{36 - len(indent)}} {_description(entry)}"
        elif entry.is_dir():
            yield f"{indent}{entry.name}/"
            if entry.name != MIRROR:
                yield from _lines(entry, depth + 1)


def _description(file: Path) -> str:
    if file.suffix != ".py":
        return SAYS_NOTHING_ITSELF[file.relative_to(ROOT).as_posix()]
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].rstrip(".:")
