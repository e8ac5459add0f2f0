"""Options from dataclasses, files and the command line."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.options.parser import (
    OptionError,
    command_line_values,
    default_text,
    help_text,
    option_fields,
    parse_options,
    read_config,
    read_options,
)


@dataclass(frozen=True)
class Sample:
    """Sample options."""

    gen_prefix: ClassVar[str] = "gen_"

    text: str = field(default="a b", metadata={"help": "A text."})
    maybe: str | None = field(default=None, metadata={"help": "Perhaps a text.", "choices": (None, "x", "y")})
    whole: int = field(default=3, metadata={"help": "A whole number.", "min": -5, "max": 1000})
    number: float = field(default=math.inf, metadata={"help": "A number.", "exclusive_min": 0.0})
    flag: bool = field(default=False, metadata={"help": "A flag."})
    place: str | None = field(
        default=None,
        metadata={"help": "A place.", "pattern": r"cpu|cuda(:\d+)?", "pattern_help": "cpu, cuda or cuda:N"},
    )
    gen_listed: int = field(default=1, metadata={"help": "A listed generation option."})
    extra_gen: dict[str, Any] = field(default_factory=dict, metadata={"option": False})


def read(*argv: str, config: bool = False) -> Sample:
    return read_options([Sample], command_line_values(argv, config))[0]


def test_defaults():
    assert read() == Sample()


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["--text", "c d"], "text", "c d"),
        (["--text=--x=y"], "text", "--x=y"),
        (["--text", "none"], "text", "none"),
        (["--maybe", "x"], "maybe", "x"),
        (["--maybe", "none"], "maybe", None),
        (["--whole", "-5"], "whole", -5),
        (["--number", "1e3"], "number", 1000.0),
        (["--number", "inf"], "number", math.inf),
        (["--flag"], "flag", True),
        (["--flag", "--whole", "4"], "flag", True),
        (["--flag", "false"], "flag", False),
        (["--flag", "Yes"], "flag", True),
        (["--place", "cuda:1"], "place", "cuda:1"),
        (["--place", "none"], "place", None),
        (["--gen_listed", "7"], "gen_listed", 7),
        (["--gen_top_k", "5"], "extra_gen", {"top_k": 5}),
        (["--gen_temperature", "-0.5"], "extra_gen", {"temperature": -0.5}),
        (["--gen_ids", "[1, 2]"], "extra_gen", {"ids": [1, 2]}),
        (["--gen_early", "True"], "extra_gen", {"early": True}),
        (["--gen_none", "none"], "extra_gen", {"none": None}),
        (["--gen_word", "never"], "extra_gen", {"word": "never"}),
        (["--gen_nan", "NaN"], "extra_gen", {"nan": "NaN"}),
        (["--gen_deep", "[" * 100_000], "extra_gen", {"deep": "[" * 100_000}),
        (["--whole", "1", "--whole", "2"], "whole", 2),
    ],
)
def test_values(argv, name, value):
    assert getattr(read(*argv), name) == value


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--txt", "a"], "unknown option --txt (did you mean --text?)"),
        (["--zzzzzz", "a"], "unknown option --zzzzzz"),
        (["--tex", "a"], "unknown option --tex (did you mean --text?)"),
        (["--extra_gen", "{}"], "unknown option --extra_gen"),
        (["--text"], "--text needs a value"),
        (["--whole", "--text", "a"], "--whole needs a value"),
        (["--whole", "1.5"], "--whole needs a whole number, not '1.5'"),
        (["--whole", "none"], "--whole needs a whole number, not 'none'"),
        (["--whole", "-6"], "--whole must be at least -5, not -6"),
        (["--whole", "1001"], "--whole must be at most 1000, not 1001"),
        (["--number", "0"], "--number must be more than 0.0, not 0.0"),
        (["--number", "nan"], "--number needs a number, not 'nan'"),
        (["--flag", "maybe"], "--flag needs true or false, not 'maybe'"),
        (["--maybe", "z"], "--maybe must be one of none, x, y, not 'z'"),
        (["--place", "cuda:x"], "--place must be cpu, cuda or cuda:N, not 'cuda:x'"),
        (["--place", "my cpu"], "--place must be cpu, cuda or cuda:N, not 'my cpu'"),
        (["--place="], "--place must be cpu, cuda or cuda:N, not ''"),
        (["stray"], "unexpected argument 'stray': options begin with --"),
        (["--text", "a", "b"], "unexpected argument 'b': options begin with --"),
        (["-x"], "unexpected argument '-x': options begin with --"),
    ],
)
def test_mistakes_are_one_line_and_status_2(argv, line, capsys):
    with pytest.raises(OptionError) as error:
        read(*argv)
    assert str(error.value) == line
    with pytest.raises(SystemExit) as end:
        parse_options([Sample], argv, prog="p.py", description="")
    assert end.value.code == 2
    assert capsys.readouterr().err == f"p.py: error: {error.value}\n"


def test_the_command_line_wins_over_the_file(tmp_path):
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"whole": 4, "text": "file", "flag": True, "maybe": None, "gen_x": 1}))
    options = read(str(file), "--text", "line", config=True)
    assert (options.whole, options.text, options.flag, options.maybe) == (4, "line", True, None)
    assert options.extra_gen == {"x": 1}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"whole": }', "is no valid JSON, line 1"),
        ('{\n"whole": 3,\n}', "is no valid JSON, line 3"),
        ("", "is no valid JSON, line 1"),
        ('{"whole": ' + "9" * 5000 + "}", "is no valid JSON, a number in it is too long"),
        ("[" * 100_000, "is no valid JSON, too deep"),
        ("[1]", "must hold an object of options, not a list"),
        ('{"place": "gpu"}', "--place must be cpu, cuda or cuda:N, not 'gpu'"),
        ('{"wole": 3}', "unknown option --wole (did you mean --whole?)"),
        ('{"whole": "x"}', "--whole needs a whole number, not 'x'"),
        ('{"whole": true}', "--whole needs a value"),
        ('{"whole": 1.5}', "--whole needs a whole number, not 1.5"),
        ('{"whole": null}', "--whole needs a whole number, not None"),
        ('{"text": 3}', "--text needs a text, not 3"),
        ('{"flag": 1}', "--flag needs true or false, not 1"),
        ('{"number": NaN}', "--number needs a number, not 'NaN'"),
        ('{"number": [1]}', "--number needs a number, not [1]"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, text, line):
    file = tmp_path / "c.json"
    file.write_text(text)
    with pytest.raises(OptionError) as error:
        read(str(file), config=True)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_or_binary_file(tmp_path):
    with pytest.raises(OptionError, match="can't be read: No such file"):
        read_config(str(tmp_path / "none.json"))
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OptionError, match="can't be read"):
        read_config(str(tmp_path / "b.json"))


def test_a_file_that_begins_with_a_byte_order_mark(tmp_path):
    file = tmp_path / "c.json"
    file.write_text('{"whole": 4}', encoding="utf-8-sig")
    assert read(str(file), config=True).whole == 4


@pytest.mark.parametrize(
    "words", [["a.json", "b.json"], ["--whole", "1", "b.json"], ["--flag", "true", "b.json"], [""]]
)
def test_a_file_stands_first_and_alone(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(OptionError, match=f"^unexpected argument '{words[-1]}': options begin with --$"):
        read(*words, config=True)


@given(
    st.builds(
        Sample,
        text=st.text(),
        maybe=st.sampled_from([None, "x", "y"]),
        whole=st.integers(-5, 1000),
        number=st.floats(min_value=1e-300, allow_nan=False),
        flag=st.booleans(),
        place=st.sampled_from([None, "cpu", "cuda:0"]),
        gen_listed=st.integers(),
    )
)
def test_round_trip(options):
    values = {f.name: getattr(options, f.name) for f in option_fields(Sample)}
    assert read(*(f"--{name}={value}" for name, value in values.items())) == options
    if not options.text.startswith("--"):  # then only `=` tells the value from an option
        assert read(*(word for name, value in values.items() for word in (f"--{name}", str(value)))) == options
    assert read_options([Sample], json.loads(json.dumps(values)))[0] == options


def test_help_names_every_option_its_default_and_help(capsys):
    with pytest.raises(SystemExit) as end:
        parse_options([Sample], ["--whole", "x", "--help"], prog="p.py", description="What it does.")
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text == help_text([Sample], prog="p.py", description="What it does.", config_file=False) + "\n"
    for f in option_fields(Sample):
        assert f"--{f.name} {default_text(f)}" in text
        assert f.metadata["help"] in text
    assert "--gen_X" in text
    assert "extra_gen" not in text
