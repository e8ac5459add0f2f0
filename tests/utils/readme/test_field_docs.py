"""Fields are documented one by one, and their documentation can be read."""

from __future__ import annotations

import ast
import itertools
from dataclasses import dataclass

import pytest

from tests.markdown_page import ROOT
from utils.readme.field_docs import field_docs, field_types

DOCUMENTED = ("audio", "client", "metrics", "options", "server", "system", "text")  # packages of utils/


@dataclass(frozen=True)
class Sample:
    """A sample."""

    plain: int
    """What it is."""

    long: float | None = None
    """It goes on
    over two lines."""

    bare: str = ""


def test_the_docs_are_the_literals_under_the_fields():
    assert field_docs(Sample) == {"plain": "What it is.", "long": "It goes on over two lines."}


def test_the_types_are_those_of_the_source():
    assert field_types(Sample) == {"plain": "int", "long": "float | None", "bare": "str"}


def undocumented(source: str) -> list[str]:
    """The public fields of dataclasses, and of protocols, that have no literal under them."""
    found = []
    for node in ast.walk(ast.parse(source)):
        heads = "" if not isinstance(node, ast.ClassDef) else ast.unparse([*node.decorator_list, *node.bases])
        if "dataclass" not in heads and "Protocol" not in heads:
            continue
        for field, below in itertools.zip_longest(node.body, node.body[1:]):
            public = isinstance(field, ast.AnnAssign) and not field.target.id.startswith("_")
            if public and not (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)):
                found.append(f"{node.name}.{field.target.id}")
    return found


def test_fields_without_documentation_are_found():
    assert undocumented("@dataclass(frozen=True)\nclass A:\n    x: int\n    'X.'\n    y: int\n") == ["A.y"]
    assert undocumented("class A(Protocol):\n    x: int\n") == ["A.x"]
    assert undocumented("class A:\n    x: int\n") == []


@pytest.mark.parametrize("package", DOCUMENTED)
def test_every_field_of_a_dataclass_is_documented(package):
    missing = {
        file.relative_to(ROOT).as_posix(): names
        for file in sorted((ROOT / "utils" / package).rglob("*.py"))
        if (names := undocumented(file.read_text(encoding="utf-8")))
    }
    assert not missing
