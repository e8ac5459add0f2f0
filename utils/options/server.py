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
    command_line_values,
    fail,
    help_text,
    option_fields,
    read_options,
    unknown_option,
)
from utils.options.stages import PARTS, discover_backends, stage_options

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


def read_server_options(argv: Sequence[str]) -> ServerOptions:
    """The options of a command line. An error ends the process with one line and status 2, `--help` with status 0."""
    try:
        return server_options(command_line_values(argv, config_file=True))
    except HelpAsked:
        print(help_text(all_dataclasses(), prog=PROG, description=DESCRIPTION, config_file=True))
        raise SystemExit(0) from None
    except OptionError as error:
        fail(PROG, str(error))


def server_options(values: Mapping[str, Any]) -> ServerOptions:
    """The options from raw values. Raises OptionError."""
    names = {field.name for field in option_fields(ServerArguments)}
    (server,) = read_options([ServerArguments], {name: value for name, value in values.items() if name in names})
    backends = discover_backends()
    chosen = [_choose(backends, part, server) for part in PARTS]
    classes = [ServerArguments, SocketArguments, *chosen]
    _refuse_other_backends(values, classes, backends)
    options = ServerOptions(*map(_checked_generation, read_options(classes, values)))
    _refuse_equal_ports(options)
    return options


def all_dataclasses() -> list[type]:
    """All dataclasses of the server's options, with those of every backend."""
    backends = discover_backends()
    return [ServerArguments, SocketArguments, *(cls for part in PARTS for cls in backends[part].values())]


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
    known = {field.name for cls in classes for field in option_fields(cls)}
    prefixes = tuple(prefix for cls in classes if (prefix := getattr(cls, "gen_prefix", None)))
    for name in values:
        if name in known or (prefixes and name.startswith(prefixes)):
            continue
        for part, others in backends.items():
            for backend, cls in others.items():
                gen_prefix = getattr(cls, "gen_prefix", None)
                own = any(field.name == name for field in option_fields(cls))
                if own or (gen_prefix and name.startswith(gen_prefix)):
                    raise OptionError(f"--{name} belongs to --{part} {backend}, which is not chosen")
        raise OptionError(unknown_option(name, classes))
