"""The lines on stdout."""

from __future__ import annotations

import io
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.conversation.transcript import TranscriptOutput
from utils.system.local_server import ROOT
from utils.text.one_line import one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("one", "one"),
        ("  two \t words ", "two words"),
        ("a\nb\r\nc\x0bd\u2028e\u00a0f", "a b c d e f"),
    ],
)
def test_a_text_is_one_line(text, line):
    assert one_line(text) == line


@given(st.text())
def test_any_text_is_one_line_of_the_same_words(text):
    assert one_line(text).splitlines() in ([], [one_line(text)])
    assert one_line(text).split() == text.split()


def test_each_line_says_who_speaks():
    stream = io.StringIO()
    output = TranscriptOutput(stream)
    output.user("What\nis it?")
    output.assistant("This. ")
    output.latency("LATENCY: turn 1")
    assert stream.getvalue() == "USER: What is it?\nASSISTANT: This.\nLATENCY: turn 1\n"


def test_stdout_is_looked_up_at_each_line(capsys):
    output = TranscriptOutput()
    output.user("here")
    assert capsys.readouterr().out == "USER: here\n"


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("latin-1", "ASSISTANT: caf\u00e9 ?5 ?".encode("latin-1")),
        ("ascii", b"ASSISTANT: caf? ?5 ?"),
        ("utf-8", "ASSISTANT: caf\u00e9 \u20ac5 \u4f60".encode()),
    ],
)
def test_a_terminal_that_lacks_a_letter_shows_the_rest_of_it_and_every_line_after(encoding, written):
    raw = io.BytesIO()
    output = TranscriptOutput(io.TextIOWrapper(raw, encoding=encoding))
    output.assistant("caf\u00e9 \u20ac5 \u4f60")
    output.assistant("next")
    assert raw.getvalue().splitlines() == [written, b"ASSISTANT: next"]


def test_half_a_surrogate_pair_is_shown_as_a_question_mark():
    """A model that writes bytes can be cut off inside an emoji."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    TranscriptOutput(stream).assistant("so \ud83d")
    assert raw.getvalue() == b"ASSISTANT: so ?\n"


class BrokenPipe(io.StringIO):
    tries = 0

    def flush(self):
        self.tries += 1
        raise BrokenPipeError(32, "Broken pipe")


def test_a_pipe_that_broke_is_said_once_and_left_alone(caplog):
    stream = BrokenPipe()
    output = TranscriptOutput(stream)
    for _ in range(3):
        output.user("x")
    assert stream.tries == 1
    assert len(caplog.records) == 1
    assert "stdout can't be written" in caplog.text


def test_the_reader_of_the_real_stdout_may_go():
    code = "from utils.conversation.transcript import TranscriptOutput as T\ninput()\nt = T()\nt.user('a')\nt.user('b')"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        _, said = process.communicate(b"go\n", timeout=30)
    assert said.count(b"stdout can't be written") == 1
    assert b"Traceback" not in said


def test_two_threads_do_not_mix_their_lines():
    stream = io.StringIO()
    output = TranscriptOutput(stream)
    threads = [
        threading.Thread(target=lambda say=say: [say("x" * 50) for _ in range(200)])
        for say in (output.user, output.assistant)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    lines = stream.getvalue().splitlines()
    assert sorted(lines) == [f"ASSISTANT: {'x' * 50}"] * 200 + [f"USER: {'x' * 50}"] * 200
