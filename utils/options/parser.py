"""Reads options from dataclasses. Their fields are the options; defaults and helps are written nowhere else.

    @dataclass(frozen=True)
    class ServerArguments:
        "Server"                                    # the first line heads the group in --help
        log_level: str = field(default="info", metadata={"help": "…", "choices": ("debug", "info")})

The metadata of a field may have: help, choices, min, max, exclusive_min, exclusive_max, pattern (a regular expression
for the whole text), pattern_help (what the pattern means, in words), refused (a value that existed once → what to use
instead), implied_by (the option that sets this switch when it is above 0, see `utils/options/server.py`) and option
(False: the field is no option).

The type of a field is str, int, float or bool, or one of these `| None`. Values come from a JSON file and from the
command line, which wins. Every error is one line and exit status 2.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import json
import math
import re
import sys
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, NoReturn

NONE_WORDS = ("none", "null")
TRUE_WORDS = ("true", "yes", "on", "1")
FALSE_WORDS = ("false", "no", "off", "0")


class OptionError(ValueError):
    """An option can't be used. The message is one line."""


class HelpAsked(Exception):
    """The command line has `--help`."""


def parse_options(
    dataclasses_: Sequence[type], argv: Sequence[str], *, prog: str, description: str, config_file: bool = False
) -> tuple[Any, ...]:
    """One instance of each dataclass. An error ends the process with one line and status 2, `--help` with status 0."""
    try:
        values = command_line_values(argv, config_file)
        return read_options(dataclasses_, values)
    except HelpAsked:
        print(help_text(dataclasses_, prog=prog, description=description, config_file=config_file))
        sys.exit(0)
    except OptionError as error:
        fail(prog, str(error))


def fail(prog: str, message: str) -> NoReturn:
    """End the process with one line on stderr and exit status 2."""
    print(f"{prog}: error: {message}", file=sys.stderr)
    sys.exit(2)


def command_line_values(argv: Sequence[str], config_file: bool) -> dict[str, Any]:
    """Option name → raw value. The command line wins over the file. Raises OptionError, HelpAsked."""
    from_file, typed = values_by_origin(argv, config_file)
    return from_file | typed


