"""The library that Parler-TTS is compared with: where it is missing, one line says what to do."""

from __future__ import annotations

import pytest

from benchmarks.parler_reference import environment
from benchmarks.parler_reference.environment import REQUIREMENTS, ReferenceMissing, in_ci, make, require, why_not


@pytest.fixture
def usable(monkeypatch):
    """A Python that runs the library, whichever this is."""
    monkeypatch.setattr(environment, "why_not", lambda: None)


def test_what_is_missing_is_to_be_made(usable, tmp_path):
    with pytest.raises(ReferenceMissing, match="run make reference"):
        require(tmp_path / "nothing")


def test_what_was_made_of_other_requirements_is_missing(usable, tmp_path):
    (tmp_path / ".made").write_text("parler-tts==0.2.2\n")
    with pytest.raises(ReferenceMissing, match="run make reference"):
        require(tmp_path)


def test_what_is_there_is_neither_missing_nor_made_again(usable, tmp_path):
    (tmp_path / ".made").write_text(REQUIREMENTS.read_text("utf-8"), "utf-8")
    assert require(tmp_path) == make(tmp_path) == tmp_path


def test_an_installation_that_fails(usable, tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "not-there.txt")
    with pytest.raises(ReferenceMissing, match="pip ended with status"):
        make(tmp_path / "folder")


def test_a_python_that_is_too_new_is_named():
    assert why_not((3, 13)) is None
    assert why_not((3, 14)) == "the Parler-TTS library runs under Python 3.11-3.13, and this is 3.14"


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("1", True), ("", False), ("false", False)])
def test_what_is_continuous_integration(monkeypatch, value, expected):
    monkeypatch.setenv("CI", value)
    assert in_ci() == expected


def test_what_the_library_says_against_a_question_is_one_error(reference, tmp_path):
    with pytest.raises(RuntimeError, match="the Parler-TTS library: "):
        reference.generate(tmp_path, [])
    assert reference.delayed([[1, 2, 3, 4]], 11, 10)  # it goes on
