"""Switches off the telemetry of libraries, so that nothing about a conversation leaves the machine.

From version 1.29 on, the Linux packages of ONNX Runtime send Microsoft an event for every model that they load: the
names of its file and graph, hashes, and the options of the session (see its docs/Privacy.md and release notes). They do
so from threads of their own, and keep the events in ~/.cache/Microsoft until there is a network. The client of the
Hugging Face hub reports uses together with its requests.
"""

from __future__ import annotations

import os


def report_nothing() -> None:
    """Set the environment variables. They work for libraries that are imported later. What the user has set stays."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