def values_by_origin(argv: Sequence[str], config_file: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Option name → raw value, of the file and of the command line itself. Raises OptionError, HelpAsked."""
    words = list(argv)
    if any(word in ("-h", "--help") for word in words):
        raise HelpAsked
    from_file: dict[str, Any] = {}
    values: dict[str, Any] = {}
    if config_file and words and words[0] and not words[0].startswith("-"):
        from_file = read_config(words.pop(0))
    while words:
        word = words.pop(0)
        if not word.startswith("--") or word == "--":
            raise OptionError(f"unexpected argument {word!r}: options begin with --")
        name, equals, value = word[2:].partition("=")
        if not equals:
            bare = not words or _is_option(words[0])
            values[name] = True if bare else words.pop(0)  # only a bool may stand bare; others refuse True
        else:
            values[name] = value
    return from_file, values


def _is_option(word: str) -> bool:
    return word.startswith("--") and len(word) > 2 and not word[2].isdigit()


def read_config(path: str) -> dict[str, Any]:
    """Read a JSON object of option → value. Raises OptionError."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the config file {path} can't be read: {getattr(error, 'strerror', error)}") from error
    try:
        values = json.loads(text, parse_constant=str)
    except json.JSONDecodeError as error:
        raise OptionError(f"the config file {path} is no valid JSON, line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:  # Python's own limits on digits and on depth
        what = "too deep" if isinstance(error, RecursionError) else "a number in it is too long"
        raise OptionError(f"the config file {path} is no valid JSON, {what}") from error
    if not isinstance(values, dict):
        raise OptionError(f"the config file {path} must hold an object of options, not a {type(values).__name__}")
    return values


def read_options(dataclasses_: Sequence[type], values: Mapping[str, Any]) -> tuple[Any, ...]:
    """One instance of each dataclass, from raw values. Raises OptionError, also for an option that none of them has.

    A dataclass with a ClassVar `gen_prefix` ("stt_gen_") takes every other option with that prefix into its field
    `extra_gen`, a dict. There a value is read as JSON if it is valid JSON, and else it is text.
    """
    left = dict(values)
    instances = []
    for dataclass in dataclasses_:
        given: dict[str, Any] = {}
        for field in option_fields(dataclass):
            if field.name in left:
                given[field.name] = convert(dataclass, field, left.pop(field.name))
        prefix = getattr(dataclass, "gen_prefix", None)
        if prefix:
            given["extra_gen"] = {
                name.removeprefix(prefix): _json_or_text(left.pop(name))
                for name in list(left)
                if name.startswith(prefix) and name != prefix
            }
        instances.append(dataclass(**given))
    if left:
        raise OptionError(unknown_option(next(iter(left)), dataclasses_))
    return tuple(instances)


def unknown_option(name: str, dataclasses_: Sequence[type]) -> str:
    """The message for an option that does not exist."""
    known = [field.name for dataclass in dataclasses_ for field in option_fields(dataclass)]
    close = difflib.get_close_matches(name, known, 1)
    return f"unknown option --{name}" + (f" (did you mean --{close[0]}?)" if close else "")


def option_fields(dataclass: type) -> list[dataclasses.Field[Any]]:
    """The fields that are options: those of the class itself, then those that it inherits."""
    own = inspect.get_annotations(dataclass)
    options = [field for field in dataclasses.fields(dataclass) if field.metadata.get("option", True)]
    return sorted(options, key=lambda field: field.name not in own)


def convert(dataclass: type, field: dataclasses.Field[Any], raw: Any) -> Any:
    """Convert a raw value (text, or anything from JSON) to the type of the field. Raises OptionError."""
    kind, optional = field_type(dataclass, field)
    if raw is None or (isinstance(raw, str) and raw.lower() in NONE_WORDS):
        if optional:
            return None
        if kind is not str or raw is None:
            raise OptionError(f"--{field.name} needs {_kind(kind)}, not {raw!r}")
    return check_value(field.name, kind, field.metadata, raw)


def check_value(name: str, kind: type, limits: Mapping[str, Any], raw: Any) -> Any:
    """Convert a raw value to `kind`. limits: the metadata of a field. Raises OptionError, which names the option."""
    if raw is True and kind is not bool:
        raise OptionError(f"--{name} needs a value")
    value = _typed(name, kind, raw)
    _check_range(name, limits, value)
    return value


def field_type(dataclass: type, field: dataclasses.Field[Any]) -> tuple[type, bool]:
    """The type of a field (str, int, float or bool), and whether None is allowed."""
    hint = typing.get_type_hints(dataclass)[field.name]
    if isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union:
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return kinds[0], True
    return hint, False


def _typed(name: str, kind: type, raw: Any) -> Any:
    problem = OptionError(f"--{name} needs {_kind(kind)}, not {raw!r}")
    if kind is bool:
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and raw.lower() in TRUE_WORDS + FALSE_WORDS:
            return raw.lower() in TRUE_WORDS
        raise problem
    if isinstance(raw, (bool, list, dict)):
        raise problem
    if kind is str:
        if not isinstance(raw, str):
            raise problem
        return raw
    try:
        value = int(str(raw), 10) if kind is int else float(raw)
    except (ValueError, OverflowError):
        raise problem from None
    if isinstance(value, float) and math.isnan(value):
        raise problem
    return value


def _check_range(name: str, limits: Mapping[str, Any], value: Any) -> None:
    if reason := limits.get("refused", {}).get(value):
        raise OptionError(f"--{name} {value}: {reason}")
    choices = limits.get("choices")
    if choices is not None and value not in choices:
        named = ", ".join("none" if choice is None else str(choice) for choice in choices)
        raise OptionError(f"--{name} must be one of {named}, not {value!r}")
    if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
        raise OptionError(f"--{name} must be {limits['pattern_help']}, not {value!r}")
    for limit, bad, words in (
        ("min", lambda bound: value < bound, "at least"),
        ("exclusive_min", lambda bound: value <= bound, "more than"),
        ("max", lambda bound: value > bound, "at most"),
        ("exclusive_max", lambda bound: value >= bound, "less than"),
    ):
        if limit in limits and bad(limits[limit]):
            raise OptionError(f"--{name} must be {words} {limits[limit]}, not {value}")


def _kind(kind: type) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[kind]


def _json_or_text(raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw
    words = {"none": None, "true": True, "false": False}
    if raw.lower() in words:
        return words[raw.lower()]
    try:
        return json.loads(raw, parse_constant=str)
    except (ValueError, RecursionError):
        return raw


def help_text(dataclasses_: Sequence[type], *, prog: str, description: str, config_file: bool) -> str:
    """The text of `--help`: every option with its default and its help, grouped by dataclass."""
    config = " [config.json]" if config_file else ""
    lines = [f"usage: {prog}{config} [--option value …]", "", description]
    for dataclass in dataclasses_:
        lines += ["", (dataclass.__doc__ or dataclass.__name__).splitlines()[0].rstrip(".") + ":"]
        for field in option_fields(dataclass):
            lines.append(f"  --{field.name} {default_text(field)}")
            lines.append(f"        {field.metadata.get('help', '')}")
        if prefix := getattr(dataclass, "gen_prefix", None):
            lines += [f"  --{prefix}X", "        any other option X of the model's generate()"]
    return "\n".join(lines)


def default_text(field: dataclasses.Field[Any]) -> str:
    """The default as a user would type it."""
    value = field.default
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) and " " in value else str(value)


def import_by_name(name: str) -> Any:
    """The object that `package.module:Name` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
