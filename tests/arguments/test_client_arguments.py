"""The client's options: their fixed names and defaults, and what is out of range."""

from __future__ import annotations

import dataclasses

import pytest

from arguments.client_arguments import ClientArguments
from utils.options.parser import parse_options

DEFAULTS = {
    "host": "localhost",
    "send_port": 12_345,
    "recv_port": 12_346,
    "send_rate": 16_000,
    "recv_rate": 44_100,
    "list_play_chunk_size": 1_024,
    "input": None,
    "output": None,
    "input_device": None,
    "output_device": None,
    "list_devices": False,
    "mute_while_playing": None,
    "echo_cancellation": "auto",
    "connect_timeout_s": 30.0,
}


def parse(*argv: str) -> ClientArguments:
    (options,) = parse_options([ClientArguments], list(argv), prog="client", description="")
    return options


def test_names_and_defaults_are_those_that_users_know():
    assert dataclasses.asdict(parse()) == DEFAULTS


def test_every_option_has_help():
    assert all(field.metadata["help"] for field in dataclasses.fields(ClientArguments))


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["--host", "box"], "host", "box"),
        (["--input_device", "3"], "input_device", "3"),
        (["--list_devices"], "list_devices", True),
        (["--mute_while_playing", "false"], "mute_while_playing", False),
        (["--connect_timeout_s", "0.5"], "connect_timeout_s", 0.5),
    ],
)
def test_values_are_read(argv, name, value):
    assert getattr(parse(*argv), name) == value


@pytest.mark.parametrize(
    "argv",
    [
        ["--send_port", "0"],
        ["--recv_port", "65536"],
        ["--send_rate", "1"],
        ["--recv_rate", "1000000"],
        ["--list_play_chunk_size", "0"],
        ["--connect_timeout_s", "-1"],
        ["--volume", "11"],
    ],
)
def test_what_can_not_be_used_is_one_line_and_status_2(argv, capsys):
    with pytest.raises(SystemExit) as exit_:
        parse(*argv)
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert argv[0] in error
