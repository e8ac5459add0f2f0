"""The tables that the code writes: every option and every metric is in them, with what it takes."""

from __future__ import annotations

import re

import pytest

from arguments.client_arguments import ClientArguments
from utils.metrics.figures import OUTCOMES, TurnMetrics
from utils.metrics.moments import Moments
from utils.metrics.prometheus import ExportedMetrics
from utils.options.parser import option_fields
from utils.options.server import all_dataclasses
from utils.readme.metrics_tables import moments_table, prometheus_table, turn_table
from utils.readme.options_table import options_table, values
from utils.readme.parts import PARTS, with_parts


def named(table: str) -> list[str]:
    """What stands in backticks in each row's first cell."""
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def test_every_option_has_a_row():
    wanted = [f"--{field.name}" for cls in [*all_dataclasses(), ClientArguments] for field in option_fields(cls)]
    assert named(options_table()) == wanted


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("thresh", "more than 0.0, less than 1.0"),
        ("max_speech_ms", "at least 1000"),
        ("min_silence_ms", "32 to 60000"),
        ("allow_interruptions", "true, false"),
        ("lm_quantize", "none, int8"),
        ("play_steps_s", "more than 0.0, at most 30.0"),
        ("user_role", ""),
    ],
)
def test_values_are_said_in_words(option, words):
    fields = {field.name: (cls, field) for cls in all_dataclasses() for field in option_fields(cls)}
    assert values(*fields[option]) == words


def test_every_field_of_the_metrics_file_has_a_row():
    assert named(turn_table()) == list(TurnMetrics.__dataclass_fields__)
    assert named(moments_table()) == list(Moments.__dataclass_fields__)


def test_every_metric_has_a_row_with_the_name_that_a_query_uses():
    exported = ExportedMetrics().text()[0].decode()
    names = named(prometheus_table())
    assert len(names) == len(re.findall("^# TYPE", exported, re.MULTILINE))
    assert all(re.search(rf"^{name}(_bucket)?[ {{]", exported, re.MULTILINE) for name in names)
    assert f"`outcome`: {', '.join(OUTCOMES)}" in prometheus_table()


def test_parts_stand_between_their_marks():
    start, end = "<!-- options: written by python -m utils.readme.parts -->", "<!-- end of options -->"
    text = with_parts("docs/options.md", f"a\n{start}\nold\n{end}\nb\n")
    assert text == f"a\n{start}\n\n{options_table()}\n\n{end}\nb\n"
    assert with_parts("docs/options.md", text) == text


@pytest.mark.parametrize("name", PARTS)
def test_a_missing_mark_is_an_error(name):
    with pytest.raises(ValueError, match="substring"):
        with_parts(name, "no marks")
