"""What a pipeline makes of its options for a client, before any model is loaded."""

from __future__ import annotations

import socket

import pytest

from tests.fakes import FakeClock
from tests.fakes_transport import FakeTransport
from utils.options.server import read_server_options
from utils.server.pipeline import Pipeline


def test_a_pair_is_as_the_options_say():
    options = ["--sample_rate", "8000", "--send_lead_ms", "150", "--chunk_size", "64"]
    pipeline = Pipeline(read_server_options(options))
    microphone, mouth = socket.socketpair()
    speaker, ear = socket.socketpair()
    pair = pipeline.tcp_pair(microphone, speaker)
    with mouth, ear:
        mouth.sendall(bytes(100))
        assert pair.read(10) == bytes(64)
        assert pair.write(b"\x01\x02", lambda: True) == 2
        assert ear.recv(2) == b"\x01\x02"
    pair.close()
    assert (pair.input_rate, pair.output_rate, pair.lead_s) == (8_000, 44_100, 0.15)


def test_a_client_that_speaks_at_another_rate_than_is_heard_is_refused():
    pipeline = Pipeline(read_server_options([]))
    transport = FakeTransport(FakeClock(), input_rate=8_000)
    with pytest.raises(ValueError, match=r"^the client speaks at 8000 Hz, and --sample_rate is 16000$"):
        pipeline.conversation(transport, "10.0.0.7", lambda: None)
