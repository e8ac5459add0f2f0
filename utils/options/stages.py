"""Finds the backends of each part, and turns their options into the arguments of their engines.

The dataclass of a backend, in `arguments/`, has these class variables: `part` ("vad", "stt", "lm" or "tts"), `backend`
(the name that `--stt` and the like choose), `handler` ("module:Class") and `prefix` ("stt_"). `in_pytorch = False`: the
model runs in something else, so it can be loaded beside others and has a thread of its own on MPS, too. There is no
list to edit.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from typing import Any

from utils.options.parser import import_by_name, option_fields

PARTS = ("vad", "stt", "lm", "tts")


def discover_backends(package: str = "arguments") -> dict[str, dict[str, type]]:
    """Part → name of a backend → its dataclass, from all modules of the package."""
    found: dict[str, dict[str, type]] = {part: {} for part in PARTS}
    for module_info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        module = importlib.import_module(f"{package}.{module_info.name}")
        for _, member in inspect.getmembers(module, inspect.isclass):
            own = dataclasses.is_dataclass(member) and member.__module__ == module.__name__
            if own and (backend := getattr(member, "backend", None)):
                found[member.part][backend] = member  # type: ignore[attr-defined]
    return found


def stage_options(arguments: Any) -> dict[str, Any]:
    """The keyword arguments of the engine: the options without their prefix. Generation options, except those that are
    None, are gathered in `gen_kwargs`."""
    prefix = type(arguments).prefix
    options: dict[str, Any] = {}
    generation: dict[str, Any] = {}
    for field in option_fields(type(arguments)):
        name, value = field.name.removeprefix(prefix), getattr(arguments, field.name)
        if name.startswith("gen_"):
            generation[name.removeprefix("gen_")] = value
        else:
            options[name] = value
    if generation or hasattr(arguments, "extra_gen"):
        generation.update(getattr(arguments, "extra_gen", {}))
        options["gen_kwargs"] = {name: value for name, value in generation.items() if value is not None}
    return options


def load_handler(arguments_class: type) -> Any:
    """Import the handler class that a dataclass names."""
    return import_by_name(arguments_class.handler)  # type: ignore[attr-defined]
