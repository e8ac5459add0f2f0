"""docs/architecture.md says what the code says: its states, its messages, its files, its words."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from handlers.lm import LMEngine
from handlers.stt import STTEngine
from handlers.tts import TTSEngine
from tests.utils.turns.test_machine import ROWS
from utils.conversation import dialogue, messages
from utils.turns.attempts import LIVE, State

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
HYPOTHETICAL = {"handlers/my/engine.py", "handlers/my/handler.py", "arguments/my_tts_arguments.py"}  # "How to add"
OURS = {
    "turn", "attempt", "live", "commit", "confirm", "discard", "superseded", "speculative", "spared", "revised",
    "in doubt", "doubtful", "hold", "false interruption", "part", "interim transcript", "memo", "session", "stage",
    "engine", "engine thread", "lead", "silence window", "job", "step", "lane", "parked", "urgency", "latest start",
    "past capacity", "admission",
}  # fmt: skip
THE_FIELD_S = {
    "utterance", "VAD", "onset", "endpointing", "barge-in", "backchannel", "prefill", "time to first audio",
    "voice to voice", "real-time factor", "underrun",
}  # fmt: skip
SOURCES = [*ROOT.glob("handlers/**/*.py"), *ROOT.glob("utils/**/*.py"), *ROOT.glob("arguments/*.py")]


def section(heading: str) -> str:
    """What stands under this heading, up to the next of the same rank."""
    _, found, rest = TEXT.partition(f"\n## {heading}\n")
    assert found, heading
    return rest.partition("\n## ")[0]


def diagram(text: str) -> str:
    """The first mermaid diagram in it."""
    return re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)[0]


def glossary() -> dict[str, str]:
    """Word → what it means, from both tables."""
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", section("Glossary"), re.MULTILINE)
    return {word: meaning for word, meaning in rows if word not in ("word", "term", "---")}


def test_the_states_and_their_transitions_are_those_of_the_code():
    drawn = set(re.findall(r"^\s*(\w+) --> (\w+)", diagram(section("The states of an attempt")), re.MULTILINE))
    made = {(before.value, after.value) for _, before, after in ROWS if before is not after}
    assert drawn == made
    assert len(LIVE) == 4  # "the first four states"


@pytest.mark.parametrize("state", State)
def test_every_state_is_in_the_glossary(state):
    assert any(state.value in word.split(", ") for word in glossary())


def test_every_message_is_named():
    kinds = {name for name, kind in vars(messages).items() if dataclasses.is_dataclass(kind)}
    assert kinds - set(re.findall(r"\w+", TEXT)) == set()


def test_the_arrows_carry_the_messages_of_the_code():
    arrows = re.findall(r"─ ([A-Z]\w+(?:, [A-Z]\w+)*) ─▶", TEXT)
    assert arrows == re.findall(r"─ ([A-Z]\w+(?:, [A-Z]\w+)*) ─▶", messages.__doc__ or "")


@pytest.mark.parametrize("word", sorted(OURS | THE_FIELD_S))
def test_the_glossary_has(word):
    assert len(glossary()[word]) > 20


def test_every_file_that_is_named_is_there():
    paths = set(re.findall(r"`((?:handlers|utils|arguments|docs|tests)/[\w/.]*)`", TEXT)) - HYPOTHETICAL
    assert len(paths) > 10
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_class_that_is_named_is_there():
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    named = {name for name in re.findall(r"`([A-Z]\w+[a-z]\w*)\b[^`]*`", TEXT) if not name.startswith("My")}
    assert len(named) > 10
    assert [name for name in sorted(named) if f"class {name}" not in code] == []


@pytest.mark.parametrize("protocol", [STTEngine, LMEngine, TTSEngine])
def test_what_an_engine_has_to_have_is_said(protocol):
    (row,) = re.findall(rf"\| \w+ \| `{protocol.__name__}` in `[\w/.]+` \| (.+) \|", TEXT)
    methods = {name for name, member in vars(protocol).items() if callable(member) and not name.startswith("_")}
    assert set(re.findall(r"`(\w+)\(", row)) == methods


def test_the_durations_are_those_of_the_code():
    text = section("What is not known yet: revise, spare, doubt")
    assert f"lasts {dialogue.SURELY_MORE_MS / 1_000:g} s, user_speaks" in text
    assert f"lasts {dialogue.SURELY_INTERRUPTS_MS / 1_000:g} s, interrupt" in text
