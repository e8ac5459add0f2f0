"""The README and docs/ say what is so: their commands, options, files, links and tables, and the demo's example."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
import sys

import pytest

from arguments.client_arguments import ClientArguments
from listen_and_play import underscored
from tests.markdown_page import ROOT, Page, pages
from utils.options.parser import option_fields, parse_options
from utils.options.server import all_dataclasses, read_server_options
from utils.readme.parts import PARTS, with_parts

MOST_BYTES = 15_000  # of the README
README = Page(ROOT / "README.md")
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
BENCHMARKS = [file for file in sorted((ROOT / "benchmarks").glob("*.py")) if "__main__" in file.read_text("utf-8")]
FOLDERS = ("", "docs", "handlers", "utils", "configs")  # that the name of a file may leave out
PLACEHOLDERS = {"config.json"}  # files of the reader or of a model
CLIENT = {f"--{field.name}" for field in option_fields(ClientArguments)}
SERVER = {f"--{field.name}" for cls in all_dataclasses() for field in option_fields(cls)}


def each(what: str) -> list[object]:
    """(page, item) for each item of each page, as parameters of a test."""
    return [pytest.param(page, item, id=f"{page.name}: {item}") for page in pages() for item in getattr(page, what)()]


def own(word: str) -> bool:
    """Whether a name is one that the reader makes up: `--tts my`, `handlers/my_tts/`."""
    return any(re.match(r"my([_-]|$)", part) for part in re.split(r"[ /]", word))


@pytest.fixture(params=pages(), ids=lambda page: page.name)
def page(request) -> Page:
    return request.param


def test_the_readme_is_short():
    assert len(README.text.encode()) <= MOST_BYTES


@pytest.mark.parametrize("name", PARTS)
def test_the_parts_that_the_code_writes_are_up_to_date(name):
    text = Page(ROOT / name).text
    assert with_parts(name, text) == text, "run python -m utils.readme.parts"


def test_every_folder_of_the_project_is_in_the_house():
    house = README.text.partition("## The house")[2].partition("\n## ")[0]
    rooms = re.findall(r"^\| (.*?) \|", house, re.MULTILINE)
    named = re.findall(r"`([a-z0-9_./]+)`", "\n".join(rooms))
    assert all((ROOT / name).exists() for name in named), named
    assert {entry.name + "/" for entry in ROOT.iterdir() if (entry / "__init__.py").exists()} <= set(named)


def test_the_readme_leads_to_every_page():
    assert {page.name for page in pages()[1:]} <= set(README.links())


def test_no_page_has_placeholders(page):
    assert not re.search(r"\b(TODO|TBD|FIXME|XXX)\b", page.text)


def test_tables_have_the_same_cells_in_each_row(page):
    for table in page.tables():
        assert len(set(table)) == 1, table


@pytest.mark.parametrize(("page", "link"), each("links"))
def test_every_link_leads_somewhere(page, link):
    if re.match(r"https://", link):
        return
    path, _, anchor = link.partition("#")
    target = Page((page.path.parent / path).resolve() if path else page.path)
    assert target.path.exists()
    assert not anchor or anchor in target.anchors()


@pytest.mark.parametrize(("page", "name"), each("files"))
def test_every_file_that_is_named_is_there(page, name):
    if name not in PLACEHOLDERS and not own(name):
        assert any((ROOT / folder / name).exists() for folder in FOLDERS)


@pytest.mark.parametrize(("page", "command"), each("commands"))
def test_every_command_line_is_accepted(page, command):
    program, *words = shlex.split(command, comments=True)
    if program == "make":
        assert {word for word in words if "=" not in word} <= MAKE_TARGETS
    elif program == "pip":
        assert all((ROOT / word).exists() for word in words if word.endswith(".txt"))
    elif not own(command):
        assert program == "python", command
        accept_python([word for word in words if not word.startswith("[") and "…" not in word and word != "value"])


def accept_python(words: list[str]) -> None:
    if words[0] == "-m":
        module = importlib.import_module(words[1])
        if words[1].startswith("benchmarks."):
            with pytest.raises(SystemExit) as stopped:
                module.main([*words[2:], "--help"])
            assert stopped.value.code == 0
        return
    assert (ROOT / words[0]).exists()
    try:
        if words[0] == "s2s_pipeline.py":
            files = [word for word in words if word.endswith(".json")]
            assert all((ROOT / file).exists() for file in files)
            read_server_options([str(ROOT / word) if word in files else word for word in words[1:]])
        elif words[0] == "listen_and_play.py":
            parse_options([ClientArguments], list(map(underscored, words[1:])), prog="x", description="")
    except SystemExit as stopped:
        if stopped.code:  # 0: --help
            pytest.fail(f"refused: {words}")


@pytest.mark.parametrize(("page", "advice"), each("options"))
def test_every_option_that_is_advised_is_one(page, advice):
    name, *value = shlex.split(advice)
    if name == "--help":
        return
    assert name in SERVER | CLIENT or re.match(r"--(stt|lm|tts)_gen_", name)
    if not own(advice) and (value or name not in SERVER | CLIENT):
        accept_python(["listen_and_play.py" if name in CLIENT else "s2s_pipeline.py", *shlex.split(advice)])


def test_every_option_that_a_help_names_is_one():
    for cls in [*all_dataclasses(), ClientArguments]:
        for field in option_fields(cls):
            assert set(re.findall(r"--[a-z_]+", field.metadata["help"])) <= SERVER | CLIENT, field.name


def test_python_examples_import_what_there_is(page):
    for block in page.blocks("python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module or "")
                assert all(hasattr(module, alias.name) for alias in node.names), node.module


def test_the_example_of_the_demo_is_what_the_demo_prints():
    """The real demo, run now: the same lines, figures and folder apart."""
    example = next(block for block in README.blocks("") if block.startswith("asking: "))
    ran = subprocess.run([sys.executable, "demo.py"], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr
    assert [figureless(line) for line in ran.stdout.splitlines()] == list(map(figureless, example.splitlines()))


def figureless(line: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "N", re.sub(r"/\S*/out/", "out/", line))


@pytest.mark.parametrize("file", BENCHMARKS, ids=lambda file: file.stem)
def test_benchmarks_open_with_how_to_run_them_and_are_described(file):
    command = f"python -m benchmarks.{file.stem}"
    assert command in file.read_text(encoding="utf-8").split('"""')[1]
    assert any(line.startswith(command) for line in Page(ROOT / "docs" / "benchmarks.md").commands())


def test_there_is_something_to_hold_the_pages_against():
    assert len(each("commands")) > 30
    assert len(each("options")) > 30
    assert len(each("links")) > 30
    assert len(each("files")) > 20
