"""Reads the documentation of a class's fields: the string literal that stands under each of them."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap


def field_docs(cls: type) -> dict[str, str]:
    """Name of a field → its documentation as one line of text. A field without one is left out."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    found: dict[str, str] = {}
    for field, below in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and (text := _text(below)):
            found[field.target.id] = text
    return found


def field_types(cls: type) -> dict[str, str]:
    """Name of an annotated field → its type, as the source has it."""
    return {name: str(kind) for name, kind in inspect.get_annotations(cls).items()}


def _text(node: ast.stmt) -> str | None:
    """The text of a statement that is a string literal and nothing else, on one line."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return None
