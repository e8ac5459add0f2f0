"""The real server with its language model in Transformers, over real sockets, in real time."""

from __future__ import annotations

import contextlib

import pytest

from tests.server_process import ServerProcess
from tests.spoken import assert_understood, words

FRANCE = "What is the capital of France?"


@pytest.fixture(scope="module")
def server():
    model = ["--lm", "transformers", "--lm_model_name", "bundled:smollm2-135m-instruct"]
    with ServerProcess("--log_level", "debug", *model) as running:
        yield running


def test_a_question_is_understood_and_answered(server, say):
    mark = len(server.lines)
    with server.connect() as client:
        client.say(say(FRANCE))
        client.silence(0.6)
        assert client.wait_bytes(44_100)
        assert_understood(FRANCE, server.wait_line("USER:", mark))
        assert "paris" in words(server.wait_line("ASSISTANT:", mark))
        assert server.wait_line("LATENCY:", mark)


def test_the_next_turn_reads_only_what_is_new(server, say):
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(server.connect())
        for question in (FRANCE, "Who wrote the play Hamlet?"):
            mark, log_mark = len(server.lines), len(server.log)
            client.say(say(question))
            client.silence(0.6)
            assert server.wait_line("ASSISTANT:", mark)
            assert server.wait_line("LATENCY:", mark)
        read = [line for line in server.log[log_mark:] if "of them cached" in line]
        assert read
        assert all(int(words(line.rpartition(",")[2]).split()[0]) > 40 for line in read), read


def test_the_file_s_options_for_the_other_backend_are_left_out_with_one_line(server):
    (note,) = [line for line in server.log if line.endswith("not used")]
    assert "options of backends that are not chosen: lm_n_ctx" in note
