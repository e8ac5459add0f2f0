"""From a part's options to its stage: which backends there are, and what their engines are called with.

A backend's dataclass in `arguments/` names itself by class variables: `part` ("vad", "stt", "lm", "tts"), `backend`
(what `--stt …` chooses), `handler` ("module:Class") and `prefix` ("stt_"). There is no registry to edit.
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
    """part → backend → its dataclass, from the package's modules."""
    found: dict[str, dict[str, type]] = {part: {} for part in PARTS}
    for module_info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        module = importlib.import_module(f"{package}.{module_info.name}")
        for _, member in inspect.getmembers(module, inspect.isclass):
            own = dataclasses.is_dataclass(member) and member.__module__ == module.__name__
            if own and (backend := getattr(member, "backend", None)):
                found[member.part][backend] = member  # type: ignore[attr-defined]
    return found


def stage_options(arguments: Any) -> dict[str, Any]:
    """The engine's keyword arguments: names without the part's prefix, `gen_*` folded into `gen_kwargs` (no Nones)."""
    prefix = type(arguments).prefix
    options: dict[str, Any] = {}
    generation: dict[str, Any] = {}
    for field in option_fields(type(arguments)):
        name, value = field.name.removeprefix(prefix), getattr(arguments, field.name)
        if name.startswith("gen_"):
            generation[name.removeprefix("gen_")] = value
        else:
            options[name] = value
    if hasattr(arguments, "extra_gen"):
        generation.update(arguments.extra_gen)
        options["gen_kwargs"] = {name: value for name, value in generation.items() if value is not None}
    return options


def load_handler(arguments_class: type) -> Any:
    """The handler class that a part's dataclass names; imports it."""
    return import_by_name(arguments_class.handler)  # type: ignore[attr-defined]
