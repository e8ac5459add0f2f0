"""Reads and checks the whole command line of the server, before any model loads."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from arguments.server_arguments import ServerArguments
from arguments.socket_arguments import SocketArguments
from utils.options.generation import check_generation_options
from utils.options.parser import (
    HelpAsked,
    OptionError,
    fail,
    help_text,
    option_fields,
    read_options,
    unknown_option,
    values_by_origin,
)
from utils.options.stages import PARTS, discover_backends, stage_options

SWAPPABLE = ("stt", "lm", "tts")  # parts with several backends to choose from
PROG = "s2s_pipeline.py"
DESCRIPTION = "The speech-to-speech server: hears, thinks and answers aloud."


@dataclass(frozen=True)
class ServerOptions:
    """All options of one run."""

    server: ServerArguments
    """The options of the server as a whole."""

    sockets: SocketArguments
    """The options of the two connections."""

    vad: Any
    """The options of voice activity detection: an instance of its dataclass in `arguments/`."""

    stt: Any
    """The options of the chosen speech-to-text backend, likewise."""

    lm: Any
    """The options of the chosen language model backend, likewise."""

    tts: Any
    """The options of the chosen text-to-speech backend, likewise."""

    notes: tuple[str, ...] = ()
    """What of the config file has no effect in this run, a line each, for the log."""


def read_server_options(argv: Sequence[str]) -> ServerOptions:
    """The options of a command line. An error ends the process with one line and status 2, `--help` with status 0."""
    try:
        from_file, typed = values_by_origin(argv, config_file=True)
        return server_options(typed, from_file)
    except HelpAsked:
        print(help_text(all_dataclasses(), prog=PROG, description=DESCRIPTION, config_file=True))
        raise SystemExit(0) from None
    except OptionError as error:
        fail(PROG, str(error))


def server_options(typed: Mapping[str, Any], from_file: Mapping[str, Any] | None = None) -> ServerOptions:
    """The options from raw values. Raises OptionError.

    typed: of the command line, which wins. from_file: of the config file. An option of a backend that was not chosen is
    refused on the command line; in the file it has no effect, so that one file serves for several choices.
    """
    backends = discover_backends()
    kept, dropped = _without_other_models(typed, from_file or {})
    names = {field.name for field in option_fields(ServerArguments)}
    (server,) = read_options([ServerArguments], {n: value for n, value in {**kept, **typed}.items() if n in names})
    chosen = [_choose(backends, part, server) for part in PARTS]
    classes = [ServerArguments, SocketArguments, *chosen]
    skipped = [name for name in kept if name not in typed and _owner(name, classes, backends)]
    values = {**{name: value for name, value in kept.items() if name not in skipped}, **typed}
    _refuse_other_backends(values, classes, backends)
    values |= _implied(values, classes)
    options = ServerOptions(*map(_checked_generation, read_options(classes, values)))
    _refuse_equal_ports(options)
    return replace(options, notes=_notes(dropped, skipped))


def _without_other_models(typed: Mapping[str, Any], from_file: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The file's values without the models of backends that the command line replaces, and the names of what went."""
    usual = {part: getattr(ServerArguments(), part) for part in SWAPPABLE}
    replaced = [part for part in SWAPPABLE if part in typed and typed[part] != from_file.get(part, usual[part])]
    dropped = [name for part in replaced if (name := f"{part}_model_name") in from_file and name not in typed]
    return {name: value for name, value in from_file.items() if name not in dropped}, dropped


def _notes(dropped: Sequence[str], skipped: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if dropped:
        notes.append(f"the config file's {', '.join(dropped)} is for another backend: not used")
    if skipped:
        notes.append(f"the config file has options of backends that are not chosen: {', '.join(skipped)}: not used")
    return tuple(notes)


def all_dataclasses() -> list[type]:
    """All dataclasses of the server's options, with those of every backend."""
    backends = discover_backends()
    return [ServerArguments, SocketArguments, *(cls for part in PARTS for cls in backends[part].values())]


def _implied(values: Mapping[str, Any], classes: Sequence[type]) -> dict[str, bool]:
    """Switches that nobody has set, and that another option sets when it is above 0."""
    switches = {
        f.name: f.metadata["implied_by"] for cls in classes for f in option_fields(cls) if "implied_by" in f.metadata
    }
    return {name: True for name, cause in switches.items() if name not in values and _is_above_0(values.get(cause))}


def _is_above_0(raw: Any) -> bool:
    try:
        return float(raw) > 0
    except (TypeError, ValueError):  # not given; or no number, which is refused later
        return False


def _refuse_equal_ports(options: ServerOptions) -> None:
    sockets, metrics_port = options.sockets, options.server.metrics_port
    ports = {"recv_port": sockets.recv_port, "send_port": sockets.send_port, "metrics_port": metrics_port}
    for (one, port), (other, same) in itertools.combinations(ports.items(), 2):
        if port == same and port:
            raise OptionError(f"--{one} and --{other} must differ, both are {port}")


def _checked_generation(arguments: Any) -> Any:
    """The same options, with `extra_gen` checked and converted to the types that `generate` wants."""
    if not getattr(arguments, "extra_gen", None):
        return arguments
    listed = stage_options(replace(arguments, extra_gen={}))["gen_kwargs"]
    checked = check_generation_options(arguments.gen_prefix, arguments.extra_gen, arguments.generate, listed)
    return replace(arguments, extra_gen=checked)


def _choose(backends: dict[str, dict[str, type]], part: str, server: ServerArguments) -> type:
    if part == "vad":
        return next(iter(backends["vad"].values()))
    name = getattr(server, part)
    if name not in backends[part]:
        raise OptionError(f"--{part} must be one of {', '.join(sorted(backends[part]))}, not {name!r}")
    return backends[part][name]


def _refuse_other_backends(
    values: Mapping[str, Any], classes: Sequence[type], backends: dict[str, dict[str, type]]
) -> None:
    """Refuse options of backends that were not chosen, with a better message than "unknown option"."""
    for name in values:
        if owner := _owner(name, classes, backends):
            raise OptionError(f"--{name} belongs to --{owner}, which is not chosen")
        if not _takes(name, classes):
            raise OptionError(unknown_option(name, classes))


def _owner(name: str, classes: Sequence[type], backends: dict[str, dict[str, type]]) -> str | None:
    """Part and backend ("lm transformers") whose option this is; None where it is one of `classes`, or nobody's."""
    if _takes(name, classes):
        return None
    others = ((part, backend, cls) for part, found in backends.items() for backend, cls in found.items())
    return next((f"{part} {backend}" for part, backend, cls in others if _takes(name, [cls])), None)


def _takes(name: str, classes: Sequence[type]) -> bool:
    """Whether one of these dataclasses has the option."""
    prefixes = tuple(prefix for cls in classes if (prefix := getattr(cls, "gen_prefix", None)))
    return name.startswith(prefixes) or any(field.name == name for cls in classes for field in option_fields(cls))
