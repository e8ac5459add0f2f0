"""Lets `parler_tts` be imported without audiotools and argbind, which read files and options that nothing here has.

descript's package only takes classes of audiotools as bases and decorators of argbind. So stand-ins give any class that
is asked for, and decorators that change nothing.
"""

from __future__ import annotations

import importlib
import logging
import sys
import types
import warnings
from typing import Any

import torch


class _Classes(types.ModuleType):
    """A module that has every class by any name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _module_class(name)


def _module_class(name: str) -> type:
    return type(name, (torch.nn.Module,), {"INTERN": [], "EXTERN": []})


def import_parler_tts() -> Any:
    """The module `parler_tts`."""
    audiotools, layers, argbind = _Classes("audiotools"), _Classes("audiotools.ml"), types.ModuleType("argbind")
    layers.BaseModel = _module_class("BaseModel")  # type: ignore[attr-defined]
    audiotools.ml = layers  # type: ignore[attr-defined]
    argbind.bind = lambda *names, **options: lambda function: function  # type: ignore[attr-defined]
    argbind.bind_module = lambda module, *names, **options: module  # type: ignore[attr-defined]
    sys.modules |= {"audiotools": audiotools, "audiotools.ml": layers, "argbind": argbind}
    warnings.simplefilter("ignore")  # of names that torch and Python have deprecated since
    logging.getLogger("parler_tts.modeling_parler_tts").setLevel(logging.ERROR)  # it misses flash attention
    return importlib.import_module("parler_tts")
