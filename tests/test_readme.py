"""The README says what is so: its options, its files, its commands, its example of the demo."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from arguments.client_arguments import ClientArguments
from listen_and_play import underscored
from utils.options.parser import option_fields, parse_options
from utils.options.server import all_dataclasses, read_server_options
from utils.readme.parts import with_parts

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKE_TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
ADDRESS = "192.0.2.1"  # for what the reader fills in between angle brackets
HYPOTHETICAL = {"--tts my"}  # the backend that "How to add a stage" would add


def blocks(kind: str) -> list[list[str]]:
    """The lines of each fenced block of this kind: "sh", or "" for none."""
    found: list[list[str]] = []
    fence: str | None = None
    for line in README.splitlines():
        if line.startswith("```"):
            fence = line[3:] if fence is None else None
            if fence == kind:
                found.append([])
        elif fence == kind:
            found[-1].append(line)
    return found


def commands() -> list[str]:
    """The lines of the shell blocks, and the commands among the words in backticks, without their comments."""
    lines = [line.partition("#")[0] for block in blocks("sh") for line in block]
    lines += [code for code in re.findall(r"`([^`\n]+)`", README) if code.startswith(("python ", "make ", "pip "))]
    return sorted({re.sub(r"<[^>]*>", ADDRESS, line).strip() for line in lines} - {""})


def advised_options() -> list[str]:
    """Options by themselves outside their table, with a value or without: `--thresh 0.2`."""
    text = README.partition("<!-- options")[0] + README.partition("<!-- end of options -->")[2]
    return sorted({*re.findall(r"`(--[a-z][^`…*X\n]*)`", text)} - HYPOTHETICAL)


def test_the_parts_that_the_code_writes_are_up_to_date():
    assert with_parts(README) == README, "run python -m utils.readme.parts"


def test_every_folder_and_file_that_the_house_names_is_there():
    house = README.partition("## The house")[2].partition("\nRead `")[0]
    rooms = re.findall(r"^\| (.*?) \|", house, re.MULTILINE)
    named = re.findall(r"`([a-z0-9_./]+)`", "\n".join(rooms))
    assert all((ROOT / name).exists() for name in named), named
    folders = {entry.name + "/" for entry in ROOT.iterdir() if (entry / "__init__.py").exists()}
    assert folders <= set(named)


@pytest.mark.parametrize("command", commands())
def test_every_command_line_is_accepted(command):
    program, *words = shlex.split(command, comments=True)
    if program == "make":
        assert set(words) <= MAKE_TARGETS
    elif program == "pip":
        assert all((ROOT / word).exists() for word in words if word.endswith(".txt"))
    else:
        assert program == "python", command
        accept_python([word for word in words if not word.startswith("[") and "…" not in word and word != "value"])


def accept_python(words: list[str]) -> None:
    if words[0] == "-m":
        module = importlib.import_module(words[1])
        if words[1].startswith("benchmarks."):
            with pytest.raises(SystemExit) as stopped:
                module.main([*words[2:], "--help"])
            assert stopped.value.code == 0
    elif words[0] == "s2s_pipeline.py":
        assert all((ROOT / word).exists() for word in words if word.endswith(".json"))
        read_server_options([str(ROOT / word) if word.endswith(".json") else word for word in words[1:]])
    elif words[0] == "listen_and_play.py":
        parse_options([ClientArguments], list(map(underscored, words[1:])), prog="x", description="")
    else:
        assert (ROOT / words[0]).exists()


@pytest.mark.parametrize("advice", advised_options())
def test_every_option_that_is_advised_is_one(advice):
    name, *value = shlex.split(advice)
    fields = {f"--{field.name}" for cls in [*all_dataclasses(), ClientArguments] for field in option_fields(cls)}
    assert name in fields
    if value and name in {f"--{field.name}" for field in option_fields(ClientArguments)}:
        accept_python(["listen_and_play.py", name, *value])
    elif value:
        accept_python(["s2s_pipeline.py", name, *value])


def test_the_example_of_the_demo_is_what_the_demo_prints():
    """The real demo, run now: the same lines, figures and folder apart."""
    example = next(block for block in blocks("") if block[0].startswith("asking: "))
    ran = subprocess.run([sys.executable, "demo.py"], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr
    assert [figureless(line) for line in ran.stdout.splitlines()] == list(map(figureless, example))


def figureless(line: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "N", re.sub(r"/\S*/out/", "out/", line))


def test_benchmarks_open_with_how_to_run_them():
    for file in (ROOT / "benchmarks").glob("*.py"):
        source = file.read_text(encoding="utf-8")
        if "__main__" in source:
            assert f"python -m benchmarks.{file.stem}" in source.split('"""')[1]


def test_there_is_something_to_hold_it_against():
    assert len(commands()) > 12
    assert len(advised_options()) > 8
